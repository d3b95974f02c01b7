"""The Frechet distance between the Gaussians of two sets of features (FID).

Heusel et al. (2017), "GANs trained by a two time-scale update rule", section 2, equation 6: with
means ``m`` and covariances ``S``,

``d = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)``.

With ``S1 = A A^T``, the last trace is the sum of the roots of the eigenvalues of ``A^T S2 A``,
which is symmetric: no square root of a matrix and no complex numbers. ``A`` is the Cholesky factor.
A root halves the digits of a small eigenvalue, so where the error of the sum may reach 1e-7 of it,
and where S1 is singular, the roots are taken as what they are besides, the singular values of
``A1^T A2``, with factors of eigenvectors whose eigenvalue is not 0 but for rounding. That takes
several times as long.

The distance is biased upwards, the more the fewer rows: sets of different size do not compare.

Paper and released code: not in Salimans et al. (2016). The released code of the distance takes
`scipy.linalg.sqrtm` of ``S1 S2``, adds 1e-6 to both diagonals if that fails, and drops imaginary
parts up to 1e-3.
"""

import torch
import torch.distributed
from torch import Tensor

from .keywords import by_keyword
from .matrices import finite_matrix
from .tensor_like import TensorLike

AT_A_TIME = 10_000
"""Rows that are held in float64."""
ROOT_TOLERANCE = 1e-7
"""Of the sum of roots: an estimate of its error above this asks for the slower way. The estimate is
high: where it was 1e-6, with deviations over five decades, the two ways were 1e-15 apart."""


class FeatureMoments:
    """Mean and covariance of features that come in batches, in float64.

    Held are the mean and the sum of products about it, joined as Chan et al. (1983) do, so that a
    mean far from 0 takes no digits away. Another order of the rows moves the last digits.

    Args:
        width: D.
        device: where they are held; features may be elsewhere.

    Raises:
        ValueError: if ``width`` is not 1 or more.

    Attributes:
        count: rows so far.
        mean: of these rows, (D,).

    Example:
        >>> moments = FeatureMoments(1)
        >>> moments.update(torch.tensor([[1.0], [2.0]]))
        >>> moments.update(torch.tensor([[6.0]]))
        >>> float(moments.mean), float(moments.covariance)
        (3.0, 7.0)
    """

    def __init__(self, width: int, *, device: torch.device | str = "cpu") -> None:
        if width < 1:
            raise ValueError(f"width must be 1 or more, got {width}")
        self.width, self.count = width, 0
        self.mean = torch.zeros(width, dtype=torch.float64, device=device)
        self._products = torch.zeros(width, width, dtype=torch.float64, device=device)

    @property
    def covariance(self) -> Tensor:
        """The unbiased covariance, (D, D): products over N - 1."""
        if self.count < 2:
            raise ValueError(f"a covariance needs 2 rows or more, got {self.count}")
        return self._products / (self.count - 1)

    @torch.no_grad()
    def update(self, features: TensorLike) -> None:
        """Add a batch.

        Args:
            features: (B, D), finite.

        Raises:
            ValueError: if they are no such matrix.
        """
        given = finite_matrix(features, "features", width=self.width)
        for part in torch.split(given, AT_A_TIME):
            rows = part.to(self.mean.device, torch.float64)
            mean = rows.mean(dim=0)
            rows = rows - mean
            self._products.addmm_(rows.T, rows)
            self._join(len(rows), mean)

    def merge(self, other: "FeatureMoments") -> None:
        """Add what another has, which stays as it is.

        Args:
            other: of the same width, on any device.

        Raises:
            ValueError: if it is of another width.
        """
        if other.width != self.width:
            raise ValueError(f"moments of width {self.width} cannot take those of {other.width}")
        if other.count:
            self._products += other._products.to(self.mean.device)
            self._join(other.count, other.mean.to(self.mean.device))

    def all_reduce(self, group: "torch.distributed.ProcessGroup | None" = None) -> None:
        """Add what all processes of a group have, by default of all; every one then has it.

        Args:
            group: None for all processes.
        """
        sums = torch.cat([self.mean * self.count, self.mean.new_tensor([self.count])])
        torch.distributed.all_reduce(sums, group=group)
        count = round(float(sums[-1]))
        mean = sums[:-1] / max(count, 1)
        self._products.addr_(self.mean - mean, self.mean - mean, alpha=self.count)
        torch.distributed.all_reduce(self._products, group=group)
        self.count, self.mean = count, mean

    def packed(self) -> Tensor:
        """Return all that is held as a copy, (D + 2, D) float64: products, mean, and the count."""
        count = torch.full_like(self.mean, self.count)
        return torch.cat([self._products, self.mean[None], count[None]])

    @classmethod
    def unpacked(cls, packed: Tensor) -> "FeatureMoments":
        """Return the moments that `packed` gave, on the device of ``packed``.

        Raises:
            ValueError: if it is of another shape or dtype.
        """
        if packed.dim() != 2 or len(packed) != packed.shape[1] + 2 or packed.dtype != torch.float64:
            raise ValueError(
                f"packed moments must be float64 (D + 2, D), got {packed.dtype} "
                f"{tuple(packed.shape)}"
            )
        moments = cls(packed.shape[1], device=packed.device)
        moments._products.copy_(packed[:-2])
        moments.mean, moments.count = packed[-2].clone(), int(packed[-1, 0])
        return moments

    def _join(self, count: int, mean: Tensor) -> None:
        """Account for the distance between the means of two parts whose products are added."""
        total = self.count + count
        step = mean - self.mean
        self._products.addr_(step, step, alpha=self.count * count / total)
        self.mean = self.mean + step * (count / total)
        self.count = total


