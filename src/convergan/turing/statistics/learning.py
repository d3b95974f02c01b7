"""Do annotators learn? Right answers by trial number, with feedback against without.

The paper reports that with feedback the result changes drastically. Here each arm has a logistic
slope, the change of the log odds of a right answer over 100 trials, and the difference of the
slopes has an interval over annotators, resampled within their arms.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from .annotator_bootstrap import percentiles, resampled_sums
from .intervals import Interval
from .votes import BoolArray, FloatArray, IntArray

BINS = 10
STEPS = 50
LARGEST_STEP = 2.0
CHUNK = 500
"""Rows of a regression at a time, which stay in the processor's cache."""


@dataclass(frozen=True)
class CurvePoint:
    """The error rate of trials ``first`` to ``last``, counted from 1.

    ``interval`` is of it over annotators; none of a single annotator.
    """

    first: int
    last: int
    votes: int
    error: float
    interval: Interval | None


@dataclass(frozen=True)
class ArmLearning:
    """How an arm learns.

    Attributes:
        feedback: whether its annotators learn right or wrong.
        annotators: of the arm.
        slope: change of the log odds of a right answer over 100 trials.
        interval: of the slope, over annotators; none of a single annotator.
        curve: the error in the course of a session.
    """

    feedback: bool
    annotators: int
    slope: float
    interval: Interval | None
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class Learning:
    """How the arms learn, and how differently.

    Attributes:
        arms: without feedback, then with it; only those that have votes.
        difference: slope with feedback less slope without; none with one arm.
        interval: of the difference, over annotators; none where an arm has fewer than 2.
    """

    arms: tuple[ArmLearning, ...]
    difference: float | None
    interval: Interval | None


def logistic_slopes(right: FloatArray, votes: FloatArray) -> FloatArray:
    """Return the slopes of logistic regressions of right answers on the trial's number.

    Newton's method for all rows at once. Half a right and half a wrong vote are spread over the
    trials, as in the correction of d', so that slopes are finite where all answers are right.

    Args:
        right: right answers to each trial, (rows, trials).
        votes: answers to each trial, (rows, trials).

    Returns:
        change of the log odds over 100 trials, (rows,); 0 of a single trial.
    """
    if right.shape[1] == 1:
        return np.zeros(len(right))
    starts = range(0, len(right), CHUNK)
    return np.concatenate([_newton(right[s : s + CHUNK], votes[s : s + CHUNK]) for s in starts])


def _newton(right: FloatArray, votes: FloatArray) -> FloatArray:
    trials = right.shape[1]
    position = np.linspace(-1.0, 1.0, trials)
    right, votes = right + 0.5 / trials, votes + 1 / trials
    share = right.sum(1) / votes.sum(1)
    level, slope = np.log(share / (1 - share)), np.zeros(len(right))
    for _ in range(STEPS):
        expected = expit(level[:, None] + slope[:, None] * position)
        residual, spread = right - votes * expected, votes * expected * (1 - expected)
        g0, g1 = residual.sum(1), residual @ position
        h0, h1, h2 = spread.sum(1), spread @ position, spread @ position**2
        step = np.stack([h2 * g0 - h1 * g1, h0 * g1 - h1 * g0]) / (h0 * h2 - h1 * h1)
        step = np.clip(step, -LARGEST_STEP, LARGEST_STEP)
        level, slope = level + step[0], slope + step[1]
        if np.abs(step).max() < 1e-9:
            break
    per_100: FloatArray = slope * (200 / (trials - 1))
    return per_100


def learning(
    annotator: IntArray,
    trial: IntArray,
    right: BoolArray,
    feedback: BoolArray,
    *,
    draws: int,
    rng: np.random.Generator,
) -> Learning:
    """Return curves, slopes, and their difference between the arms.

    Args:
        annotator: of each vote.
        trial: position in the session.
        right: whether the answer is right.
        feedback: whether the annotator learns so.
        draws: resampled studies.
        rng: source of randomness; the first annotator's arm is drawn first, so exchanging the
            arms only exchanges the sign of the difference.
    """
    trials = int(trial.max(initial=0)) + 1
    arms: dict[bool, ArmLearning] = {}
    drawn: dict[bool, FloatArray] = {}
    for arm in dict.fromkeys(feedback.tolist()):
        rows = feedback == arm
        people, person = np.unique(annotator[rows], return_inverse=True)
        table = np.zeros((2, len(people), trials), np.int64)
        np.add.at(table[0], (person, trial[rows]), right[rows])
        np.add.at(table[1], (person, trial[rows]), 1)
        arms[arm], drawn[arm] = _arm(arm, table, draws, rng)
    difference = interval = None
    if len(arms) == 2:
        difference = arms[True].slope - arms[False].slope
        if len(drawn[True]) and len(drawn[False]):
            interval = percentiles(drawn[True] - drawn[False])
    return Learning(tuple(arms[arm] for arm in sorted(arms)), difference, interval)


def _arm(
    arm: bool, table: IntArray, draws: int, rng: np.random.Generator
) -> tuple[ArmLearning, FloatArray]:
    """Return an arm's figures and the slopes of its resampled studies, none of one annotator."""
    _, people, trials = table.shape
    totals = table.sum(1)[:, None].astype(np.float64)  # (2, 1, trials)
    sums, slopes, interval = None, np.empty(0), None
    if people > 1:
        flat = table.transpose(1, 0, 2).reshape(people, 2 * trials)
        sums = resampled_sums(flat, draws, rng).reshape(draws, 2, trials).transpose(1, 0, 2)
        slopes = logistic_slopes(sums[0], sums[1])
        interval = percentiles(slopes)
    slope = float(logistic_slopes(totals[0], totals[1])[0])
    return ArmLearning(arm, people, slope, interval, _curve(totals, sums)), slopes


def _curve(totals: FloatArray, sums: FloatArray | None) -> tuple[CurvePoint, ...]:
    points = []
    edges = np.unique(np.linspace(0, totals.shape[2], BINS + 1).round().astype(int))
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        right, votes = totals[:, 0, first:last].sum(-1)
        if not votes:
            continue
        interval = None
        if sums is not None:
            good, all_votes = sums[:, :, first:last].sum(-1)
            some = all_votes > 0
            interval = percentiles(1 - good[some] / all_votes[some])
        error = float(1 - right / votes)
        points.append(CurvePoint(int(first) + 1, int(last), int(votes), error, interval))
    return tuple(points)
