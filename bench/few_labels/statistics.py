"""Ranks, and paired tests over sets."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest, rankdata, wilcoxon

from bench.few_labels.methods import Array

DIGITS = 9
"""Errors that agree in so many decimal places are equal."""


class PairedTest(NamedTuple):
    """How two methods differ over sets.

    Attributes:
        wins: sets where the first has the lower figure.
        ties: where both have the same.
        losses: where the first has the higher one.
        mean: mean difference over sets, the first's minus the second's.
        wilcoxon: two-sided p-value of the signed-rank test (Wilcoxon, 1945), without ties.
        sign: two-sided p-value of the sign test, without ties.
    """

    wins: int
    ties: int
    losses: int
    mean: float
    wilcoxon: float
    sign: float


def paired_test(differences: Sequence[float]) -> PairedTest:
    """Test whether differences, one a set, are about 0; without any but 0 both p-values are 1.

    Example:
        >>> found = paired_test([-1.0, -2.0, -3.0, 4.0, 0.0])
        >>> found.wins, found.ties, found.losses, found.mean, found.wilcoxon, found.sign
        (3, 1, 1, -0.4, 0.875, 0.625)
    """
    rounded = np.round(differences, DIGITS)
    unequal = rounded[rounded != 0]
    wins = int((unequal < 0).sum())
    some = len(unequal) > 0
    return PairedTest(
        wins=wins,
        ties=len(rounded) - len(unequal),
        losses=len(unequal) - wins,
        mean=float(rounded.mean()),
        wilcoxon=float(wilcoxon(unequal).pvalue) if some else 1.0,
        sign=float(binomtest(wins, len(unequal)).pvalue) if some else 1.0,
    )


def ranks(figures: Array) -> Array:
    """Return ranks along the last axis, 1 for the least; equal ones share the mean of their ranks.

    Example:
        >>> ranks(np.array([0.3, 0.1, 0.3, 0.2])).tolist()
        [3.5, 1.0, 3.5, 2.0]
    """
    found: Array = rankdata(np.round(figures, DIGITS), axis=-1)
    return found
