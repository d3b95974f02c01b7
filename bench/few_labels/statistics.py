"""Ranks and paired differences over seeds."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student

DIGITS = 9
"""Errors that agree in so many decimal places are equal."""


class Difference(NamedTuple):
    """The mean of paired differences.

    Attributes:
        mean: of them.
        low: lower end of its interval.
        high: upper end.
    """

    mean: float
    low: float
    high: float

    def verdict(self) -> str:
        """Return ``less`` or ``more`` where the interval is on one side of 0, else ``equal``."""
        return "less" if self.high < 0 else "more" if self.low > 0 else "equal"


def paired_difference(
    ours: Mapping[int, float], theirs: Mapping[int, float], level: float = 0.95
) -> Difference:
    """Return the mean of ``ours - theirs`` over the seeds of both, with Student's interval.

    Args:
        ours: a figure by seed.
        theirs: likewise.
        level: of the interval.

    Raises:
        ValueError: if they have no seed in common.

    Example:
        >>> found = paired_difference({0: 1.0, 1: 3.0}, {0: 0.0, 1: 1.0, 2: 5.0})
        >>> [round(value, 3) for value in found]
        [1.5, -4.853, 7.853]
    """
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        raise ValueError(f"no seed in common among {sorted(ours)} and {sorted(theirs)}")
    differences = np.round([ours[seed] - theirs[seed] for seed in seeds], DIGITS)
    mean = float(differences.mean())
    if len(seeds) == 1:
        return Difference(mean, -math.inf, math.inf)
    error = float(differences.std(ddof=1)) / math.sqrt(len(seeds))
    half = float(student.ppf((1 + level) / 2, len(seeds) - 1)) * error
    return Difference(mean, mean - half, mean + half)


def ranks(figures: Sequence[float]) -> list[float]:
    """Return the rank of each figure, 1 for the least; equal ones share the mean of their ranks.

    Example:
        >>> ranks([0.3, 0.1, 0.3, 0.2])
        [3.5, 1.0, 3.5, 2.0]
    """
    found: list[float] = rankdata(np.round(figures, DIGITS)).tolist()
    return found


def mean_ranks(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean rank of each method over tables of figures by method, all of the same ones.

    Example:
        >>> mean_ranks([{"a": 1.0, "b": 2.0}, {"a": 5.0, "b": 5.0}])
        {'a': 1.25, 'b': 1.75}
    """
    rows = [ranks(list(table.values())) for table in tables]
    assert all(list(table) == list(tables[0]) for table in tables)
    return dict(zip(tables[0], np.mean(rows, axis=0).tolist(), strict=True)) if tables else {}
