"""Checks of a matrix of rows, and squared distances between blocks of two matrices."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .tensor_like import TensorLike, as_tensor


def finite_matrix(values: TensorLike, name: str, *, width: int | None = None) -> Tensor:
    """Return rows as a tensor; refuse what is no floating point matrix (N, K) of finite numbers.

    Args:
        values: (N, K), with a row or more.
        name: of the rows in the message.
        width: K, or None for any.

    Raises:
        ValueError: if it is none, naming the first row that is not finite.
    """
    rows = as_tensor(values, name)
    if rows.dim() != 2 or not rows.numel() or not rows.is_floating_point():
        raise ValueError(
            f"{name} must be a floating point matrix (N, K), got {rows.dtype} {tuple(rows.shape)}"
            f"{_advice(rows)}"
        )
    if width not in (None, rows.shape[1]):
        raise ValueError(f"{name} must have {width} columns, got {rows.shape[1]}")
    if not math.isfinite(float(rows.amax())) or not math.isfinite(float(rows.amin())):
        row = int((~rows.isfinite().all(dim=1)).nonzero()[0])
        raise ValueError(f"{name} must be finite, row {row} is not")
    return rows


def real_and_fake(real: TensorLike, fake: TensorLike) -> tuple[Tensor, Tensor]:
    """Return features of real and fake samples as matrices of one width, on the device of ``real``.

    Args:
        real: (N, D).
        fake: (M, D), on any device.

    Raises:
        ValueError: if they are no finite floating point matrices, or of different width.
    """
    first = finite_matrix(real, "real features")
    return first, finite_matrix(fake, "fake features", width=first.shape[1]).to(first.device)


def _advice(rows: Tensor) -> str:
    """Say what may be meant by rows that are no floating point matrix."""
    if rows.dim() == 1:
        return ": one row is a sample, a single column has shape (N, 1)"
    if rows.dim() in (3, 4):
        return ": these look like images, take features of them first (convergan.metrics.extract)"
    if rows.numel() and not rows.is_floating_point():
        return ": convert them to float32 or float64"
    return ""


class Block(NamedTuple):
    """Squared distances between some rows of one matrix and some of another.

    Attributes:
        first: where the rows of the first matrix begin.
        second: where those of the second begin.
        squares: (A, B), not negative.
    """

    first: int
    second: int
    squares: Tensor


def squared_distances(
    rows: Tensor, others: Tensor, *, block: int, dtype: torch.dtype | None = None
) -> Iterator[Block]:
    """Yield all squared distances of two matrices, ``block`` x ``block`` at a time.

    ``|x - y|^2 = |x|^2 + |y|^2 - 2 x.y`` about the mean of ``rows``, so that a large mean takes no
    digits away.

    Args:
        rows: (N, D).
        others: (M, D), on the same device.
        block: rows of each at a time, 1 or more.
        dtype: of the products; None for that of the rows, float32 at least.

    Raises:
        ValueError: if ``block`` is not 1 or more.
    """
    return _blocks(rows, others, block, dtype or _precision(rows), upper=False)


def squared_distances_within(rows: Tensor, *, block: int) -> Iterator[Block]:
    """Yield the squared distances of the rows of one matrix, on and above the diagonal of blocks.

    Args:
        rows: (N, D).
        block: rows at a time, 1 or more.

    Raises:
        ValueError: if ``block`` is not 1 or more.
    """
    return _blocks(rows, rows, block, _precision(rows), upper=True)


def _precision(rows: Tensor) -> torch.dtype:
    return torch.promote_types(rows.dtype, torch.float32)


def _blocks(
    rows: Tensor, others: Tensor, block: int, kind: torch.dtype, *, upper: bool
) -> Iterator[Block]:
    if block < 1:
        raise ValueError(f"block must be 1 or more, got {block}")
    centre = sum(part.double().sum(dim=0) for part in torch.split(rows, block)) / len(rows)
    for first in range(0, len(rows), block):
        left = (rows[first : first + block] - centre).to(kind)
        own = left.double().square().sum(dim=1).to(kind)
        for second in range(first if upper else 0, len(others), block):
            right = (others[second : second + block] - centre).to(kind)
            with torch.autocast(rows.device.type, enabled=False):  # a user's loop may be in it
                squares = torch.addmm(
                    right.double().square().sum(dim=1).to(kind), left, right.T, alpha=-2
                )
            yield Block(first, second, squares.add_(own[:, None]).clamp_(min=0))
