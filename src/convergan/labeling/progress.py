"""The held-out error as labels are added, and whether more of them pay.

The error is measured on items drawn at random, see `convergan.labeling.choice`, each predicted
while its label is held out. Every refit keeps what it predicted of the items that may be drawn
later, so that all are measured on all that were drawn by now, and are compared item by item.

Interval: Clopper & Pearson (1934), 95 %. The future: ``e(n) = c + a n^-b`` (Cortes et al., 1994,
"Learning Curves: Asymptotic Values and Rate of Convergence"), fitted anew to each of many draws of
the items with replacement, which says how far the forecast can be trusted.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..estimator import risk_table
from .store import Refit

Array = np.ndarray[Any, Any]

MORE = 20
"""Labels that the advice is about."""
LEAST_SAMPLE, LEAST_REFITS = 20, 4
"""Below which no forecast is made."""
LEAST_TO_STOP = 50
"""Items of the sample below which nothing says stop: draws of a few that are all right are alike,
and so say too little of what is unsure."""
SURE = 0.95
"""Least probability of what a grid shows to be confirmed."""
DRAWS = 400
POWERS = (0.25, 0.5, 1.0, 2.0)
LITTLE = 0.005
"""A fall of the error that is not worth `MORE` labels."""
EARLY, PAYS, SMALL, STOP = "early", "pays", "small", "stop"


class Point(NamedTuple):
    """The error of one refit.

    Attributes:
        labels: that it was fitted to.
        error: share of the sample that it gets wrong.
        low: of the 95 % interval.
        high: of the interval.
        wrong: items that it gets wrong.
        sample: items that it was measured on.
    """

    labels: int
    error: float
    low: float
    high: float
    wrong: int
    sample: int


class Forecast(NamedTuple):
    """What `MORE` labels should do.

    Attributes:
        error: expected after them.
        gain: median of the fall of the error.
        low: of the gain, 5 % of draws are below.
        high: of the gain, 5 % of draws are above.
        curve: labels and expected error, from the first refit to `MORE` labels from now.
    """

    error: float
    gain: float
    low: float
    high: float
    curve: list[tuple[int, float]]


class Progress(NamedTuple):
    """What the page shows.

    Attributes:
        points: of all refits that could be measured.
        forecast: or None, where it is too early.
        advice: `EARLY`, `PAYS`, `SMALL` or `STOP`.
        text: the advice as sentences.
    """

    points: list[Point]
    forecast: Forecast | None
    advice: str
    text: str


def measure(refits: Sequence[Refit], sample: Mapping[str, str], seed: int = 0) -> Progress:
    """Measure all refits on the sample and look ahead.

    Args:
        refits: the first first.
        sample: labels of items drawn at random, by name.
        seed: of the draws.
    """
    names = list(sample)
    known = [r for r in refits if names and all(name in r.predictions for name in names)]
    wrong = np.array(
        [[refit.predictions[name] != sample[name] for name in names] for refit in known], dtype=bool
    ).reshape(len(known), len(names))
    points = [_point(refit.labels, row) for refit, row in zip(known, wrong, strict=True)]
    counts = np.array([refit.labels for refit in known])
    if len(names) < LEAST_SAMPLE or len(np.unique(counts)) < LEAST_REFITS:
        return Progress(points, None, EARLY, _early(len(names), len(np.unique(counts))))
    forecast = look_ahead(counts, wrong, seed)
    advice = _advice(points[-1], forecast)
    return Progress(points, forecast, advice, _sentences(advice, points[-1], forecast))


def look_ahead(counts: Array, wrong: Array, seed: int) -> Forecast:
    """Fit the curve to many draws of the items.

    Args:
        counts: (T,) labels of each refit.
        wrong: (T, S) whether it gets an item wrong.
        seed: of the draws.
    """
    size = wrong.shape[1]
    chance = np.random.default_rng(np.random.SeedSequence([seed, 2]))
    weights = np.vstack([np.ones(size), chance.multinomial(size, [1 / size] * size, DRAWS)])
    errors = weights @ wrong.T / size
    now = int(counts.max())
    ahead = np.arange(int(counts.min()), now + MORE + 1)
    curves = _fit(counts, errors, ahead)
    gains = curves[1:, now - ahead[0]] - curves[1:, -1]
    low, median, high = np.quantile(gains, (0.05, 0.5, 0.95))
    shown = np.unique(np.linspace(0, len(ahead) - 1, 40).round().astype(int))
    return Forecast(
        float(curves[0, -1]),
        float(median),
        float(low),
        float(high),
        [(int(ahead[place]), float(curves[0, place])) for place in shown],
    )


def _fit(counts: Array, errors: Array, ahead: Array) -> Array:
    """Return the fitted curves at other counts.

    Args:
        counts: (T,).
        errors: (B, T).
        ahead: (A,).

    Returns:
        (B, A) of ``c + a n^-b``, a and c not negative, b of `POWERS`, of the least squares.
    """
    best = np.full(len(errors), np.inf)
    curves = np.zeros((len(errors), len(ahead)))
    for power in POWERS:
        x, later = counts.astype(float) ** -power, ahead.astype(float) ** -power
        spread = x - x.mean()
        slope = np.maximum(errors @ spread / (spread @ spread), 0)
        level = errors.mean(axis=1) - slope * x.mean()
        through_zero = errors @ x / (x @ x)
        slope = np.where(level < 0, through_zero, slope)
        level = np.maximum(level, 0)
        loss = np.square(errors - level[:, None] - slope[:, None] * x).sum(axis=1)
        better = loss < best - 1e-15
        best = np.where(better, loss, best)
        curves[better] = (level[:, None] + slope[:, None] * later)[better]
    return curves


def _point(labels: int, wrong: Array) -> Point:
    table = risk_table(np.ones(len(wrong)), ~wrong, (1.0,))
    return Point(labels, table.risk[0], table.low[0], table.high[0], int(wrong.sum()), len(wrong))


def _advice(point: Point, forecast: Forecast) -> str:
    if forecast.high < LITTLE and point.sample >= LEAST_TO_STOP:
        return STOP
    return SMALL if forecast.gain < (point.high - point.low) / 2 else PAYS


def _early(sample: int, refits: int) -> str:
    if sample < LEAST_SAMPLE:
        more = LEAST_SAMPLE - sample
        return (
            f"Too early to say whether more labels pay: {more} more of the items drawn at random "
            "are needed."
        )
    return "Too early to say whether more labels pay: the classifier has to be fitted again first."


def _sentences(advice: str, point: Point, forecast: Forecast) -> str:
    points = f"{100 * forecast.gain:.1f} points ({100 * forecast.low:.1f} to "
    points += f"{100 * forecast.high:.1f})"
    half = 100 * (point.high - point.low) / 2
    if advice == STOP:
        return (
            f"More labels hardly pay: the next {MORE} should lower the error by {points}. Confirm "
            "the sure ones in the grid, or stop here."
        )
    if advice == SMALL:
        return (
            f"The next {MORE} labels should lower the error by {points}, which is less than what "
            f"is unsure of it, {half:.1f} points either way: you would not see the difference."
        )
    return f"More labels pay: the next {MORE} should lower the error by {points}."
