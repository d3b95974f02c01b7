"""Opinions of graphs: labels spread over each row's nearest ones (Zhou et al., 2004).

All labelled rows, and of the others as many as fit, are the graph's points. Another row has the
mean probabilities of the points that are nearest to it: five, and all as near as the fifth.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array, diags_array
from torch import Tensor

from ..data import nearest_neighbors
from .checks import Array
from .opinions import Evidence, LabeledRows, as_tensor, leading_axes

LARGEST_GRAPH = 10_000
NEIGHBORS, COMPONENTS = 5, 50
ALPHA = 0.99
"""Share of the neighbors in a point's mass; the rest is its label's."""
PRIOR = 1e-3
"""Weight of all classes alike beside what has arrived."""
ROUNDS, PRECISION = 200, 1e-6
ROUNDING = 1e-9
"""Squared distances that differ by less, as a share of 1 and a row's squared length, count as
equal: which of several points is nearest must not depend on the rows beside a row."""
CHUNK = 256
"""Rows whose distances are held at a time."""
BLOCK = 64
"""Points of which the nearest is found before any are compared."""
COARSE = 1e-5
"""Rounding of squared distances in float32, as a share of the squared lengths of row and point."""
TINY = 1e-4
"""Of a squared length, so that what counts as equal is not lost in the rounding."""
PAIRS = 50_000
"""Pairs of a row and a point, about, whose distances are found exactly at a time."""


@dataclass(frozen=True)
class Graph:
    """Points with class shares.

    Attributes:
        axes: (A, C) that rows and points are compared on.
        directions: whether rows are first scaled to length 1.
        points: (n, C).
        shares: (n, K); rows sum to 1.
    """

    axes: Array
    directions: bool
    points: Array
    shares: Array

    def log_probabilities(self, rows: Array) -> Array:
        """Return (n, K) logarithms of probabilities of rows (n, A)."""
        found = np.empty((len(rows), self.shares.shape[1]))
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            found[part] = self._nearest_shares(self.project(rows[part]))
        return _log_shares(found)

    def project(self, rows: Array) -> Array:
        """Return rows (n, A) as points (n, C)."""
        found: Array = (scale_to_length_one(rows) if self.directions else rows) @ self.axes
        return found

    @cached_property
    def _lines(self) -> Tensor:
        """``-2 p`` and the squared length of every point, in float32, rounded towards 0."""
        count = len(self.points)
        lines = np.zeros((count + -count % BLOCK, self.points.shape[1] + 1), dtype=np.float32)
        lines[:count, :-1] = -2 * self.points
        lines[:count, -1] = np.square(self.points).sum(axis=1) * (1 - COARSE)
        lines[count:, -1] = np.inf  # nobody's neighbors
        return as_tensor(lines)

    def _nearest_shares(self, points: Array) -> Array:
        """Return the shares (n, K) of points (n, C): the near ones in float32, then exactly."""
        squares = np.einsum("nc,nc->n", points, points)
        row, point = self._near(points, squares)
        counts = np.bincount(row)
        most, middle = counts.max(), len(points) // 2
        if middle and len(points) * most > PAIRS:  # of many points at the same place
            halves = points[:middle], points[middle:]
            return np.vstack([self._nearest_shares(half) for half in halves])
        slack = ROUNDING * (1 + squares)
        between = self.points.take(point, axis=0) - points.take(row, axis=0)
        place = np.arange(len(row)) - (counts.cumsum() - counts)[row]
        distances = np.full((len(points), most), np.inf)
        distances[row, place] = np.einsum("pc,pc->p", between, between) - slack[row]
        distances.clip(min=0, out=distances)
        others = np.zeros(distances.shape, dtype=np.intp)
        others[row, place] = point
        last = min(NEIGHBORS, len(self.points)) - 1
        unit = np.partition(distances, last, axis=1)[:, [last]] + slack[:, None]
        weights = np.exp(-distances / unit) * (distances <= unit)
        weights /= weights.sum(axis=1, keepdims=True)
        found: Array = np.einsum("np,npk->nk", weights, self.shares.take(others, axis=0))
        return found

    def _near(self, points: Array, squares: Array) -> tuple[Array, Array]:
        """Return pairs of a row and a point, row by row: all that may be among the nearest five.

        The nearest points of five blocks are no nearer than the nearest five of all.
        """
        count, lines = len(points), self._lines
        own = np.ones((count, lines.shape[1]), dtype=np.float32)
        own[:, :-1] = points
        least = torch.mm(as_tensor(own), lines.T).numpy()  # less the row's squared length
        nearest = min(NEIGHBORS, len(self.points))
        blocks = least.reshape(count, BLOCK, -1)
        firsts = blocks.min(axis=1) if blocks.shape[2] >= nearest else least
        fifth = np.partition(firsts, nearest - 1, axis=1)[:, nearest - 1] + squares
        most = fifth.clip(min=0) * (1 + 16 * COARSE) + 16 * COARSE * (squares + TINY) - squares
        near = np.flatnonzero(least <= most.astype(np.float32)[:, None])
        row, point = np.divmod(near, len(lines))
        return row, point


def label_spreading(task: LabeledRows, *, directions: bool) -> Evidence:
    """Spread the labels over a graph of the rows, or of their directions from the mean."""
    rows = scale_to_length_one(task.rows) if directions else task.rows
    chance = np.random.default_rng(task.seed).random(len(rows))
    chance[task.labeled] -= 1  # labelled rows come first
    chosen = np.sort(np.argsort(chance)[:LARGEST_GRAPH])
    width = min(COMPONENTS, rows.shape[1])
    axes = leading_axes(rows[chosen], width)
    points = rows[chosen] @ axes
    places = np.searchsorted(chosen, task.labeled)
    inside = (places < len(chosen)) & (chosen[np.minimum(places, len(chosen) - 1)] == task.labeled)
    parts = [task.folds != fold for fold in range(int(task.folds.max()) + 1)]
    given = np.zeros((len(parts) + 1, len(chosen), task.num_classes))
    for number, kept in enumerate([np.ones(len(task.labels), dtype=bool), *parts]):
        given[number, places[inside & kept], task.labels[inside & kept]] = 1
    masses = _spread(_similarities(points), given)
    shares = _normalise(masses[0])
    fitted = Graph(axes, directions, points, shares)
    logs = np.empty((len(rows), task.num_classes))
    logs[chosen] = _log_shares(shares)
    left = np.setdiff1d(np.arange(len(rows)), chosen)
    logs[left] = fitted.log_probabilities(task.rows[left])
    held_out = np.full((len(task.labels), task.num_classes), -np.log(task.num_classes))
    for number, kept in enumerate(parts):
        own = ~kept & inside
        held_out[own] = _log_shares(_normalise(masses[number + 1][places[own]]))
    return Evidence(fitted, logs, held_out)


def scale_to_length_one(rows: Array) -> Array:
    """Scale rows (n, A) to length 1; a row of zeros stays."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Array = rows / np.maximum(length, np.finfo(np.float32).tiny)
    return found


