"""Photographs that look the same and should not be where they are.

That is: one with a label and one to test on, or two with different labels. Candidates are pairs
whose features, less their mean, have a cosine of `LEAST_COSINE` or more; they count where small
grey pictures of the two differ by little, which a better compression or another size does not
change.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..embedding.images import Array, square
from .fitting import PhotoRows, TrainingPhotos

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
    middle = train.rows.mean(axis=0)
    known = _directions(train.rows[labeled] - middle)
    candidates = [
        *_across_labels(known, labeled, train.photos.labels[labeled]),
        *_across_parts(known, labeled, _directions(photos.test.rows - middle)),
    ]
    candidates.sort(key=lambda one: -one[0])
    return [
        pair
        for _, pair in candidates[:MOST_CANDIDATES]
        if _look_alike(train, pair.first, photos.test if pair.on_test else train, pair.second)
    ]


def _across_labels(known: Array, numbers: Array, labels: Array) -> Iterator[tuple[float, Pair]]:
    for a, b, cosine in _near(known, known):
        if a < b and labels[a] != labels[b]:
            yield cosine, Pair(int(numbers[a]), int(numbers[b]), on_test=False)


def _across_parts(known: Array, numbers: Array, test: Array) -> Iterator[tuple[float, Pair]]:
    for a, b, cosine in _near(known, test):
        yield cosine, Pair(int(numbers[a]), b, on_test=True)


def _near(first: Array, second: Array) -> Iterator[tuple[int, int, float]]:
    """Yield the places and the cosine of every pair that is near."""
    for start in range(0, len(first), 1000):
        cosines = first[start : start + 1000] @ second.T
        for a, b in np.argwhere(cosines >= LEAST_COSINE):
            yield start + int(a), int(b), float(cosines[a, b])


def _directions(rows: Array) -> Array:
    """Return rows (n, D), scaled to length 1."""
    found: Array = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return found


def _look_alike(first: PhotoRows, a: int, second: PhotoRows, b: int) -> bool:
    if first.contents[a] == second.contents[b]:
        return True
    small = [
        square(part.photos.files.read(n), SIDE, crop=False).mean(axis=2)
        for part, n in ((first, a), (second, b))
    ]
    return float(np.abs(small[0] - small[1]).mean()) <= MOST_DIFFERENCE
