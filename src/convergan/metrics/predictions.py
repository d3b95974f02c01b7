"""What a classifier says of samples: logits or probabilities, and ``p log p`` of either.

Kernels take the last numbers of a tensor, or those where threads meet, by other instructions than
the rest, and may add up a row in another order if there are more rows. So that the bits of a row
tell neither its place in a batch nor the batch's size, all rows pass through a block of one shape:
its rows are whole lines of 16 numbers, and it has fewer numbers than torch gives to two threads,
or a single row.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .matrices import require_finite_matrix

TOLERANCE = 1e-4
"""How far from 1 a row of probabilities may sum, as those of float32 and float16 do."""
CHUNK = 2**18
"""Numbers of a batch that is cut from a larger one."""
BLOCK = 2**15 - 1
"""Numbers of a block, at most; two of them stay in the cache of a core."""
LINE = 16
"""Numbers that a kernel takes at once, at most: two registers of 512 bits."""
GROUP = 4
"""A block has a multiple of this many rows, or one."""
UNDERFLOW = -1200.0
"""Two to this power is 0 in float64, and this times 0 is 0."""
TINY = 1e-300
"""A probability below this adds less than 1e-297 to a sum, and its logarithm is finite."""


def require_predictions(
    probabilities: Tensor | None, logits: Tensor | None, *, classes: int | None = None
) -> Tensor:
    """Return whichever is given, probabilities or logits, and refuse what is not that.

    Raises:
        ValueError: if both or neither are given, or they are no such matrix.
    """
    if probabilities is not None and logits is None:
        require_finite_matrix(probabilities, "probabilities", width=classes)
        _require_probabilities(probabilities)
        return probabilities
    if logits is not None and probabilities is None:
        require_finite_matrix(logits, "logits", width=classes)
        return logits
    given = "neither" if logits is None else "both of them"
    raise ValueError(f"give either probabilities or logits, got {given}")


def _require_probabilities(rows: Tensor) -> None:
    if float(rows.min()) < 0:
        raise ValueError(f"probabilities must not be negative, got {float(rows.min()):.4g}")
    sums = rows.sum(dim=1, dtype=torch.float64)
    wrong = ((sums - 1).abs() > TOLERANCE).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"rows of probabilities must sum to 1 within {TOLERANCE:g}, row {row} sums to "
            f"{float(sums[row]):.6g}"
        )


def chunk_rows(classes: int) -> int:
    """Return how many rows to cut from a larger matrix at a time."""
    return max(1, CHUNK // classes)


class Likelihoods(NamedTuple):
    """Some rows in a block of R x W numbers, valid until the next is asked for.

    Attributes:
        count: rows that are in the block, from its first.
        p: (R, W) float64, times the scale; 0 in rows from ``count`` on and in columns from K on,
            of which there is at least one.
        certainty: (R,) float64, ``sum_k p log p`` of each row, 0 from ``count`` on.
    """

    count: int
    p: Tensor
    certainty: Tensor


def likelihoods(rows: Tensor, *, given_logits: bool, scale: float = 1.0) -> Iterator[Likelihoods]:
    """Yield ``p`` and ``sum_k p log p`` of rows of logits or of probabilities, block by block.

    No number depends on another row, on where in the batch its row is or on how large the batch is.

    Args:
        rows: (B, K), checked.
        given_logits: whether they are logits; then ``p`` is their softmax, in float64.
        scale: what ``p`` is multiplied by, a power of two.
    """
    width = (rows.shape[1] // LINE + 1) * LINE
    height = max(1, BLOCK // width // GROUP * GROUP)
    x = torch.zeros(height, width, dtype=torch.float64, device=rows.device)
    p = torch.zeros_like(x)
    fill = _from_logits if given_logits else _from_probabilities
    for part in torch.split(rows, height):
        x[: len(part), : rows.shape[1]] = part
        certainty = fill(x, p, rows, scale)
        p[len(part) :] = 0
        certainty[len(part) :] = 0
        yield Likelihoods(len(part), p, certainty)


def _from_logits(x: Tensor, p: Tensor, rows: Tensor, scale: float) -> Tensor:
    """Fill ``p`` with the softmax of ``x``, and ``x`` with what is finite.

    ``log2 p_k = y_k - log2 sum_j 2^y_j`` with ``y_k = (x_k - max x) / log 2``.
    """
    classes = rows.shape[1]
    x.sub_(x[:, :classes].amax(dim=1, keepdim=True)).mul_(1 / math.log(2))
    if rows.dtype == torch.float64:  # others cannot overflow
        x.clamp_(min=UNDERFLOW)
    torch.exp2(x, out=p)
    p[:, classes:] = 0
    total = p.sum(dim=1)
    mean = x.mul_(p).sum(dim=1).div_(total)  # columns from K on are 0 again
    p.mul_((scale / total)[:, None])
    return mean.sub_(total.log2_()).mul_(math.log(2))


def _from_probabilities(x: Tensor, p: Tensor, rows: Tensor, scale: float) -> Tensor:
    torch.clamp(x, min=TINY, out=p)
    certainty = p.log_().mul_(x).sum(dim=1)
    torch.mul(x, scale, out=p)
    return certainty
