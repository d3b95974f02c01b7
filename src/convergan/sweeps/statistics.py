"""Means and deviations over several runs, and their form in tables."""

import statistics
from collections.abc import Sequence

from .paper_tables import MeanAndDeviation


def mean_and_deviation(values: Sequence[float]) -> MeanAndDeviation:
    """Return the mean and, of two values or more, the sample standard deviation.

    Example:
        >>> mean_and_deviation([1, 2, 3])
        MeanAndDeviation(mean=2, std=1.0)
        >>> mean_and_deviation([4])
        MeanAndDeviation(mean=4, std=None)
    """
    std = statistics.stdev(values) if len(values) > 1 else None
    return MeanAndDeviation(statistics.mean(values), std)


def format_mean(figure: MeanAndDeviation | None, mean: str, alone: str) -> str:
    """Write a figure by the format ``mean``, or ``alone`` without deviation; nothing is ``-``.

    Example:
        >>> format_mean(MeanAndDeviation(2, 1), ".1f", ".0f")
        '2.0 ± 1.0'
    """
    if figure is None:
        return "-"
    if figure.std is None:
        return format(figure.mean, alone)
    return f"{figure.mean:{mean}} ± {figure.std:{mean}}"


def count_seeds(counts: Sequence[int]) -> str:
    """Say how many seeds there are.

    Example:
        >>> count_seeds([1, 1]), count_seeds([2, 5]), count_seeds([])
        ('1 seed', '2 to 5 seeds', '0 seeds')
    """
    least, most = min(counts, default=0), max(counts, default=0)
    number = str(most) if least == most else f"{least} to {most}"
    return f"{number} seed" if most == 1 else f"{number} seeds"
