"""Do annotators agree on images? Krippendorff's alpha and Fleiss' kappa of nominal answers."""

from typing import NamedTuple

import numpy as np

from .votes import IntArray


class Agreement(NamedTuple):
    """A coefficient of agreement: 1 is perfect, 0 is chance, less is systematic disagreement.

    Attributes:
        value: the coefficient; nothing where it is undefined.
        why: why it is undefined; else empty.
        images: with two answers or more, on which it rests.
    """

    value: float | None
    why: str
    images: int


def answer_counts(image: IntArray, answer: IntArray) -> IntArray:
    """Return how often each answer was given on each image.

    Args:
        image: of each vote.
        answer: of each vote, 0 to K - 1.

    Returns:
        (images, K), in order of the images' numbers.

    Example:
        >>> answer_counts(np.array([5, 5, 9]), np.array([0, 1, 1])).tolist()
        [[1, 1], [0, 1]]
    """
    _, unit = np.unique(image, return_inverse=True)
    kinds = int(answer.max(initial=0)) + 1
    counts = np.zeros((int(unit.max(initial=-1)) + 1, kinds), np.int64)
    np.add.at(counts, (unit, answer), 1)
    return counts


def krippendorff_alpha(counts: IntArray) -> Agreement:
    """Return ``1 - Do / De`` of nominal answers; images may have any number of them.

    ``Do`` is the share of disagreeing pairs of answers on the same image, where a pair on an image
    with m answers weighs 1 / (m - 1); ``De`` is the share among all pairs of answers. Images with a
    single answer count for nothing.

    Args:
        counts: answers of each kind on each image, (images, K).

    Source: Krippendorff, Content Analysis, chapter on reliability.

    Example:
        >>> round(krippendorff_alpha(np.array([[2, 0], [1, 1], [0, 2]])).value, 3)
        0.444
    """
    each = counts.sum(1)
    paired, each = counts[each > 1], each[each > 1]
    if not len(paired):
        return Agreement(None, "no image has two answers", 0)
    total, kinds = int(each.sum()), paired.sum(0)
    expected = (total**2 - (kinds**2).sum()) / (total * (total - 1))
    if expected == 0:
        return Agreement(None, "all answers are the same", len(paired))
    observed = float((((each**2) - (paired**2).sum(1)) / (each - 1)).sum()) / total
    return Agreement(float(1 - observed / expected), "", len(paired))


def fleiss_kappa(counts: IntArray) -> Agreement:
    """Return ``(P - Pe) / (1 - Pe)``, for the same number of answers on each image.

    ``P`` is the share of agreeing pairs on an image, averaged; ``Pe`` is the sum of the squared
    shares of the answers.

    Args:
        counts: answers of each kind on each image, (images, K).

    Source: Fleiss, Psychological Bulletin 76 (1971).

    Example:
        >>> round(fleiss_kappa(np.array([[2, 0], [1, 1], [0, 2]])).value, 3)
        0.333
    """
    each = counts.sum(1)
    if not len(each) or each.max() < 2:
        return Agreement(None, "no image has two answers", 0)
    if each.min() != each.max():
        why = f"images have {each.min()} to {each.max()} answers, but it needs equal numbers"
        return Agreement(None, why, int((each > 1).sum()))
    raters = int(each[0])
    agreeing = float(((counts**2).sum(1) - raters).mean()) / (raters * (raters - 1))
    expected = float(((counts.sum(0) / counts.sum()) ** 2).sum())
    if expected == 1:
        return Agreement(None, "all answers are the same", len(counts))
    return Agreement((agreeing - expected) / (1 - expected), "", len(counts))
