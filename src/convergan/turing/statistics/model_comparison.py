"""Several models: each annotator's figure, compared between the models' annotators.

As in HYPE: analysis of variance, and Tukey's honest significant differences, which correct for the
number of pairs. Beside them Welch's tests with Holm's correction, which take no spread as equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import f_oneway, ttest_ind_from_stats, tukey_hsd

from .intervals import Interval
from .votes import FloatArray


@dataclass(frozen=True)
class Difference:
    """Two models.

    Attributes:
        difference: mean figure of the first less that of the second.
        interval: Tukey's simultaneous 95 % interval of it.
        tukey_p: corrected for the number of pairs.
        holm_p: of Welch's test, corrected likewise.
    """

    first: str
    second: str
    difference: float
    interval: Interval
    tukey_p: float
    holm_p: float


@dataclass(frozen=True)
class Comparison:
    """The analysis of variance and all pairs of models; ``why`` there are none, else empty."""

    f: float | None
    p: float | None
    differences: tuple[Difference, ...]
    why: str


def compare(figures: Mapping[str, FloatArray]) -> Comparison:
    """Compare models by a figure of each of their annotators."""
    if len(figures) < 2:
        return Comparison(None, None, (), "there is one model")
    for name, values in figures.items():
        if len(values) < 2:
            return Comparison(None, None, (), f"{name} has fewer than 2 annotators")
    if all(np.ptp(values) == 0 for values in figures.values()):
        return Comparison(None, None, (), "no two annotators of a model differ")
    groups = list(figures.values())
    overall = f_oneway(*groups)
    tukey = tukey_hsd(*groups)
    ends = tukey.confidence_interval(0.95)
    pairs = list(combinations(range(len(groups)), 2))
    names = list(figures)
    differences = tuple(
        Difference(
            names[a],
            names[b],
            float(groups[a].mean() - groups[b].mean()),
            Interval(float(ends.low[a, b]), float(ends.high[a, b])),
            float(tukey.pvalue[a, b]),
            p,
        )
        for (a, b), p in zip(pairs, welch_p_values(groups), strict=True)
    )
    return Comparison(float(overall.statistic), float(overall.pvalue), differences, "")


def welch_p_values(groups: Sequence[FloatArray]) -> list[float]:
    """Return Holm's corrected p-values of Welch's tests between all pairs, in order.

    Args:
        groups: of 2 or more numbers each.
    """
    return holm([_welch_p(first, second) for first, second in combinations(groups, 2)])


def holm(p_values: list[float]) -> list[float]:
    """Return p-values corrected by Holm's step-down method.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, largest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected


def _welch_p(first: FloatArray, second: FloatArray) -> float:
    if np.ptp(first) == np.ptp(second) == 0:
        return 1.0 if first[0] == second[0] else 0.0
    one, two = ((float(v.mean()), float(v.std(ddof=1)), len(v)) for v in (first, second))
    return float(ttest_ind_from_stats(*one, *two, equal_var=False).pvalue)
