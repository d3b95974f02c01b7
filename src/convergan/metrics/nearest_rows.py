"""The nearest training row of each sample: is it a copy?

``i(x) = argmin_i |x - y_i|``, Euclidean, over all rows of a data set.

Paper and released code: not in Salimans et al. (2016).
"""

import torch
from torch import Tensor

from .keywords import by_keyword
from .matrices import finite_matrix, squared_distances
from .tensor_like import TensorLike


@by_keyword("queries", "rows")
@torch.no_grad()
def nearest_rows(
    *, queries: TensorLike, rows: TensorLike, block: int = 1024
) -> tuple[Tensor, Tensor]:
    """Find the nearest row of each query, of all rows, in blocks.

    Products are in float64, and the distance of the row that is found is taken once more by
    differences, so that a copy is at distance 0.

    Args:
        queries: (N, D), floating point, finite.
        rows: (M, D), likewise.
        block: rows of each whose distances are held at a time.

    Returns:
        Distances (N,) float64, and indices (N,) int64 into ``rows``, the first of equals.

    Raises:
        ValueError: if these are no such matrices.

    Example:
        >>> nearest_rows(queries=[[1.0], [8.0]], rows=[[0.0], [8.0], [3.0]])
        (tensor([1., 0.], dtype=torch.float64), tensor([0, 1]))
    """
    queries = finite_matrix(queries, "queries")
    rows = finite_matrix(rows, "rows", width=queries.shape[1]).to(queries.device)
    least = torch.full((len(queries),), torch.inf, dtype=torch.float64, device=queries.device)
    indices = torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
    for first, second, squares in squared_distances(
        queries, rows, block=block, dtype=torch.float64
    ):
        found = squares.min(dim=1)
        place = slice(first, first + len(squares))
        closer = found.values < least[place]
        least[place] = torch.where(closer, found.values, least[place])
        indices[place] = torch.where(closer, found.indices + second, indices[place])
    distances = [
        (some.double() - rows[chosen].double()).square().sum(dim=1).sqrt()
        for some, chosen in zip(
            torch.split(queries, block), torch.split(indices, block), strict=True
        )
    ]
    return torch.cat(distances), indices
