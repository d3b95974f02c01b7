"""The shape of features: those on a logarithm's scale, of heavy tails, or with a few wild cells.

A feature is left as it is, to the bit, unless few rows decide its scale or it spans orders of
magnitude. Then its logarithm is taken, or its inverse hyperbolic sine, or neither, whichever is
closest to a normal distribution, and it is cut off at three deviations that few rows cannot move.
All of this is monotone and uses no labels.

Paper and released code: Salimans et al. (2016) have pixels only, which keep their shape.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from .checks import Array

TAIL = 3.0
"""A feature is changed whose fourth moment's root is more than this many robust deviations."""
SPAN = 100.0
"""So is a positive one whose 95 % quantile is more than this many times that of 5 %."""
LIMIT = 3.0
"""Robust deviations from the median at which a changed feature is cut off."""
SAMPLE = 10_000
"""Rows, about, whose quantiles are taken."""
KEPT, CUT, LOGARITHM, SINH = range(4)
"""What happens to a feature: nothing; limits alone; log(x - shift); arsinh((x - shift) / unit)."""
LEVELS = np.linspace(0.05, 0.95, 19)
NORMAL = ndtri(LEVELS)
NORMAL_RANGE = 1.349
"""Interquartile range of a normal distribution of deviation 1."""


class Shapes(NamedTuple):
    """What happens to each of A features before it is scaled.

    Attributes:
        kinds: (A,) int64, `KEPT`, `CUT`, `LOGARITHM` or `SINH`.
        shift: (A,) what is subtracted first; of logarithms below 0 where the feature has zeros.
        unit: (A,) of the inverse hyperbolic sine.
        low: (A,) lower limit of what results, minus infinity where the feature is kept.
        high: (A,) upper limit.
    """

    kinds: Array
    shift: Array
    unit: Array
    low: Array
    high: Array

    def apply(self, rows: Array) -> Array:
        """Return rows (N, A) in their new shape; the same array if no feature changes."""
        changed = np.flatnonzero(self.kinds)
        if not len(changed):
            return rows
        shaped = rows.copy()
        for kind in np.unique(self.kinds[changed]):
            own = self.kinds == kind
            values = _bend(rows[:, own], kind, self.shift[own], self.unit[own])
            shaped[:, own] = values.clip(self.low[own], self.high[own])
        return shaped


def keep_shapes(count: int) -> Shapes:
    """Return the shapes of features that all stay as they are."""
    return Shapes(
        kinds=np.full(count, KEPT, dtype=np.int64),
        shift=np.zeros(count),
        unit=np.ones(count),
        low=np.full(count, -np.inf),
        high=np.full(count, np.inf),
    )


def learn_shapes(rows: Array) -> Shapes:
    """Find which features to change, and how.

    Args:
        rows: (N, A), finite.

    Example:
        >>> incomes = np.exp(np.random.default_rng(0).normal(10, 2, (500, 1)))
        >>> float(learn_shapes(incomes).apply(incomes).mean().round(1))
        10.0
    """
    shapes = keep_shapes(rows.shape[1])
    sample = rows[:: max(1, len(rows) // SAMPLE)]
    extents, least = _fourth_moments(rows), rows.min(axis=0)
    for place, (extent, lowest) in enumerate(zip(extents, least, strict=True)):
        values = sample[:, place]
        center, unit = _center_and_deviation(values)
        has_tail = extent > TAIL * unit > 0
        if not has_tail and not (lowest > 0 and _span(values) > SPAN):
            continue
        shifts = {CUT: 0.0, LOGARITHM: _logarithms_shift(values, lowest), SINH: center}
        able = {kind: shift for kind, shift in shifts.items() if shift is not None}
        bent = {kind: _bend(values, kind, shift, unit) for kind, shift in able.items()}
        best = max(bent, key=lambda kind: _normality(bent[kind], values))
        if best == CUT and not has_tail:
            continue
        center, deviation = _center_and_deviation(bent[best])
        shapes.kinds[place], shapes.shift[place], shapes.unit[place] = best, able[best], unit
        shapes.low[place] = center - LIMIT * deviation
        shapes.high[place] = center + LIMIT * deviation
    return shapes


def _bend(values: Array, kind: int, shift: Array | float, unit: Array | float) -> Array:
    with np.errstate(divide="ignore", over="ignore"):  # what is infinite is cut off later
        if kind == LOGARITHM:
            return np.asarray(np.log(np.maximum(values - shift, 0)))
        return np.asarray(np.arcsinh((values - shift) / unit)) if kind == SINH else values


def _logarithms_shift(values: Array, lowest: float) -> float | None:
    """Return what to subtract before the logarithm; None where values are negative, or all 0."""
    positive = values[values > 0]
    if lowest < 0 or not len(positive):
        return None
    return 0.0 if lowest > 0 else -float(np.quantile(positive, 0.1))


def _fourth_moments(rows: Array) -> Array:
    """Return the fourth roots of the central fourth moments, (A,)."""
    size = np.maximum(rows.max(axis=0), -rows.min(axis=0))
    size[size == 0] = 1
    squares = rows / size  # fourth powers of large numbers would overflow
    squares -= squares.mean(axis=0)
    np.square(squares, out=squares)
    roots: Array = (np.einsum("na,na->a", squares, squares) / len(rows)) ** 0.25 * size
    return roots


def _center_and_deviation(values: Array) -> tuple[float, float]:
    """Return the median and a deviation that few rows cannot move, 0 only for a constant.

    It is the interquartile range, as a deviation. Where that is 0, as of a feature that is mostly
    0, it is the median distance from the median of values that differ from it.
    """
    low, center, high = np.quantile(values, [0.25, 0.5, 0.75])
    if high > low:
        return float(center), float((high - low) / NORMAL_RANGE)
    away = np.abs(values[values != center] - center)
    return float(center), float(np.median(away)) if len(away) else 0.0


def _span(values: Array) -> float:
    low, high = np.quantile(values, [0.05, 0.95])
    return float(high / low)


def _normality(values: Array, original: Array) -> float:
    """Return the correlation of quantiles with those of a normal distribution (Filliben, 1975).

    The outermost twentieths are not looked at. Where half of the values are one, the others are.
    """
    low, center, high = np.quantile(original, [0.25, 0.5, 0.75])
    quantiles = np.quantile(values if high > low else values[original != center], LEVELS)
    if quantiles[0] == quantiles[-1]:
        return 0.0
    quantiles /= np.abs(quantiles).max()  # squares of large numbers would overflow
    return float(np.corrcoef(quantiles, NORMAL)[0, 1])
