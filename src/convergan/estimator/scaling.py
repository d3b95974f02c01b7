"""Features of mean 0 and one size, whatever their units.

Paper and released code: Salimans et al. (2016) have pixels only, and no scale to learn.
"""

from typing import NamedTuple

import numpy as np

from .calibration import Array

ROUNDING = 1e-9
"""Share of its largest value that a feature varies by at least if it is no constant."""
FARTHEST = 1e6
"""Units from the mean; what is farther away is taken to be this far, so that all is finite."""


class Scale(NamedTuple):
    """Where each of A features is 0 and what it is 1 for.

    Attributes:
        mean: (A,)
        unit: (A,), infinite for a constant: nothing is learned about it, so it is 0 everywhere.
    """

    mean: Array
    unit: Array

    def apply(self, rows: Array) -> Array:
        """Return rows (N, A) in these units."""
        scaled: Array = rows - self.mean
        with np.errstate(over="ignore"):
            scaled /= self.unit
        return scaled.clip(-FARTHEST, FARTHEST, out=scaled)


def learn_scale(rows: Array, *, alike: bool = False) -> Scale:
    """Bring features to mean 0, and all their values to mean square 1.

    Each is divided by the fourth root of its mean fourth power, then all by one number. So a
    feature that rarely differs from its usual value, as a pixel near the border does, weighs less
    than by its deviation; among features of one shape nothing changes.

    Args:
        rows: (N, A).
        alike: whether all features have one unit already, which is kept.

    Example:
        >>> often, rarely = np.tile([0.0, 1.0], 50), np.eye(100)[0]
        >>> rows = np.stack([often, rarely], axis=1)
        >>> np.square(learn_scale(rows).apply(rows)).mean(axis=0).round(2).tolist()
        [1.82, 0.18]
    """
    size = np.maximum(rows.max(axis=0), -rows.min(axis=0))
    size[size == 0] = 1
    squares = rows / size  # powers of large numbers would overflow
    mean = squares.mean(axis=0)
    squares -= mean
    np.square(squares, out=squares)
    second, fourth = squares.mean(axis=0), np.einsum("na,na->a", squares, squares) / len(rows)
    extent = np.sqrt((second * np.square(size)).mean()) / size if alike else fourth**0.25
    moving = extent > ROUNDING
    left = (second[moving] / np.square(extent[moving])).mean() if moving.any() else 1.0
    return Scale(mean * size, np.where(moving, extent * size * np.sqrt(left), np.inf))
