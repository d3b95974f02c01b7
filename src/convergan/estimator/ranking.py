"""Which rows to label next: uncertain ones that represent many other uncertain ones.

With ``u_i = 1 - (p_(1) - p_(2))``, of the two largest probabilities, as the weight of row i, rows
are taken one at a time, each the one that leaves the least

``sum_i u_i min_{j taken or labelled} ||f_i - f_j||^2``.

That is the weighted clustering of Zhdanov (2019), "Diverse mini-batch Active Learning", built
greedily from rows as in Wei, Iyer & Bilmes (2015), "Submodularity in Data Subset Selection and
Active Learning". It is deterministic, shorter lists are beginnings of longer ones, and, unlike in
farthest-first traversal, outliers come late. As in both, only the least certain rows can be taken.

Paper and released code: not in Salimans et al. (2016).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .checks import Array, require_finite

MOST_CANDIDATES = 2000
"""Rows among which to choose, the least certain ones; twice ``count`` where that is more.

Memory is square in this number, and time as well for each row that is taken.
"""
LEAST_WEIGHT = 1e-9
"""Weight of certain rows, so that they are ranked by distance where there are no others."""


def rank_for_labeling(
    probabilities: Any,
    features: Any,
    *,
    count: int,
    candidates: Sequence[int] | Array | None = None,
    labeled: Sequence[int] | Array = (),
) -> Array:
    """Return the rows whose labels would help most, the first first.

    Args:
        probabilities: (n, K) of the classes, K at least 2.
        features: (n, F) of one scale, in which near rows are alike, for example a hidden layer.
        count: number of rows to return.
        candidates: rows to choose from; None for all but the labelled ones.
        labeled: rows with a label, which already represent the rows near them.

    Returns:
        (count,) int64 indices, none twice and none of the labelled ones.

    Raises:
        ValueError: if shapes differ, values are not finite, a row is listed twice, is out of range
            or both candidate and labelled, or there are fewer candidates than ``count``.

    Example:
        >>> features = np.array([[0.0], [0.1], [0.2], [5.0], [5.1]])
        >>> rank_for_labeling(np.full((5, 2), 0.5), features, count=2)
        array([2, 3])
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    features = np.asarray(features, dtype=np.float64)
    _check(probabilities, features)
    known = _rows(labeled, "labeled", len(features))
    if candidates is None:
        pool = np.setdiff1d(np.arange(len(features)), known)
    else:
        pool = np.sort(_rows(candidates, "candidates", len(features)))
        if np.isin(pool, known).any():
            raise ValueError(f"candidate {pool[np.isin(pool, known)][0]} is labeled already")
    if not 1 <= count <= len(pool):
        raise ValueError(f"count must be from 1 to the {len(pool)} candidates, got {count}")
    two = np.partition(probabilities[pool], -2, axis=1)[:, -2:]
    unsure = 1 - (two[:, 1] - two[:, 0])
    kept = np.sort(np.argsort(-unsure, kind="stable")[: max(MOST_CANDIDATES, 2 * count)])
    pool, weights = pool[kept], np.maximum(unsure[kept], LEAST_WEIGHT)
    found: Array = pool[_greedy(features[pool], weights, features[known], count)]
    return found


def _greedy(rows: Array, weights: Array, known: Array, count: int) -> list[int]:
    """Return positions in ``rows`` in the order in which they are taken."""
    between = _squared_distances(rows, rows)
    nearest = np.full(len(rows), np.inf)
    for block in np.array_split(known, len(known) // MOST_CANDIDATES + 1):
        if len(block):
            nearest = np.minimum(nearest, _squared_distances(rows, block).min(axis=1))
    taken: list[int] = []
    for _ in range(count):
        left = weights @ np.minimum(nearest[:, None], between)
        left[taken] = np.inf
        taken.append(int(left.argmin()))
        nearest = np.minimum(nearest, between[taken[-1]])
    return taken


def _squared_distances(rows: Array, others: Array) -> Array:
    squared = np.square(rows).sum(axis=1)[:, None] + np.square(others).sum(axis=1)
    distances: Array = np.maximum(squared - 2 * rows @ others.T, 0)
    return distances


def _check(probabilities: Array, features: Array) -> None:
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise ValueError(f"probabilities must be (n, K), K at least 2, got {probabilities.shape}")
    if features.ndim != 2 or len(features) != len(probabilities):
        raise ValueError(
            f"features must be ({len(probabilities)}, F) as probabilities are, got {features.shape}"
        )
    for values, name in ((probabilities, "probabilities"), (features, "features")):
        require_finite(name, values)


def _rows(rows: Sequence[int] | Array, name: str, count: int) -> Array:
    found = np.asarray(rows, dtype=None if len(rows) else np.int64)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ValueError(f"{name} must be indices of rows, got {found.dtype} {found.shape}")
    if len(found) and not 0 <= found.min() <= found.max() < count:
        raise ValueError(
            f"{name} must be from 0 to {count - 1}, got {found.min()} to {found.max()}"
        )
    if len(np.unique(found)) < len(found):
        raise ValueError(f"{name} must name no row twice")
    return found.astype(np.int64)
