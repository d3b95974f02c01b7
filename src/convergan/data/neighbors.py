"""The rows nearest to each row: a graph of a data set before anything is learned.

Paper and released code: not in Salimans et al. (2016).
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from .batches import to_unit_range

BLOCK = 64
"""Distances among which the least is found before any are sorted."""


class Neighbors(NamedTuple):
    """The rows nearest to each row, nearest first; never the row itself.

    Attributes:
        indices: (N, count), int64.
        squared_distances: (N, count), not negative.
    """

    indices: Tensor
    squared_distances: Tensor


def nearest_neighbors(
    rows: Tensor, count: int, *, components: int = 50, chunk_size: int = 64
) -> Neighbors:
    """Find each row's nearest other rows, by Euclidean distance of principal components.

    Exact in the space of the leading components, by matrix products: N^2 * components
    multiply-adds, and memory for ``chunk_size`` * N distances.

    Args:
        rows: (N, *row shape), uint8 or float32.
        count: neighbors per row, less than N.
        components: leading principal components to keep, at most the width of a row.
        chunk_size: rows whose distances are held at a time.

    Raises:
        ValueError: if there are not that many other rows.

    Example:
        >>> nearest_neighbors(torch.tensor([[0.0], [1.0], [3.0]]), 1).indices.flatten().tolist()
        [1, 0, 1]
    """
    if not 0 < count < len(rows):
        raise ValueError(f"count must be between 1 and {len(rows) - 1}, got {count}")
    flat = to_unit_range(rows).flatten(1)
    points = (flat - flat.mean(dim=0)) @ principal_axes(flat, components)
    squares = points.square().sum(dim=1, keepdim=True)
    beyond = -len(points) % BLOCK  # fill the last block with points that are nobody's neighbors
    others = pad(torch.cat([points, squares], dim=1), (0, 0, 0, beyond))
    others[len(points) :, -1] = torch.inf
    between = points.new_empty(min(chunk_size, len(points)), len(others))
    indices, distances = [], []
    for chunk in torch.split(torch.arange(len(points)), chunk_size):
        own = torch.cat([-2 * points[chunk], points.new_ones(len(chunk), 1)], dim=1)
        block = torch.mm(own, others.T, out=between[: len(chunk)])  # less own square
        block[torch.arange(len(chunk)), chunk] = torch.inf
        nearest = _smallest(block, count)
        indices.append(nearest.indices)
        distances.append((nearest.squared_distances + squares[chunk]).clamp(min=0))
    return Neighbors(torch.cat(indices), torch.cat(distances))


def principal_axes(rows: Tensor, components: int) -> Tensor:
    """Return the leading directions of variance of (N, A) rows: (A, components), orthonormal.

    Args:
        rows: (N, A), floating point.
        components: how many, 1 to A.
    """
    centred = rows - rows.mean(dim=0)
    axes: Tensor = torch.linalg.eigh(centred.T @ centred).eigenvectors  # ascending
    return axes[:, -components:]


def _smallest(values: Tensor, count: int) -> Neighbors:
    """Find the ``count`` smallest of each row, whose length is a multiple of `BLOCK`.

    They lie in the ``count`` blocks of smallest minimum, so few values need sorting.
    """
    blocks = values.view(len(values), -1, BLOCK)
    chosen = min(count, blocks.shape[1])
    best = blocks.amin(dim=2).topk(chosen, largest=False).indices  # (N, chosen)
    kept = blocks.gather(1, best[:, :, None].expand(-1, -1, BLOCK)).flatten(1)
    smallest = kept.topk(count, largest=False)
    places = best.gather(1, smallest.indices // BLOCK) * BLOCK + smallest.indices % BLOCK
    return Neighbors(places, smallest.values)
