"""Virtual batch normalisation: by a fixed reference batch and the example itself.

Salimans et al. (2016), section 3.5. A reference batch of ``n`` examples is chosen once. Its means
``m_r`` and variances ``v_r`` per channel, over examples and places, are mixed with those of example
``i`` over its own places, ``m_i`` and ``v_i``, with weight ``w = 1 / (n + 1)``:
``m = w m_i + (1 - w) m_r``, ``v = (1 - w) v_r + w v_i + w (1 - w) (m_i - m_r)^2`` and
``y = gamma (x - m) / sqrt(v + epsilon) + beta``. That is the row of ``x`` in plain batch
normalisation of the ``n + 1`` examples. The reference rows themselves get plain batch normalisation
among each other.

Paper and released code: the paper means the above. The ImageNet code had three versions of what is
mixed in, the argument ``mode``:

===============  ==========  ========================  ===============================
mode             since       mean                      mean square
===============  ==========  ========================  ===============================
``paper2016``    2016-06-09  of the whole live batch   of the whole live batch
``june2016``     2016-06-21  of the example            of the whole live batch
``per_example``  2017-05-19  of the example            of the example
===============  ==========  ========================  ===============================

All have weight ``1 / (n + 1)``. The last is the paper's and the default here; the published
ImageNet samples must come from the first. In the second, mean square minus squared mean is no
variance: the output is NaN where it falls below ``-epsilon``.

The code keeps the reference statistics of the last call in each layer. Here the reference rows
travel through the network in front of the live ones (`hold_reference`), so that no layer remembers
a call. Gradients go through the reference statistics, there and here.
"""

from contextvars import ContextVar
from typing import Literal, get_args

import torch
from torch import Tensor

from ..collective import gathered, rows_shared
from .scale_and_shift import ScaleAndShift

ROWS_IN_FRONT: ContextVar[int | None] = ContextVar("reference rows in front", default=None)
"""While a network that holds a reference batch is called: how many rows of it are in front."""
Mode = Literal["per_example", "paper2016", "june2016"]
"""What is mixed with the reference statistics."""


def virtual_batch_norm(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    *,
    num_reference: int,
    mode: Mode = "per_example",
    epsilon: float = 1e-5,
) -> Tensor:
    """Normalise live rows by reference rows and themselves, reference rows by each other.

    Args:
        x: (n + N, C) or (n + N, C, H, W), first the reference rows; N may be 0.
        gamma: (C,), scale.
        beta: (C,), shift.
        num_reference: n, at least 1.
        mode: whose statistics are mixed in, see above.
        epsilon: added to the variance.

    Returns:
        A tensor of the shape and dtype of ``x``, computed in float32 at least.

    Raises:
        ValueError: if ``x`` has fewer than ``num_reference`` rows or not C channels, or if there is
            no such mode.

    Example:
        >>> rows = torch.tensor([[0.0], [2.0], [4.0]])
        >>> virtual = virtual_batch_norm(rows, torch.ones(1), torch.zeros(1), num_reference=2)
        >>> plain = torch.nn.functional.batch_norm(rows, None, None, training=True)
        >>> torch.allclose(virtual[2], plain[2])
        True
    """
    _check(x, gamma, num_reference, mode)
    values = x.to(torch.promote_types(x.dtype, torch.float32))
    if x.dim() == 2:  # an example is its own mean
        mean, variance = _mix(values, torch.zeros_like(values), num_reference, mode)
        return (beta + gamma * (values - mean) * (variance + epsilon).rsqrt()).to(x.dtype)
    values = values.flatten(2)  # (n + N, C, P)
    means = values.mean(dim=2)
    centred = values - means.unsqueeze(2)
    variances = centred.square().mean(dim=2)
    mean, variance = _mix(means, variances, num_reference, mode)  # (n + N, C)
    scale = gamma * (variance + epsilon).rsqrt()
    shift = beta + (means - mean) * scale
    y = torch.addcmul(shift.unsqueeze(2), centred, scale.unsqueeze(2))
    return y.view(x.shape).to(x.dtype)


