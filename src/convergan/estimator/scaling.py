"""Standardisation of features by their mean and fourth moment, whatever their units.

Paper and released code: Salimans et al. (2016) have pixels only, and no scale to learn.
"""

from typing import NamedTuple

import numpy as np

from .checks import Array

ROUNDING = 1e-9
"""A feature that varies by less, as a share of its largest value, counts as constant."""
FARTHEST = 1e6
"""Values are clipped this many units from the mean, so that everything stays finite."""


class Scale(NamedTuple):
    """A shift and a unit for each of A features.

    Attributes:
        mean: (A,), what becomes 0.
        unit: (A,), the distance from it that becomes 1; infinite for a constant feature, which is
            0 in all rows.
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
    than if it were divided by its deviation; features of one shape of distribution weigh the same.

    Args:
        rows: (N, A).
        alike: whether all features have the same unit; all are then divided by one number.

    Example:
        >>> often, rarely = np.tile([0.0, 1.0], 50), np.eye(100)[0]
        >>> rows = np.stack([often, rarely], axis=1)
        >>> np.square(learn_scale(rows).apply(rows)).mean(axis=0).round(2).tolist()
        [1.82, 0.18]
    """
    size = np.maximum(rows.max(axis=0), -rows.min(axis=0))
    size[size == 0] = 1
    squares = rows / size  # fourth powers of large numbers would overflow
    mean = squares.mean(axis=0)
    squares -= mean
    np.square(squares, out=squares)
    second, fourth = squares.mean(axis=0), np.einsum("na,na->a", squares, squares) / len(rows)
    extent = np.sqrt((second * np.square(size)).mean()) / size if alike else fourth**0.25
    moving = extent > ROUNDING
    left = (second[moving] / np.square(extent[moving])).mean() if moving.any() else 1.0
    return Scale(mean * size, np.where(moving, extent * size * np.sqrt(left), np.inf))
