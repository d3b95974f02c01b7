"""The threshold of the timed protocol: the exposure at which 75 % of votes are right.

A person whose threshold is ``t`` is right at an exposure ``x`` with the probability

    ``1/2 + (1/2 - lapse) logistic((log x - log t) / width + c)``

where ``c`` makes it 75 % at ``x = t``. Guesses are right in one half; lapses, errors however long
people look, in at most 6 %. Thresholds of people are log-normal around that of the study, so that
each person's votes tell about their own; width and lapse are the same for all. The study's
threshold maximises the posterior, with weak priors on the other parameters and none on itself; its
interval draws annotators anew and maximises again.

HYPE's score, the mode of a staircase's exposures, is pulled towards the exposure it starts from.
Nor can one curve be fitted to the votes of all: staircases bring everybody to their own 75 %, so
votes of people who differ are right in 75 % at every exposure. Logarithms and ms fit equally well,
see docs/experiments/turing.md; logarithms need no other units for other thresholds.

Everything is on grids, where sums over resampled people are one product of matrices. Log
likelihoods are rounded to whole multiples of ``1 / UNIT``, so that sums are exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit, logit

from .annotator_bootstrap import percentiles, weights
from .intervals import Interval
from .staircase import DOWN_MS, UP_MS
from .votes import BoolArray, FloatArray, IntArray

PERFORMANCE = UP_MS / (UP_MS + DOWN_MS)
"""Share of right answers at the threshold: where the staircase rests, 75 %."""
THRESHOLDS_MS: FloatArray = np.geomspace(50, 2000, 93)
WIDTHS: FloatArray = np.geomspace(0.05, 1.0, 8)
LAPSES: FloatArray = np.array([0.0025, 0.02, 0.06])
SPREADS: FloatArray = np.array([0.02, 0.12, 0.25, 0.5])
"""Deviations of the logarithms of people's thresholds."""
UNIT = 2.0**20
NEAR = 20
"""Steps of the grid to each side, a factor of 2.2, in which medians of resampled studies are."""
Curve = Callable[[FloatArray, FloatArray, float, float], FloatArray]
"""From exposures, thresholds, width and lapse to probabilities of a right answer."""
MIN_VOTES = 20
"""With fewer votes, a person has no threshold of their own."""


@dataclass(frozen=True)
class Threshold:
    """What a timed study finds.

    Attributes:
        ms: the exposure at which the typical person is right in `PERFORMANCE` of their votes.
        interval: of it, over annotators; none of a single annotator.
        width: of the curve, in logarithms of exposure.
        lapse: share of errors however long people look.
        spread: deviation of the logarithms of people's thresholds.
        people_ms: each annotator's own, drawn to the others' as far as their votes leave it open;
            none of fewer than `MIN_VOTES` votes.
    """

    ms: float
    interval: Interval | None
    width: float
    lapse: float
    spread: float
    people_ms: tuple[float | None, ...]

    @property
    def outside(self) -> bool:
        """Whether it lies at an end of the grid, so that it is only a bound."""
        return not THRESHOLDS_MS[1] < self.ms < THRESHOLDS_MS[-2]


def right_probability(
    exposure_ms: FloatArray, threshold_ms: FloatArray, width: float, lapse: float
) -> FloatArray:
    """Return the probability of a right answer.

    Args:
        exposure_ms: above 0.
        threshold_ms: exposure of 75 %, above 0; broadcast against the other.
        width: of the curve, in logarithms of exposure, above 0.
        lapse: share of errors however long people look, 0 to below 1/4.

    Example:
        >>> curve = right_probability(np.array([1.0, 400, 1e9]), np.array(400.0), 0.2, 0.02)
        >>> curve.round(3).tolist()
        [0.5, 0.75, 0.98]
    """
    reach = 0.5 - lapse
    steps = (np.log(exposure_ms) - np.log(threshold_ms)) / width
    found: FloatArray = 0.5 + reach * expit(steps + logit((PERFORMANCE - 0.5) / reach))
    return found


def fit_threshold(
    annotator: IntArray,
    exposure_ms: FloatArray,
    correct: BoolArray,
    *,
    draws: int,
    rng: np.random.Generator,
    curve: Curve = right_probability,
) -> Threshold:
    """Return the threshold of a study.

    Args:
        annotator: of each vote, from 0 without gaps.
        exposure_ms: of each vote, above 0 and finite.
        correct: whether each vote is right.
        draws: resampled studies of the interval.
        rng: source of randomness.
        curve: of the probability of a right answer.

    Raises:
        ValueError: if there are no votes, or an exposure is not above 0 and finite.
    """
    if not len(annotator) or not ((exposure_ms > 0) & np.isfinite(exposure_ms)).all():
        raise ValueError("a threshold needs votes with exposures above 0 ms, all of them finite")
    grid = Grid(annotator, exposure_ms, correct, curve)
    people = len(grid.people_at)
    together = grid.table.sum(0)
    median, width, lapse, spread = grid.at_peak(together)
    interval = None
    if people > 1:
        first = min(max(0, median - NEAR), len(THRESHOLDS_MS) - 2 * NEAR - 1)
        near = grid.table[:, first : first + 2 * NEAR + 1]
        drawn = [
            grid.peak((times @ near.reshape(people, -1)).reshape(-1, *near.shape[1:]), first)
            for times in weights(people, draws, rng)
        ]
        interval = percentiles(np.exp(np.concatenate(drawn)))
    posterior = grid.people_at[:, :, width, lapse] + grid.density(spread)[:, median]
    chances = np.exp(posterior - posterior.max(1, keepdims=True))
    own = np.exp(chances @ np.log(THRESHOLDS_MS) / chances.sum(1))
    enough = np.bincount(annotator) >= MIN_VOTES
    return Threshold(
        ms=float(np.exp(grid.peak(together[None])[0])),
        interval=interval,
        width=float(WIDTHS[width]),
        lapse=float(LAPSES[lapse]),
        spread=float(SPREADS[spread]),
        people_ms=tuple(float(ms) if e else None for ms, e in zip(own, enough, strict=True)),
    )


