"""Rows in the directions in which they vary most: fewer numbers, which a network multiplies faster.

With the mean ``m`` of the training rows and their leading orthonormal directions of variance ``A``,
a row ``x`` becomes ``A^T (x - m)``. Lengths and noise of the same strength in every direction stay
as they are, and whoever permutes the pixels of all rows gets the same numbers: a problem that is
permutation invariant stays so.

Paper and released code: not in Salimans et al. (2016), whose networks see pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from .batches import to_unit_range
from .neighbors import principal_axes


@dataclass(frozen=True)
class PrincipalComponents:
    """A descriptor that is learned from the training rows, see `convergan.recipes.Recipe`.

    Attributes:
        components: how many, 1 to the numbers of a row.
    """

    components: int

    def learn(self, rows: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the map from rows to their components, (N, *row shape) to (N, components).

        Args:
            rows: training rows, uint8 or float32.

        Raises:
            ValueError: if a row has fewer numbers than components are wanted.
        """
        flat = to_unit_range(rows).flatten(1)
        if not 0 < self.components <= flat.shape[1]:
            raise ValueError(
                f"components must be from 1 to the {flat.shape[1]:,} numbers of a row, got "
                f"{self.components}"
            )
        axes = principal_axes(flat, self.components).flip(1)  # the leading one first
        return partial(_project, mean=flat.mean(dim=0), axes=axes)

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the components of rows, learned from the same rows.

        Args:
            rows: (N, *row shape), uint8 or float32.
        """
        return self.learn(rows)(rows)


def _project(rows: Tensor, *, mean: Tensor, axes: Tensor) -> Tensor:
    return (to_unit_range(rows).flatten(1) - mean) @ axes
