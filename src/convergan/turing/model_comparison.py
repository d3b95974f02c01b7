"""Several models: each annotator's figure, compared between the models' annotators.

As in HYPE: analysis of variance, and Tukey's honest significant differences, which correct for the number
of pairs. Beside them Welch's tests with Holm's correction, which do not take the spread as equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import f_oneway, ttest_ind, tukey_hsd

from .intervals import Interval
from .votes import FloatArray


@dataclass(frozen=True)
class Difference:
    """Two models.

    Attributes:
        first: name of a model.
        second: name of the other.
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
    """All models.

    Attributes:
        f: statistic of the analysis of variance.
        p: its p-value.
        differences: of all pairs.
        why: why there is none of these; else empty.
    """

    f: float | None
    p: float | None
    differences: tuple[Difference, ...]
    why: str


def compare(figures: Mapping[str, FloatArray]) -> Comparison:
    """Compare models by the figures of their annotators.

    Args:
        figures: of each model, a figure of each of its annotators.
    """
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
    corrected = holm([_welch_p(groups[a], groups[b]) for a, b in pairs])
    differences = tuple(
        Difference(
            names[a],
            names[b],
            float(groups[a].mean() - groups[b].mean()),
            Interval(float(ends.low[a, b]), float(ends.high[a, b])),
            float(tukey.pvalue[a, b]),
            p,
        )
        for (a, b), p in zip(pairs, corrected, strict=True)
    )
    return Comparison(float(overall.statistic), float(overall.pvalue), differences, "")


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
    return float(ttest_ind(first, second, equal_var=False).pvalue)
