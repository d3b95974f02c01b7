"""What a timed study finds: the threshold, HYPE's modal exposure, and errors by exposure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..statistics.annotator_bootstrap import percentiles, resampled_sums, rng_for
from ..statistics.intervals import Interval, wilson
from ..statistics.psychometric import Threshold, fit_threshold, right_probability
from ..statistics.votes import Design, Votes

EXPOSURE_BIN_MS = 100


@dataclass(frozen=True)
class ExposureResult:
    """Votes at exposures from ``first_ms`` to below ``last_ms``.

    Attributes:
        pooled: Wilson's interval of the error, as if votes were independent.
        fitted: the error that the fitted curves of the same people have there.
    """

    first_ms: float
    last_ms: float
    votes: int
    wrong: int
    pooled: Interval
    fitted: float


@dataclass(frozen=True)
class TimedResult:
    """What staircases find.

    Attributes:
        threshold: of the psychometric function, fitted to every vote that counts.
        score_ms: HYPE's score, the mean over annotators of the modal exposure.
        interval: of the score, over annotators; none of a single annotator.
        exposures: errors by exposure.
        annotators: in the order of ``threshold.people_ms``.
    """

    threshold: Threshold
    score_ms: float
    interval: Interval | None
    exposures: tuple[ExposureResult, ...]
    annotators: tuple[str, ...]


def timed_result(
    votes: Votes, scores: Sequence[float], design: Design, draws: int
) -> TimedResult | None:
    """Return what the votes of some annotators say; None without votes, or unless timed.

    Args:
        votes: that count, without those of attention trials.
        scores: modal exposure of each annotator, ms.
        design: of the study.
        draws: resampled studies of every interval.
    """
    if design.protocol != "timed" or not len(votes) or not scores:
        return None
    threshold = fit_threshold(
        votes.annotator,
        votes.exposure_ms,
        votes.correct,
        draws=draws,
        rng=rng_for(design.seed, "threshold"),
    )
    interval = None
    if len(scores) > 1:
        # Whole microseconds, so that sums are exact.
        microseconds = np.rint(1000 * np.array(scores)).astype(np.int64)[:, None]
        sums = resampled_sums(microseconds, draws, rng_for(design.seed, "timed"))
        interval = percentiles(sums[:, 0] / 1000 / len(scores))
    exposures = _exposures(votes, threshold)
    return TimedResult(threshold, float(np.mean(scores)), interval, exposures, votes.annotators)


def _exposures(votes: Votes, threshold: Threshold) -> tuple[ExposureResult, ...]:
    own = np.array([threshold.ms if ms is None else ms for ms in threshold.people_ms])
    right = right_probability(
        votes.exposure_ms, own[votes.annotator], threshold.width, threshold.lapse
    )
    place, found = votes.exposure_ms // EXPOSURE_BIN_MS, []
    for number in np.unique(place):
        here = place == number
        wrong, first = int((~votes.correct[here]).sum()), float(number) * EXPOSURE_BIN_MS
        count = int(here.sum())
        found.append(
            ExposureResult(
                first,
                first + EXPOSURE_BIN_MS,
                count,
                wrong,
                wilson(wrong, count),
                float(1 - right[here].mean()),
            )
        )
    return tuple(found)
