"""Sensitivity apart from bias: d' and criterion of signal detection theory.

An annotator who always answers "generated" errs on every real image and on no generated one. The
error rate mixes that bias with sensitivity; d' does not. Half a vote is added to each cell (the
log-linear correction), so that nobody's d' is infinite.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from .votes import FloatArray


class Sensitivity(NamedTuple):
    """How well annotators distinguish two kinds of images, and which answer they prefer.

    Attributes:
        d_prime: distance of the two kinds in deviations; 0 is guessing.
        criterion: above 0, "real" is preferred; below 0, "generated". Of pairs: "right" and "left".
    """

    d_prime: FloatArray
    criterion: FloatArray


def sensitivity(
    hits: ArrayLike,
    generated: ArrayLike,
    false_alarms: ArrayLike,
    real: ArrayLike,
    *,
    pairs: bool = False,
) -> Sensitivity:
    """Return d' and criterion.

    ``d' = z(H) - z(F)``, ``c = -(z(H) + z(F)) / 2`` with ``H = (hits + 1/2) / (generated + 1)`` and
    ``F = (false alarms + 1/2) / (real + 1)``. Two images give twice the evidence, so the
    same d' yields more right answers: of pairs, the difference is divided by the root of 2.

    Args:
        hits: generated images that were called generated; any shape.
        generated: generated images that were judged.
        false_alarms: real images that were called generated.
        real: real images that were judged.
        pairs: two-alternative forced choice; "generated" then means: the left one is.

    Example:
        >>> [round(float(value), 3) + 0 for value in sensitivity(40, 50, 10, 50)]
        [1.642, 0.0]
        >>> round(float(sensitivity(50, 50, 0, 50).d_prime), 3)
        4.668
    """
    hit = ndtri((np.asarray(hits) + 0.5) / (np.asarray(generated) + 1))
    alarm = ndtri((np.asarray(false_alarms) + 0.5) / (np.asarray(real) + 1))
    return Sensitivity((hit - alarm) / (math.sqrt(2) if pairs else 1), -(hit + alarm) / 2)
