"""As good as real? Two one-sided tests at a margin that was fixed beforehand.

A p-value above 0.05 of the test against guessing is no evidence of that: few votes always have
one. Equivalence is shown where both "the error is at most 1/2 - margin" and "at least 1/2 + margin"
are refused at 5 %, which is where the 90 % interval lies within the margin.
"""

from dataclasses import dataclass

from scipy.stats import binom

from .intervals import Interval, check_counts

LEVEL = 0.05
"""Of each of the two one-sided tests."""


@dataclass(frozen=True)
class Equivalence:
    """Whether the error rate is within a margin of 1/2.

    Attributes:
        margin: fixed beforehand, a share.
        pooled_p: of the exact tests, as if votes were independent.
        interval: 90 % interval of the error rate over annotators; none of a single annotator.
    """

    margin: float
    pooled_p: float
    interval: Interval | None

    @property
    def shown(self) -> bool:
        """Whether it is shown, over annotators and also as if all votes were independent."""
        low, high = 0.5 - self.margin, 0.5 + self.margin
        within = self.interval is not None and low < self.interval.low <= self.interval.high < high
        return within and self.pooled_p < LEVEL

    def sentence(self) -> str:
        """Return the verdict in words.

        Example:
            >>> print(Equivalence(0.05, 0.01, Interval(0.431, 0.521)).sentence())
            Error within 50 ± 5 %: not shown (90 % interval over annotators: 43.1 to 52.1 %).
        """
        verdict = "shown" if self.shown else "not shown"
        why = "there is no interval over fewer than 2 annotators"
        if self.interval is not None:
            low, high = (100 * end for end in self.interval)
            why = f"90 % interval over annotators: {low:.1f} to {high:.1f} %"
        return f"Error within 50 ± {100 * self.margin:g} %: {verdict} ({why})."


def two_one_sided_p(count: int, votes: int, margin: float) -> float:
    """Return the larger p-value of the two exact one-sided tests, as if votes were independent.

    Args:
        count: votes of one kind, right or wrong.
        votes: all of them.
        margin: above 0, below 1/2.

    Raises:
        ValueError: if ``count`` is not from 0 to ``votes``.

    Example:
        >>> round(two_one_sided_p(1048, 2000, 0.05), 3)
        0.01
    """
    check_counts(count, votes)
    below = float(binom.cdf(count, votes, 0.5 + margin))
    above = float(binom.sf(count - 1, votes, 0.5 - margin))
    return max(below, above)
