"""Which rows of a data set lie nearest to each other, before anything is learned."""

import torch
from torch import Tensor

from .batches import to_unit_range


def nearest_neighbors(
    rows: Tensor, count: int, *, components: int = 50, chunk_size: int = 1000
) -> Tensor:
    """Find each row's nearest other rows, by Euclidean distance of principal components.

    Exact in the space of the leading components, by matrix products; takes about N^2 * components
    multiply-adds and memory for ``chunk_size`` * N distances.

    Args:
        rows: (N, *row shape), uint8 or float32.
        count: neighbors per row, less than N.
        components: leading principal components to keep, at most the width of a row.
        chunk_size: rows whose distances are held at a time.

    Returns:
        (N, count) int64 indices, nearest first; a row is never its own neighbor.

    Raises:
        ValueError: if there are not that many other rows.

    Example:
        >>> nearest_neighbors(torch.tensor([[0.0], [1.0], [3.0]]), 1).flatten().tolist()
        [1, 0, 1]
    """
    if not 0 < count < len(rows):
        raise ValueError(f"count must be between 1 and {len(rows) - 1}, got {count}")
    flat = to_unit_range(rows).flatten(1)
    centred = flat - flat.mean(dim=0)
    _, axes = torch.linalg.eigh(centred.T @ centred)  # ascending
    points = centred @ axes[:, -components:]
    squares = points.square().sum(dim=1)
    found = []
    for chunk in torch.split(torch.arange(len(points)), chunk_size):
        distances = squares - 2 * points[chunk] @ points.T  # up to each row's own square
        distances[torch.arange(len(chunk)), chunk] = torch.inf
        found.append(distances.topk(count, largest=False).indices)
    return torch.cat(found)