def _similarities(points: Array) -> csr_array:
    """Return the symmetric matrix of similarities, each divided by the root of both degrees."""
    count = min(NEIGHBORS, len(points) - 1)
    found = nearest_neighbors(torch.from_numpy(points).float(), count, components=points.shape[1])
    distances = found.squared_distances.double().numpy()
    unit = np.maximum(distances[:, -1:], np.finfo(np.float32).tiny)
    begin = np.repeat(np.arange(len(points)), count)
    one_way = coo_array(
        (np.exp(-distances / unit).ravel(), (begin, found.indices.numpy().ravel())),
        shape=(len(points), len(points)),
    )
    weights = (one_way + one_way.T).tocsr()
    scale = diags_array(1 / np.sqrt(np.asarray(weights.sum(axis=1)).ravel()))
    return (scale @ weights @ scale).tocsr()


def _spread(similarities: csr_array, given: Array) -> Array:
    """Solve ``(1 - alpha S) F = Y`` by conjugate gradients, for (F, n, K) labels Y at once.

    The matrix is positive definite, as no eigenvalue of S is above 1.
    """
    folds, count, classes = given.shape
    wanted = np.ascontiguousarray(given.transpose(1, 0, 2).reshape(count, folds * classes))
    found = np.zeros_like(wanted)
    left, direction = wanted.copy(), wanted.copy()
    size = np.square(left).sum(axis=0)
    end = PRECISION**2 * size
    for _ in range(ROUNDS):
        image = direction - ALPHA * (similarities @ direction)
        step = size / np.maximum((direction * image).sum(axis=0), np.finfo(np.float64).tiny)
        found += step * direction
        left -= step * image
        after = np.square(left).sum(axis=0)
        if (after <= end).all():
            break
        direction *= after / np.maximum(size, np.finfo(np.float64).tiny)
        direction += left
        size = after
    spread: Array = found.clip(0).reshape(count, folds, classes).transpose(1, 0, 2)
    return spread


def _normalise(masses: Array) -> Array:
    """Divide masses (n, K) by their sums; alike where nothing has arrived."""
    total = masses.sum(axis=1, keepdims=True)
    alike = np.full_like(masses, 1 / masses.shape[1])
    shares: Array = np.divide(masses, total, out=alike, where=total > 0)
    return shares


def _log_shares(shares: Array) -> Array:
    found: Array = np.log((shares + PRIOR / shares.shape[1]) / (1 + PRIOR))
    return found
