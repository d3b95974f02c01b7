"""How near the thresholds of timed studies come to the truth, and how often intervals hold it.

Simulates studies of 30 people whose thresholds are log-normal (deviation 0.2) around 200, 400 and
700 ms, in three blocks of 50 and of 150 trials. People are right by a logistic curve from guessing
to 98 %, in ms or in the logarithm of ms. Prints the mean estimate of the fitted curve and of HYPE's
modal exposure, each with its bias, and the share of nominal 95 % intervals that hold the truth;
then the same of curves in ms, fitted to both kinds of people.
"""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from convergan.turing.statistics.annotator_bootstrap import percentiles, resampled_sums, rng_for
from convergan.turing.statistics.psychometric import (
    PERFORMANCE,
    Curve,
    fit_threshold,
    right_probability,
)
from convergan.turing.statistics.staircase import (
    BLOCKS,
    DOWN_MS,
    MAX_MS,
    MIN_MS,
    START_MS,
    UP_MS,
    time_score,
)
from convergan.turing.statistics.votes import BoolArray, FloatArray

PEOPLE = 30
SPREAD = 0.2
"""Deviation of the logarithms of people's thresholds."""
LAPSE = 0.02
WIDTH = 0.15
"""Of people's curves, in logarithms; in ms it is the same at 400 ms."""
UNIT_MS = 400.0
DRAWS = 400


def in_ms(
    exposure_ms: FloatArray, threshold_ms: FloatArray, width: float, lapse: float
) -> FloatArray:
    """Return the probability of a right answer by a curve in ms, whose width is in 400 ms."""
    reach = 0.5 - lapse
    steps = (exposure_ms - threshold_ms) / (width * UNIT_MS)
    found: FloatArray = 0.5 + reach * expit(steps + logit((PERFORMANCE - 0.5) / reach))
    return found


CURVES: dict[str, Curve] = {"logarithm": right_probability, "ms": in_ms}


class Found(NamedTuple):
    """What a study says of its threshold; ``fitted_holds`` says whether its interval holds it."""

    fitted: float
    fitted_holds: bool
    mode: float
    mode_holds: bool


def staircases(
    thresholds: FloatArray, trials: int, shape: Curve, rng: np.random.Generator
) -> tuple[FloatArray, BoolArray]:
    """Return exposures and whether answers are right, (people, blocks x trials)."""
    exposures = np.empty((len(thresholds), BLOCKS * trials))
    correct = np.empty(exposures.shape, bool)
    now = np.full(len(thresholds), START_MS)
    for trial in range(exposures.shape[1]):
        if trial % trials == 0:
            now = np.full(len(thresholds), START_MS)
        exposures[:, trial] = now
        right = rng.random(len(now)) < shape(now, thresholds, WIDTH, LAPSE)
        correct[:, trial] = right
        now = np.clip(np.where(right, now - DOWN_MS, now + UP_MS), MIN_MS, MAX_MS)
    return exposures, correct


def studies(
    truth: float, trials: int, shape: Curve, curve: Curve, count: int, draws: int = DRAWS
) -> Iterator[Found]:
    """Yield what some studies find.

    Args:
        truth: median of people's thresholds, ms.
        trials: of each block.
        shape: of people's curves.
        curve: that is fitted.
        count: studies.
        draws: resampled studies of each interval.
    """
    rng = rng_for(0, f"threshold {truth} {trials}")
    block = np.arange(BLOCKS * trials) // trials
    for _ in range(count):
        thresholds = truth * np.exp(SPREAD * rng.standard_normal(PEOPLE))
        exposures, correct = staircases(thresholds, trials, shape, rng)
        people = np.repeat(np.arange(PEOPLE), BLOCKS * trials)
        fit = fit_threshold(
            people, exposures.ravel(), correct.ravel(), draws=draws, rng=rng, curve=curve
        )
        scores = np.array([time_score(row, block) for row in exposures])
        microseconds = np.rint(1000 * scores).astype(np.int64)[:, None]
        sums = resampled_sums(microseconds, draws, rng)[:, 0] / 1000 / PEOPLE
        assert fit.interval is not None
        yield Found(
            fit.ms,
            fit.interval.contains(truth),
            float(scores.mean()),
            percentiles(sums).contains(truth),
        )


def main() -> None:
    """Parse, simulate, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.turing_threshold", description=__doc__)
    parser.add_argument("--studies", type=int, default=200, help="of each truth and length")
    count = parser.parse_args().studies
    print(f"{count} studies of {PEOPLE} people each, {DRAWS} draws")
    print("people's curve  fitted     trials  truth   fit    bias  covers    mode    bias  covers")
    for name, shape in CURVES.items():
        for fitted, curve in CURVES.items():
            for trials in (50, 150):
                for truth in (200.0, 400.0, 700.0):
                    found = np.array(list(studies(truth, trials, shape, curve, count)), float)
                    fit, holds, mode, mode_holds = found.mean(0)
                    print(
                        f"{name:15} {fitted:10} {trials:6} {truth:6.0f} {fit:5.0f} "
                        f"{fit - truth:+7.1f} {holds:7.1%} {mode:7.0f} {mode - truth:+7.1f} "
                        f"{mode_holds:7.1%}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
