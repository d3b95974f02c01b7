"""Labels spread over a graph of near neighbors: a first opinion before anything is learned.

Zhou et al. (2004), "Learning with Local and Global Consistency": with a symmetric graph ``W`` of
row similarities, degrees ``D`` and ``S = D^-1/2 W D^-1/2``, iterate
``F <- alpha S F + (1 - alpha) Y`` from the given labels ``Y`` (N, K). Here a row is joined to its
nearest neighbors by the leading principal components, with weights ``exp(-d^2 / d_last^2)`` where
``d_last`` is the farthest of them.

Paper and released code: not in Salimans et al. (2016).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .batches import to_unit_range

BLOCK = 128
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
    rows: Tensor, count: int, *, components: int = 50, chunk_size: int = 1000
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
    centred = flat - flat.mean(dim=0)
    _, axes = torch.linalg.eigh(centred.T @ centred)  # ascending
    points = centred @ axes[:, -components:]
    squares = points.square().sum(dim=1)
    beyond = -len(points) % BLOCK  # fill the last block with points that are nobody's neighbors
    others = torch.cat([points, points.new_zeros(beyond, points.shape[1])])
    offsets = torch.cat([squares, squares.new_full((beyond,), torch.inf)])
    indices, distances = [], []
    for chunk in torch.split(torch.arange(len(points)), chunk_size):
        between = torch.addmm(offsets, points[chunk], others.T, alpha=-2)  # less own square
        between[torch.arange(len(chunk)), chunk] = torch.inf
        nearest = _smallest(between, count)
        indices.append(nearest.indices)
        distances.append((nearest.squared_distances + squares[chunk, None]).clamp(min=0))
    return Neighbors(torch.cat(indices), torch.cat(distances))


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


def spread_labels(
    rows: Tensor,
    labeled_rows: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    neighbors: int = 5,
    components: int = 50,
    alpha: float = 0.99,
    rounds: int = 200,
    sharpness: float = 1.0,
    balanced: bool = False,
) -> Tensor:
    """Return class probabilities of every row, spread from the few labels.

    Args:
        rows: (N, *row shape), uint8 or float32.
        labeled_rows: (L,), indices of the labelled ones.
        labels: (L,), their classes.
        num_classes: K.
        neighbors: edges that each row begins.
        components: see `nearest_neighbors`.
        alpha: share of the neighbors in each round, in (0, 1).
        rounds: number of iterations.
        sharpness: power that the probabilities are raised to; above 1 they are surer.
        balanced: scale the classes until each has the share of the rows that it has of the labels
            (Sinkhorn's iteration), for a few labels can spread too far.

    Returns:
        (N, K) float32; rows sum to 1, and are uniform where no label arrives.
    """
    count = len(rows)
    found = nearest_neighbors(rows, neighbors, components=components)
    scale = found.squared_distances[:, -1:].clamp(min=torch.finfo(torch.float32).tiny)
    weights = torch.exp(-found.squared_distances / scale).double().flatten()
    begin = torch.arange(count).repeat_interleave(neighbors)
    end = found.indices.flatten()
    edges = torch.cat([torch.stack([begin, end]), torch.stack([end, begin])], dim=1)
    weights = weights.repeat(2)
    degrees = torch.zeros(count, dtype=torch.float64).index_add_(0, edges[0], weights)
    weights = weights / (degrees[edges[0]] * degrees[edges[1]]).sqrt()
    given = torch.zeros(count, num_classes, dtype=torch.float64)
    given[labeled_rows, labels] = 1
    graph = torch.sparse_coo_tensor(
        edges, weights, (count, count), check_invariants=True
    ).coalesce()
    spread = given
    for _ in range(rounds):
        spread = alpha * torch.sparse.mm(graph, spread) + (1 - alpha) * given
    top = spread.amax(dim=1, keepdim=True)
    spread = torch.where(top > 0, spread / top, torch.ones_like(spread)) ** sharpness
    spread = spread / spread.sum(dim=1, keepdim=True)
    if balanced:
        spread = _balance(spread, given.mean(dim=0))
    return spread.float()


def _balance(probabilities: Tensor, shares: Tensor, rounds: int = 50) -> Tensor:
    """Scale columns to be in the ratios of ``shares`` and rows to sum to 1, in turn."""
    for _ in range(rounds):
        totals = probabilities.sum(dim=0).clamp(min=torch.finfo(torch.float64).tiny)
        probabilities = probabilities * (shares / totals)
        probabilities = probabilities / probabilities.sum(dim=1, keepdim=True)
    return probabilities
