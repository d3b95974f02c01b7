"""Labels spread over a graph of near neighbors: a first opinion before anything is learned.

Zhou et al. (2004), "Learning with Local and Global Consistency": with a symmetric graph ``W`` of
row similarities, degrees ``D`` and ``S = D^-1/2 W D^-1/2``, iterate
``F <- alpha S F + (1 - alpha) Y`` from the given labels ``Y`` (N, K). Here a row is joined to its
nearest neighbors with weights ``exp(-d^2 / d_last^2)``, where ``d_last`` is the farthest of them.

Paper and released code: not in Salimans et al. (2016).
"""

import warnings

import torch
from torch import Tensor

from .neighbors import Neighbors


def spread_labels(
    neighbors: Neighbors,
    labeled_rows: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    alpha: float = 0.99,
    rounds: int = 200,
    sharpness: float = 1.0,
) -> Tensor:
    """Return class probabilities of every row, spread from the few labels.

    Args:
        neighbors: of N rows; each row begins an edge to each of its neighbors.
        labeled_rows: (L,), indices of the labelled ones.
        labels: (L,), their classes.
        num_classes: K.
        alpha: share of the neighbors in each round, in (0, 1).
        rounds: number of iterations.
        sharpness: power that the probabilities are raised to; above 1 they are surer.

    Returns:
        (N, K) float32; rows sum to 1, and are uniform where no label arrives.
    """
    count, edges_each = neighbors.indices.shape
    scale = neighbors.squared_distances[:, -1:].clamp(min=torch.finfo(torch.float32).tiny)
    weights = torch.exp(-neighbors.squared_distances / scale).double().flatten()
    begin = torch.arange(count).repeat_interleave(edges_each)
    end = neighbors.indices.flatten()
    edges = torch.cat([torch.stack([begin, end]), torch.stack([end, begin])], dim=1)
    weights = weights.repeat(2)
    degrees = torch.zeros(count, dtype=torch.float64).index_add_(0, edges[0], weights)
    weights = weights / (degrees[edges[0]] * degrees[edges[1]]).sqrt()
    given = torch.zeros(count, num_classes, dtype=torch.float64)
    given[labeled_rows, labels] = 1
    graph = _compress(
        torch.sparse_coo_tensor(edges, weights, (count, count), check_invariants=True)
    )
    spread = given
    for _ in range(rounds):
        spread = alpha * (graph @ spread) + (1 - alpha) * given
    top = spread.amax(dim=1, keepdim=True)
    spread = torch.where(top > 0, spread / top, torch.ones_like(spread)) ** sharpness
    return (spread / spread.sum(dim=1, keepdim=True)).float()


def _compress(graph: Tensor) -> Tensor:
    """Sort a sparse matrix by rows, once for all products: they take a fourth of the time."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
        return graph.coalesce().to_sparse_csr()
