"""Error, sensitivity and bias of any votes of a study, with their intervals."""

from dataclasses import dataclass

import numpy as np

from ..statistics.annotator_bootstrap import crossed_sums, percentiles, resampled_sums, rng_for
from ..statistics.equivalence import Equivalence, two_one_sided_p
from ..statistics.intervals import (
    Interval,
    design_effect,
    effective_votes_each,
    exact_p,
    intraclass_correlation,
    widened,
    wilson,
)
from ..statistics.signal_detection import sensitivity
from ..statistics.votes import Design, FloatArray, IntArray, Votes


@dataclass(frozen=True)
class ErrorEstimate:
    """An error rate.

    Attributes:
        pooled: Wilson's interval, as if votes were independent: too narrow.
        interval: over annotators; none of a single annotator.
    """

    votes: int
    wrong: int
    pooled: Interval
    interval: Interval | None

    @property
    def error(self) -> float:
        """The share of wrong votes."""
        return self.wrong / self.votes


@dataclass(frozen=True)
class Estimates:
    """The figures of some votes.

    Attributes:
        annotators: with a vote among them.
        images: that were judged.
        error: of all votes.
        on_generated: error on generated images; of pairs, with the generated one on the left. None
            without such votes.
        on_real: error on real images; of pairs, with the generated one on the right.
        pooled_p: of the exact test against guessing, as if votes were independent: too small.
        rho: correlation of two votes of an annotator; none where it is undefined.
        votes_each: that an annotator has, on the average over votes.
        effect: the design effect, 1 where ``rho`` is undefined.
        widened: Wilson's interval of the error, widened by the design effect.
        d_prime: sensitivity.
        d_prime_interval: over annotators; none of a single annotator.
        criterion: bias; below 0, "generated" (of pairs, "left") is preferred.
        criterion_interval: likewise.
        equivalence: to guessing, at the margin fixed beforehand.
    """

    annotators: int
    images: int
    error: ErrorEstimate
    on_generated: ErrorEstimate | None
    on_real: ErrorEstimate | None
    pooled_p: float
    rho: float | None
    votes_each: float
    effect: float
    widened: Interval
    d_prime: float
    d_prime_interval: Interval | None
    criterion: float
    criterion_interval: Interval | None
    equivalence: Equivalence


def confusion_counts(votes: Votes) -> IntArray:
    """Return each annotator's hits, generated images, false alarms and real images, (A, 4)."""
    said, truth, judged = votes.said_generated, votes.generated, ~votes.attention
    table = np.zeros((len(votes.annotators), 4), np.int64)
    for column, rows in enumerate((said & truth, truth, said & ~truth, ~truth)):
        table[:, column] = np.bincount(votes.annotator[rows & judged], minlength=len(table))
    return table


def estimate(votes: Votes, design: Design, *, draws: int, purpose: str) -> Estimates | None:
    """Return the figures of some votes, without those of attention trials; None without votes.

    ``purpose`` names the part of the study, and so its ``draws`` resampled studies.
    """
    if not len(votes):
        return None
    table, pairs = confusion_counts(votes), design.protocol == "pair"
    sums = np.empty((0, 4))
    if len(table) > 1:
        sums = resampled_sums(table, draws, rng_for(design.seed, purpose))
    hits, fakes, alarms, reals = (int(total) for total in table.sum(0))
    wrong, count = fakes - hits + alarms, fakes + reals
    wrong_sums, count_sums = sums[:, 1] - sums[:, 0] + sums[:, 2], sums[:, 1] + sums[:, 3]
    drawn = sensitivity(*sums.T, pairs=pairs)
    overall = sensitivity(hits, fakes, alarms, reals, pairs=pairs)
    right_each, votes_each = table[:, 0] + table[:, 3] - table[:, 2], table[:, 1] + table[:, 3]
    rho, each = intraclass_correlation(right_each, votes_each), effective_votes_each(votes_each)
    effect = design_effect(each, rho or 0.0)
    error = wrong_sums / count_sums
    near = percentiles(error, 0.90) if len(error) else None
    return Estimates(
        annotators=len(table),
        images=len(np.unique(votes.image)),
        error=ErrorEstimate(count, wrong, wilson(wrong, count), _interval(error)),
        on_generated=_rate(fakes - hits, fakes, sums[:, 1] - sums[:, 0], sums[:, 1]),
        on_real=_rate(alarms, reals, sums[:, 2], sums[:, 3]),
        pooled_p=exact_p(count - wrong, count),
        rho=rho,
        votes_each=each,
        effect=effect,
        widened=widened(wrong, count, effect),
        d_prime=float(overall.d_prime),
        d_prime_interval=_interval(drawn.d_prime),
        criterion=float(overall.criterion),
        criterion_interval=_interval(drawn.criterion),
        equivalence=Equivalence(design.margin, two_one_sided_p(wrong, count, design.margin), near),
    )


def crossed_interval(votes: Votes, design: Design, *, draws: int) -> Interval | None:
    """Return the interval of the error over annotators and images; none where one cannot vary."""
    if len(votes.annotators) < 2 or len(np.unique(votes.image)) < 2:
        return None
    columns = [(~votes.correct).astype(np.int64), np.ones(len(votes), np.int64)]
    rng = rng_for(design.seed, "crossed")
    wrong, count = crossed_sums(votes.annotator, votes.image, columns, draws, rng).T
    return percentiles(wrong[count > 0] / count[count > 0])


def _rate(
    wrong: int, count: int, wrong_sums: FloatArray, count_sums: FloatArray
) -> ErrorEstimate | None:
    if not count:
        return None
    some = count_sums > 0
    interval = _interval(wrong_sums[some] / count_sums[some])
    return ErrorEstimate(count, wrong, wilson(wrong, count), interval)


def _interval(values: FloatArray) -> Interval | None:
    return percentiles(values) if len(values) else None
