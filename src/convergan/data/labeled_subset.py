"""Which few rows keep their labels.

Salimans et al. (2016), section 6, and released code: a seed permutes the training set, and the
first rows of each class are kept, the same number for every class.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.chance import derive


class LabeledSubset(NamedTuple):
    """The rows that keep their labels.

    Attributes:
        rows: (L,), int64 indices into the training set.
        labels: (L,), int64 classes.
    """

    rows: Tensor
    labels: Tensor


def draw_labeled_subset(
    labels: Tensor, count: int, classes: Sequence[str], seed: int
) -> LabeledSubset:
    """Draw ``count / K`` labelled rows of each of the K classes.

    Args:
        labels: (N,), int64 classes in ``0 .. K - 1``, -1 where unknown.
        count: number of rows to draw over all classes, a multiple of K.
        classes: the K names, for messages.
        seed: decides the draw; larger counts of one seed contain the smaller ones.

    Returns:
        The subset, ordered by class and then by draw.

    Raises:
        ValueError: if ``count`` is not a positive multiple of K, or a class has too few rows.

    Example:
        >>> subset = draw_labeled_subset(torch.tensor([0, 1, 0, 1]), 2, ["a", "b"], seed=0)
        >>> subset.labels.tolist()
        [0, 1]
    """
    if not classes:
        raise ValueError("no row has a class, so no labels can be drawn")
    per_class, rest = divmod(count, len(classes))
    if count <= 0 or rest:
        low = max(1, per_class) * len(classes)
        raise ValueError(
            f"labels must be a positive multiple of the {len(classes)} classes, "
            f"got {count}; {low} or {low + len(classes)} would do"
        )
    order = torch.randperm(len(labels), generator=derive(seed, "labels"))
    drawn = []
    for number, name in enumerate(classes):
        rows = order[labels[order] == number]
        if len(rows) < per_class:
            raise ValueError(
                f"class {name!r} has {len(rows)} labelled rows, {per_class} were asked for"
            )
        drawn.append(rows[:per_class])
    chosen = torch.cat(drawn)
    return LabeledSubset(chosen, labels[chosen])