class Grid:
    """Log likelihoods of people's votes at all parameters.

    Args:
        annotator: of each vote, from 0 without gaps.
        exposure_ms: of each vote.
        correct: whether each vote is right.
        curve: of the probability of a right answer.
    """

    def __init__(
        self,
        annotator: IntArray,
        exposure_ms: FloatArray,
        correct: BoolArray,
        curve: Curve = right_probability,
    ) -> None:
        levels, place = np.unique(exposure_ms, return_inverse=True)
        shape = (int(annotator.max()) + 1, len(levels))
        cells = annotator * len(levels) + place
        right = np.bincount(cells[correct], minlength=shape[0] * shape[1]).reshape(shape)
        wrong = np.bincount(cells[~correct], minlength=shape[0] * shape[1]).reshape(shape)
        #: of each person at their threshold, width and lapse
        self.people_at = np.empty((shape[0], len(THRESHOLDS_MS), len(WIDTHS), len(LAPSES)))
        for w, width in enumerate(WIDTHS):
            for e, lapse in enumerate(LAPSES):
                p = curve(levels, THRESHOLDS_MS[:, None], float(width), float(lapse))
                self.people_at[:, :, w, e] = right @ np.log(p).T + wrong @ np.log1p(-p).T

    @staticmethod
    def density(spread: int) -> FloatArray:
        """Return the logarithm of how people's thresholds lie (rows) around a median (columns)."""
        x = np.log(THRESHOLDS_MS)
        density = -0.5 * ((x[:, None] - x) / SPREADS[spread]) ** 2
        found: FloatArray = density - np.log(np.exp(density).sum(0))
        return found

    @cached_property
    def table(self) -> FloatArray:
        """Of each person, (people, medians, widths, lapses, spreads), as whole numbers.

        Whoever it is, their threshold is averaged over; the priors are shared out among people.
        """
        people, thresholds, widths, lapses = self.people_at.shape
        found = np.empty((people, thresholds, widths, lapses, len(SPREADS)))
        top = self.people_at.max(1, keepdims=True)
        chances = np.exp(self.people_at - top).transpose(0, 2, 3, 1)
        for s in range(len(SPREADS)):
            mean = np.log(np.maximum(chances @ np.exp(self.density(s)), 1e-300))
            found[..., s] = mean.transpose(0, 3, 1, 2) + top
        return np.rint(UNIT * found)

    @cached_property
    def prior(self) -> FloatArray:
        """Log prior of widths, lapses and spreads, as whole numbers."""
        widths = -0.5 * np.log(WIDTHS / 0.2) ** 2
        lapses = -LAPSES / 0.03
        spreads = -0.5 * (SPREADS / 0.5) ** 2
        return np.rint(UNIT * (widths[:, None, None] + lapses[:, None] + spreads))

    def peak(self, sums: FloatArray, first: int = 0) -> FloatArray:
        """Return the logarithm of the median at the largest posterior, between grid points too.

        Args:
            sums: of studies, (studies, medians, widths, lapses, spreads).
            first: place of the first of the medians on the grid.
        """
        profile = (sums + self.prior).reshape(*sums.shape[:2], -1).max(2)
        best = profile.argmax(1)
        inner = np.clip(best, 1, profile.shape[1] - 2)
        rows = np.arange(len(profile))
        before, here, after = (profile[rows, inner + step] for step in (-1, 0, 1))
        bend = before - 2 * here + after
        shift = np.where(bend < 0, (before - after) / np.where(bend < 0, 2 * bend, 1), 0)
        step = np.log(THRESHOLDS_MS[1] / THRESHOLDS_MS[0])
        beside = np.where(best == inner, shift, 0) * step
        found: FloatArray = np.log(THRESHOLDS_MS)[first + best] + beside
        return found

    def at_peak(self, sums: FloatArray) -> tuple[int, int, int, int]:
        """Return the places of median, width, lapse and spread at the largest posterior."""
        median, width, lapse, spread = np.unravel_index(
            int((sums + self.prior).argmax()), sums.shape
        )
        return int(median), int(width), int(lapse), int(spread)
