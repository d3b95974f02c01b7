"""The kernel distance between two sets of features (KID): a discrepancy without bias.

Binkowski et al. (2018), "Demystifying MMD GANs", sections 2.1 and 4: with the kernel
``k(x, y) = (x.y / D + 1)^3`` and sets of n and m rows,

``MMD^2 = sum_{i != j} k(x_i, x_j) / (n (n - 1)) + sum_{i != j} k(y_i, y_j) / (m (m - 1))
- 2 mean_ij k(x_i, y_j)``.

Its expectation is 0 where the distributions are the same, for any number of rows; one figure may be
below 0. The distance is the mean over random subsets.

Paper and released code: not in Salimans et al. (2016). The released code of the distance draws 100
subsets of 1,000 rows without replacement, and gives their population deviation; so does this.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .keywords import by_keyword
from .matrices import real_and_fake
from .tensor_like import TensorLike


class KernelDistance(NamedTuple):
    """A distance and what it was taken of.

    Attributes:
        mean: over the subsets; may be below 0.
        std: population deviation over the subsets.
        subsets: how many.
        subset_size: rows of each set in a subset.
    """

    mean: float
    std: float
    subsets: int
    subset_size: int

    def __float__(self) -> float:
        """Return the mean."""
        return self.mean

    def __str__(self) -> str:
        """Return the distance with its definition in one line."""
        return (
            f"kernel distance {self.mean:.6f} +- {self.std:.6f}: MMD^2 by (x.y / D + 1)^3, mean "
            f"and population deviation of {self.subsets:,} subsets of {self.subset_size:,} rows"
        )


@torch.no_grad()
def polynomial_discrepancy(real: TensorLike, fake: TensorLike) -> float:
    """Return the squared discrepancy of two sets by the polynomial kernel, without bias.

    Order does not matter.

    Args:
        real: (n, D), 2 rows or more, finite.
        fake: (m, D), likewise.

    Raises:
        ValueError: if they are no such matrices.

    Example:
        >>> polynomial_discrepancy(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [1.0]]))
        -19.0
    """
    x, y = (rows.double() for rows in _sets(real, fake, size=2))
    within = [
        (kernel.sum() - kernel.trace()) / (len(kernel) * (len(kernel) - 1))
        for kernel in (_kernel(x, x), _kernel(y, y))
    ]
    return float(within[0] + within[1] - 2 * _kernel(x, y).mean())


@by_keyword("real", "fake")
@torch.no_grad()
def kernel_distance(
    *,
    real: TensorLike,
    fake: TensorLike,
    subsets: int = 100,
    subset_size: int = 1000,
    chance: torch.Generator,
) -> KernelDistance:
    """Return the mean discrepancy of random subsets of two sets of features.

    Args:
        real: (N, D), finite. Its subset is drawn first.
        fake: (M, D), finite.
        subsets: how many are drawn, 1 or more.
        subset_size: rows of each set in a subset, from 2 to the rows of the smaller set.
        chance: draws them, without replacement within a subset.

    Returns:
        Mean and deviation over the subsets; ``float`` of it is the mean.

    Raises:
        ValueError: if these are no such matrices or numbers.

    Example:
        >>> rows = torch.arange(6.0).reshape(3, 2)
        >>> chance = torch.Generator().manual_seed(0)
        >>> found = kernel_distance(real=rows, fake=rows, subset_size=3, chance=chance)
        >>> float(found) == found.mean
        True
    """
    if subsets < 1:
        raise ValueError(f"subsets must be 1 or more, got {subsets}")
    if subset_size < 2:
        raise ValueError(f"subset_size must be 2 or more, got {subset_size}")
    first, second = _sets(real, fake, size=subset_size)
    found = [
        polynomial_discrepancy(
            first[_draw(len(first), subset_size, chance, first.device)],
            second[_draw(len(second), subset_size, chance, second.device)],
        )
        for _ in range(subsets)
    ]
    mean = math.fsum(found) / subsets
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in found) / subsets)
    return KernelDistance(mean, std, subsets, subset_size)


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _draw(rows: int, size: int, chance: torch.Generator, device: torch.device) -> Tensor:
    return torch.randperm(rows, generator=chance, device=chance.device)[:size].to(device)


def _sets(real: TensorLike, fake: TensorLike, *, size: int) -> tuple[Tensor, Tensor]:
    x, y = real_and_fake(real, fake)
    if min(len(x), len(y)) < size:
        raise ValueError(f"subsets of {size} rows need as many, got {len(x)} and {len(y)}")
    return x, y
