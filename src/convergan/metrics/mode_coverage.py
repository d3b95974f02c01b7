"""How many modes of the data a generator finds, and how evenly.

With ``p_m`` the share of samples in mode ``m`` and ``q_m`` that of the data, the distance is
``KL(p || q) = sum_m p_m log(p_m / q_m)`` in nats, with ``0 log 0 = 0``: 0 where all modes are found
as often as they are, ``log(M / k)`` where k of M equal modes share the samples evenly. It is finite
whatever is missed, and grows with few samples: a held-out set of real rows has one as well.

Srivastava et al. (2017), "VEEGAN", section 4; Lin et al. (2018), "PacGAN", section 4. A sample is
of high quality within three deviations of the nearest centre; a mode is found if one such sample
is its.

Paper and released code: Salimans et al. (2016) look at collapse by eye. For Gaussians PacGAN's code
has another distance, the Jensen-Shannon divergence from even shares of the samples of high quality
alone, which has no value where there are none. Here all samples count, each for its nearest centre.
Where 1 of 8 modes has all samples, this says 2.079 and that 0.497; where 4 share them, 0.693 and
0.216; where 40 % are in one, 10 % in each of four others, and 20 % nearest to a sixth but far from
it, 0.470 and 0.190. That never exceeds ``log 2``.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .keywords import by_keyword
from .matrices import finite_matrix
from .tensor_like import TensorLike, as_tensor


class ModeCoverage(NamedTuple):
    """What samples found.

    Attributes:
        found: modes with a sample, of high quality where that can be told.
        modes: modes there are.
        kl: divergence of the samples' shares from the data's, in nats.
        high_quality: fraction of samples near a centre, or None where modes are classes.
    """

    found: int
    modes: int
    kl: float
    high_quality: float | None

    def __str__(self) -> str:
        """Return the line that a table shows."""
        quality = "" if self.high_quality is None else f", {self.high_quality:.1%} near one"
        return f"{self.found} of {self.modes} modes, KL {self.kl:.3f} nats{quality}"


@by_keyword("samples", "centres")
@torch.no_grad()
def mode_coverage(
    *, samples: TensorLike, centres: TensorLike, std: float, deviations: float = 3.0
) -> ModeCoverage:
    """Count the modes of a mixture of equal Gaussians that samples find.

    Args:
        samples: (N, D), at least one, finite.
        centres: (M, D), equally frequent.
        std: deviation of each Gaussian along each axis, above 0.
        deviations: how many of them away a sample of high quality may be.

    Returns:
        Modes found, the divergence in nats, and the share of high quality.

    Raises:
        ValueError: if these are no such matrices, or widths differ.

    Example:
        >>> centres = torch.tensor([[0.0, 0.0], [9.0, 0.0]])
        >>> print(mode_coverage(samples=torch.zeros(4, 2), centres=centres, std=1.0))
        1 of 2 modes, KL 0.693 nats, 100.0% near one
    """
    centres = finite_matrix(centres, "centres")
    samples = finite_matrix(samples, "samples", width=centres.shape[1]).to(centres.device)
    nearest = torch.cdist(samples.double(), centres.double()).min(dim=1)
    near = nearest.values <= deviations * std
    found = int(nearest.indices[near].bincount().count_nonzero())
    shares = torch.full(
        (len(centres),), 1 / len(centres), dtype=torch.float64, device=centres.device
    )
    kl = _divergence(nearest.indices, shares)
    return ModeCoverage(found, len(centres), kl, near.double().mean().item())


def class_coverage(classes: TensorLike, shares: TensorLike) -> ModeCoverage:
    """Count the classes that a classifier sees in samples, such as the thousand of Stacked MNIST.

    Args:
        classes: (N,) integers in [0, M), at least one.
        shares: (M,) of each class in the data, above 0 with sum 1.

    Returns:
        Classes found and the divergence in nats.

    Raises:
        ValueError: if there are no samples, or a class is out of range.

    Example:
        >>> print(class_coverage(torch.tensor([0, 1, 1, 0]), torch.full((4,), 0.25)))
        2 of 4 modes, KL 0.693 nats
    """
    classes = as_tensor(classes, "classes")
    shares = as_tensor(shares, "shares").to(classes.device)
    if classes.dim() != 1 or not _whole(classes):
        raise ValueError(
            f"classes must be integers (N,), got {classes.dtype} {tuple(classes.shape)}"
        )
    classes = classes.long()
    if not len(classes) or not 0 <= int(classes.min()) <= int(classes.max()) < len(shares):
        raise ValueError(f"classes must be one or more numbers from 0 to {len(shares) - 1}")
    found = int(classes.bincount().count_nonzero())
    return ModeCoverage(found, len(shares), _divergence(classes, shares.double()), None)


def _whole(numbers: Tensor) -> bool:
    """Whether they are integers, as are those of a list that became float64."""
    return not numbers.is_floating_point() or bool((numbers == numbers.round()).all())


def _divergence(modes: Tensor, shares: Tensor) -> float:
    counted = torch.bincount(modes, minlength=len(shares)).double() / len(modes)
    return float(torch.special.xlogy(counted, counted / shares).sum())