@torch.no_grad()
def frechet_distance(real: FeatureMoments | TensorLike, fake: FeatureMoments | TensorLike) -> float:
    """Return the Frechet distance of two sets of features; order does not matter.

    Args:
        real: one set: features (N, D), finite, or their moments; 2 rows or more.
        fake: the other, of the same width.

    Returns:
        The distance, computed on the device of ``real``.

    Raises:
        ValueError: if they are no such features, widths differ, or one has fewer rows.

    Example:
        >>> real, fake = FeatureMoments(1), FeatureMoments(1)
        >>> real.update([[-1.0], [0.0]])
        >>> real.update([[1.0]])
        >>> fake.update([[0.0], [2.0], [4.0]])
        >>> round(frechet_distance(real, fake), 12)  # (0 - 2)^2 + (1 - 2)^2
        5.0
        >>> round(frechet_distance([[-1.0], [0.0], [1.0]], fake), 12)
        5.0
    """
    a, b = _moments(real, "real features"), _moments(fake, "fake features")
    if a.width != b.width:
        raise ValueError(f"widths must be equal, got {a.width} and {b.width}")
    first, second = a.covariance, b.covariance.to(a.mean.device)
    gap = (a.mean - b.mean.to(a.mean.device)).square().sum()
    return float(gap + first.trace() + second.trace() - 2 * _shared_trace(first, second))


@by_keyword("count", "width")
def small_sample_note(*, count: int, width: int) -> str | None:
    """Return what to print next to a distance of few rows, or None if there are enough.

    Args:
        count: rows of the smaller set.
        width: D of the features.

    Example:
        >>> small_sample_note(count=1000, width=2048)
        '1,000 rows of 2,048 features: the covariance is singular and the distance biased upwards'
        >>> small_sample_note(count=50000, width=2048)
    """
    if count > width:
        return None
    return (
        f"{count:,} rows of {width:,} features: the covariance is singular and the distance "
        "biased upwards"
    )


def _moments(features: FeatureMoments | TensorLike, name: str) -> FeatureMoments:
    if isinstance(features, FeatureMoments):
        return features
    rows = finite_matrix(features, name)
    moments = FeatureMoments(rows.shape[1], device=rows.device)
    moments.update(rows)
    return moments


def _shared_trace(first: Tensor, second: Tensor) -> float:
    """Return ``tr (S1 S2)^(1/2)``."""
    factor, failed = torch.linalg.cholesky_ex(first)
    if not bool(failed):
        values = torch.linalg.eigvalsh(factor.T @ second @ factor)  # ascending
        roots = values.sqrt()  # not numbers where rounding makes a value negative
        error = torch.finfo(values.dtype).eps * values[-1] * (1 / roots).sum() / 2
        if float(error) < ROOT_TOLERANCE * float(roots.sum()):
            return float(roots.sum())
    return float(torch.linalg.svdvals(_factor(first).T @ _factor(second)).sum())


def _factor(covariance: Tensor) -> Tensor:
    """Return A of (D, rank) with A A^T the covariance."""
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > len(values) * torch.finfo(values.dtype).eps * values[-1]
    factor: Tensor = vectors[:, kept] * values[kept].sqrt()
    return factor