def _mix(means: Tensor, variances: Tensor, n: int, mode: Mode) -> tuple[Tensor, Tensor]:
    """What each row is normalised by, from means and variances of the rows, all (n + N, C)."""
    mean, variance = _together(means[:n], variances[:n])
    live_means, live_variances = means[n:], variances[n:]
    if mode != "per_example":
        both = gathered(torch.cat([live_means, live_variances], dim=1))
        batch_mean, batch_variance = _together(*both.chunk(2, dim=1))
        live_variances = batch_variance.expand_as(live_means)
        if mode == "paper2016":
            live_means = batch_mean.expand_as(live_means)
        else:  # the mean square is the batch's, the mean is not
            live_variances = live_variances + batch_mean.square() - live_means.square()
    w = 1 / (n + 1)
    gap = live_means - mean
    live_mean = mean + w * gap
    live_variance = (1 - w) * variance + w * live_variances + w * (1 - w) * gap.square()
    return (
        torch.cat([mean.expand(n, -1), live_mean]),
        torch.cat([variance.expand(n, -1), live_variance]),
    )


def _together(means: Tensor, variances: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of rows taken together, (C,), from those of each row, (N, C)."""
    mean = means.mean(dim=0)
    return mean, variances.mean(dim=0) + (means - mean).square().mean(dim=0)


def _check(x: Tensor, gamma: Tensor, num_reference: int, mode: str) -> None:
    if not 1 <= num_reference <= x.shape[0]:
        raise ValueError(
            f"the first {num_reference} rows are to be the reference batch, which needs at least 1 "
            f"and at most the {len(x)} rows there are"
        )
    if x.shape[1] != len(gamma):
        raise ValueError(f"rows have {x.shape[1]} channels, gamma and beta have {len(gamma)}")
    _check_mode(mode)


def _check_mode(mode: str) -> None:
    if mode not in get_args(Mode):
        raise ValueError(f"mode must be one of {', '.join(get_args(Mode))}, got {mode!r}")


class VirtualBatchNorm(ScaleAndShift):
    """`virtual_batch_norm` with a learned scale and shift, in the place of `torch.nn.BatchNorm2d`.

    The network gets its reference batch by `hold_reference`, and is then called as ever. The layer
    is the same in training and in evaluation mode.

    Args:
        num_channels: size of dimension 1.
        num_reference: n, how many rows at the front of every batch are the reference, for who puts
            them there; None where `hold_reference` does.
        chance: draws ``weight`` from N(1, 0.02), None for torch's own generator; ``bias`` starts at
            0. Both are of shape (C,).
        mode: whose statistics are mixed with those of the reference.
        epsilon: added to the variance.
        sync: see `convergan.collective.rows_shared`; ``per_example`` compares no rows.

    Raises:
        ValueError: if there is no such mode.

    Example:
        >>> from torch import nn
        >>> from convergan.layers import hold_reference
        >>> network = nn.Sequential(nn.Linear(2, 3), VirtualBatchNorm(3), nn.ReLU())
        >>> network = hold_reference(network, torch.randn(16, 2))
        >>> network(torch.randn(5, 2)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        num_channels: int,
        *,
        num_reference: int | None = None,
        chance: torch.Generator | None = None,
        mode: Mode = "per_example",
        epsilon: float = 1e-5,
        sync: bool | None = None,
    ) -> None:
        _check_mode(mode)
        super().__init__(num_channels, chance=chance)
        self.num_reference = num_reference
        self.held = False
        self.mode: Mode = mode
        self.epsilon = epsilon
        self.sync = False if mode == "per_example" else sync

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x`` of shape (n + N, C) or (n + N, C, H, W), reference rows first.

        Raises:
            RuntimeError: if there is no reference batch.
        """
        num_reference = self.num_reference
        if self.held and not torch.compiler.is_compiling():  # who traces asks no context variable
            num_reference = ROWS_IN_FRONT.get()
        if num_reference is None:
            raise RuntimeError(
                "virtual batch normalisation has no reference batch: call "
                "hold_reference(network, reference) once, with inputs of the whole network, for "
                "example noise for a generator, and then the network itself, not a part of it or "
                "its forward"
            )
        with rows_shared(self, x[num_reference:]):
            return virtual_batch_norm(
                x,
                self.weight,
                self.bias,
                num_reference=num_reference,
                mode=self.mode,
                epsilon=self.epsilon,
            )

    def extra_repr(self) -> str:
        """Show the sizes and the mode in ``repr``."""
        return (
            f"{self.weight.numel()}, num_reference={self.num_reference}, mode={self.mode!r}, "
            f"epsilon={self.epsilon}"
        )
