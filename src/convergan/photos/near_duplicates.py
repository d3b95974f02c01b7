"""Photographs that look the same and should not be where they are.

That is: one with a label and one to test on, or two with different labels. Candidates are pairs
whose features have a cosine of `LEAST_COSINE` or more; they count where small grey pictures of the
two differ by little, which a better compression or another size does not change.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..embedding.images import Array, square
from .fitting import Part, TrainingPhotos

LEAST_COSINE = 0.9
SIDE, MOST_DIFFERENCE = 16, 8.0
"""Side of the small pictures, and the mean difference of their levels, of 255, that is none."""
MOST_CANDIDATES = 500
"""Pairs that are looked at, the most alike."""


class Pair(NamedTuple):
    """Two photographs that look the same.

    Attributes:
        first: number of the one among those to learn from, which has a label.
        second: number of the other.
        on_test: whether the other is one to test on; else it has another label.
    """

    first: int
    second: int
    on_test: bool


def near_duplicates(photos: TrainingPhotos) -> list[Pair]:
    """Return the pairs; the most alike first."""
    train = photos.train
    labeled = np.flatnonzero(train.photos.is_labeled)
    candidates = [*_across_labels(train, labeled), *_across_parts(train, labeled, photos.test)]
    candidates.sort(key=lambda one: -one[0])
    return [
        pair
        for _, pair in candidates[:MOST_CANDIDATES]
        if _look_alike(train, pair.first, photos.test if pair.on_test else train, pair.second)
    ]


def _across_labels(train: Part, labeled: Array) -> Iterator[tuple[float, Pair]]:
    labels = train.photos.labels[labeled]
    for a, b, cosine in _near(train.rows[labeled], train.rows[labeled]):
        if a < b and labels[a] != labels[b]:
            yield cosine, Pair(int(labeled[a]), int(labeled[b]), on_test=False)


def _across_parts(train: Part, labeled: Array, test: Part) -> Iterator[tuple[float, Pair]]:
    for a, b, cosine in _near(train.rows[labeled], test.rows):
        yield cosine, Pair(int(labeled[a]), int(b), on_test=True)


def _near(first: Array, second: Array) -> Iterator[tuple[int, int, float]]:
    """Yield the places and the cosine of every pair that is near."""
    if not len(first) or not len(second):
        return
    one, other = _of_length_1(first), _of_length_1(second)
    for start in range(0, len(one), 1000):
        cosines = one[start : start + 1000] @ other.T
        for a, b in np.argwhere(cosines >= LEAST_COSINE):
            yield start + int(a), int(b), float(cosines[a, b])


def _of_length_1(rows: Array) -> Array:
    found: Array = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return found


def _look_alike(first: Part, a: int, second: Part, b: int) -> bool:
    if first.contents[a] == second.contents[b]:
        return True
    small = [
        square(part.photos.files.read(n), SIDE, crop=False).mean(axis=2)
        for part, n in ((first, a), (second, b))
    ]
    return float(np.abs(small[0] - small[1]).mean()) <= MOST_DIFFERENCE
