"""Exact test, Wilson's interval, and what votes of the same person do to both.

Pooled tests take votes as independent. Those of one annotator are not, so pooled intervals are too
narrow: ``m`` votes each, correlated by ``rho``, are worth ``1 / deff`` of their number, where
``deff = 1 + (m - 1) rho``.
"""

import math
from typing import NamedTuple

from scipy.stats import binom

from .votes import IntArray

Z = 1.96
"""Normal deviate of a two-sided 95 % interval."""
Z_90 = 1.645
"""Normal deviate of a two-sided 90 % interval."""


class Interval(NamedTuple):
    """Where a figure lies."""

    low: float
    high: float

    def contains(self, value: float) -> bool:
        """Whether a value lies within, ends included."""
        return self.low <= value <= self.high

    @property
    def half_width(self) -> float:
        """Half of the distance between the ends."""
        return (self.high - self.low) / 2


def exact_p(right: int, votes: int) -> float:
    """Return the two-sided p-value of the exact binomial test against guessing.

    ``p = min(1, 2 P(Bin(n, 1/2) >= max(x, n - x)))``

    Args:
        right: votes that are right, x.
        votes: all of them, n.

    Raises:
        ValueError: if ``right`` is not from 0 to ``votes``.

    Example:
        >>> round(exact_p(1048, 2000), 4), exact_p(1000, 2000)
        (0.0336, 1.0)
    """
    check_counts(right, votes)
    return min(1.0, 2 * float(binom.sf(max(right, votes - right) - 1, votes, 0.5)))


def wilson(count: float, votes: float, z: float = Z) -> Interval:
    """Return Wilson's interval of a share, as if all votes were independent.

    ``(p + z^2/2n ± z sqrt(p (1 - p) / n + z^2/4n^2)) / (1 + z^2/n)``

    Args:
        count: votes of one kind.
        votes: all of them, n, above 0; need not be whole.
        z: normal deviate of the level.

    Raises:
        ValueError: if ``count`` is not from 0 to ``votes``, or there are none.

    Example:
        >>> [round(end, 4) for end in wilson(1048, 2000)]
        [0.5021, 0.5458]
    """
    check_counts(count, votes)
    if votes == 0:
        raise ValueError("an interval of a share needs votes, got none")
    share, more = count / votes, z * z / votes
    middle = share + more / 2
    half = math.sqrt(share * (1 - share) * more + more * more / 4)
    return Interval(max(0.0, (middle - half) / (1 + more)), min(1.0, (middle + half) / (1 + more)))


def design_effect(votes_each: float, rho: float) -> float:
    """Return how many times the variance of a share exceeds that of independent votes.

    Args:
        votes_each: votes of an annotator, m, 1 or more.
        rho: correlation of two votes of the same annotator.

    Example:
        >>> round(design_effect(100, 0.05), 2), design_effect(100, 0)
        (5.95, 1.0)
    """
    return 1.0 + (votes_each - 1) * rho


def effective_votes_each(votes_each: IntArray) -> float:
    """Return the m that has the design effect of unequal numbers: the mean that a vote meets.

    Example:
        >>> import numpy as np
        >>> effective_votes_each(np.array([100, 100])), effective_votes_each(np.array([1, 3]))
        (100.0, 2.5)
    """
    return float((votes_each**2).sum() / votes_each.sum())


def intraclass_correlation(right_each: IntArray, votes_each: IntArray) -> float | None:
    """Return the correlation of two votes of the same annotator, by analysis of variance.

    ``(MSB - MSW) / (MSB + (n0 - 1) MSW)`` with the mean squares between and within annotators; what
    is negative by chance is 0.

    Args:
        right_each: votes of each annotator that are right.
        votes_each: votes of each annotator, 1 or more.

    Returns:
        a number from 0 to 1; None where it is undefined: with one annotator, or one
        vote each.

    Source: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, section 15.3.

    Example:
        >>> import numpy as np
        >>> intraclass_correlation(np.array([10, 0]), np.array([10, 10]))
        1.0
    """
    people, votes = len(votes_each), int(votes_each.sum())
    if people < 2 or votes == people:
        return None
    share, overall = right_each / votes_each, right_each.sum() / votes
    between = float((votes_each * (share - overall) ** 2).sum()) / (people - 1)
    within = float((votes_each * share * (1 - share)).sum()) / (votes - people)
    size = (votes - effective_votes_each(votes_each)) / (people - 1)
    spread = between + (size - 1) * within
    return max(0.0, (between - within) / spread) if spread > 0 else 0.0


def widened(count: int, votes: int, effect: float, z: float = Z) -> Interval:
    """Return Wilson's interval of as many independent votes as these are worth.

    Arguments as for `wilson`; ``effect`` is the design effect.

    Example:
        >>> round(100 * widened(1500, 3000, 5.95).half_width, 1)
        4.3
    """
    return wilson(count / effect, votes / effect, z)


def check_counts(count: float, votes: float) -> None:
    """Refuse counts that cannot be.

    Raises:
        ValueError: if ``count`` is not from 0 to ``votes``.
    """
    if not 0 <= count <= votes:
        raise ValueError(f"{count} of {votes} votes: a count is from 0 to the number of votes")
