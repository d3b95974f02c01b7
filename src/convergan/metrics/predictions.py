"""The predictions of a classifier: logits or probabilities, and ``p log p`` of either.

Kernels take the last numbers of a tensor, or those where two threads meet, by other instructions
than the rest, and some add up a row in another order where there are more rows. The bits of a row
here tell neither its place in a batch nor the size of the batch: rows are padded to whole lines of
16 numbers, exponentials and logarithms are of pieces too small for two threads, and sums are those
of a block that always has one shape. All else is exactly rounded, number by number.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .matrices import finite_matrix
from .tensor_like import TensorLike

TOLERANCE = 1e-4
"""How far from 1 a row of probabilities may sum, as those of float32 and float16 do."""
GIVE_LOGITS = "logits are given as logits=..."
CHUNK = 2**18
"""Numbers of a batch that is cut from a larger one."""
BLOCK = 2**16
"""Numbers of a block, unless 16 rows have more. Two blocks stay in the cache of a core."""
PIECE = 2**14
"""Numbers of an exponential; torch gives fewer than 2^15 to one thread."""
LINE = 16
"""Numbers that a kernel takes at once, at most: two registers of 512 bits."""
UNDERFLOW = -1200.0
"""Two to this power is 0 in float64, and this times 0 is 0."""
TINY = 1e-300
"""A probability below this adds less than 1e-297 to a sum, and its logarithm is finite."""


def require_predictions(
    probabilities: TensorLike | None, logits: TensorLike | None, *, classes: int | None = None
) -> Tensor:
    """Return whichever is given, probabilities or logits, and refuse what is not that.

    Args:
        probabilities: (N, K), not negative, rows with sum 1 within 1e-4.
        logits: (N, K), finite.
        classes: K, or None for any.

    Raises:
        ValueError: if both or neither are given, or they are no such matrix.
    """
    if probabilities is not None and logits is None:
        rows = finite_matrix(probabilities, "probabilities", width=classes)
        _require_probabilities(rows)
        return rows
    if logits is not None and probabilities is None:
        return finite_matrix(logits, "logits", width=classes)
    given = "neither" if logits is None else "both of them"
    raise ValueError(f"give either probabilities or logits, got {given}")


def _require_probabilities(rows: Tensor) -> None:
    if float(rows.min()) < 0:
        raise ValueError(
            f"probabilities must not be negative, got {float(rows.min()):.4g}; {GIVE_LOGITS}"
        )
    sums = rows.sum(dim=1, dtype=torch.float64)
    wrong = ((sums - 1).abs() > TOLERANCE).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"rows of probabilities must sum to 1 within {TOLERANCE:g}, row {row} sums to "
            f"{float(sums[row]):.6g}; {GIVE_LOGITS}"
        )


def chunk_rows(classes: int) -> int:
    """Return how many rows to cut from a larger matrix at a time.

    Args:
        classes: K, the numbers of a row.
    """
    return max(1, CHUNK // classes)


class Likelihoods(NamedTuple):
    """A block of rows, valid until the next is asked for.

    Attributes:
        p: (R, W) float64, times a scale. R is B filled up to a multiple of 16, W is above K; rows
            from B on and columns from K on are 0.
        certainty: (B,) float64, ``sum_k p log p`` of each row.
    """

    p: Tensor
    certainty: Tensor


def likelihoods(rows: Tensor, *, given_logits: bool, scale: float = 1.0) -> Iterator[Likelihoods]:
    """Yield ``p`` and ``sum_k p log p`` of rows of logits or of probabilities, block by block.

    No number depends on another row, on where in the batch its row is or on how large the batch is.

    Args:
        rows: (N, K), checked.
        given_logits: whether they are logits; then ``p`` is their softmax, in float64.
        scale: what ``p`` is multiplied by, a power of two.
    """
    width = (rows.shape[1] // LINE + 1) * LINE
    height = max(LINE, BLOCK // width // LINE * LINE)
    x = torch.zeros(height, width, dtype=torch.float64, device=rows.device)
    p = torch.zeros_like(x)
    fill = _from_logits if given_logits else _from_probabilities
    for part in torch.split(rows, height):
        count, end = len(part), -(-len(part) // LINE) * LINE
        x[:count, : rows.shape[1]] = part
        certainty = fill(part, x, p, scale)[:count]
        p[count:end] = 0
        yield Likelihoods(p[:end], certainty)


def _from_logits(part: Tensor, x: Tensor, p: Tensor, scale: float) -> Tensor:
    """Fill ``p`` with the softmax of ``x``, whose columns from K on are 0 before and after.

    With ``y_k = (x_k - max x) / log 2`` it is ``2^(y_k - log2 sum_j 2^y_j)``. Rows of ``x`` and
    ``p`` after those of ``part`` are of no use, but sums are the same only in the same shape.
    """
    count, classes = part.shape
    y, powers = x[:count], p[:count]
    y.sub_(part.amax(dim=1, keepdim=True)).mul_(1 / math.log(2))
    if part.dtype == torch.float64:  # others cannot overflow
        y.clamp_(min=UNDERFLOW)
    for some, result in _pieces(y, powers):
        torch.exp2(some, out=result)
    powers[:, classes:] = 0
    total = p.sum(dim=1)
    y.mul_(powers)
    mean = x.sum(dim=1).div_(total)
    certainty = mean.sub_(total.log2()).mul_(math.log(2))
    powers.mul_(total.reciprocal_().mul_(scale)[:count, None])
    return certainty


def _from_probabilities(part: Tensor, x: Tensor, p: Tensor, scale: float) -> Tensor:
    """Fill ``p`` with ``x``, whose columns from K on are 0."""
    given, logarithms = x[: len(part)], p[: len(part)]
    torch.clamp(given, min=TINY, out=logarithms)
    for [some] in _pieces(logarithms):
        some.log_()
    logarithms.mul_(given)
    certainty = p.sum(dim=1)
    torch.mul(given, scale, out=logarithms)
    return certainty


def _pieces(*matrices: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(torch.split(matrix.view(-1), PIECE) for matrix in matrices), strict=True)
