"""Rows and sums of all processes, with gradients of any order.

The processes train as one if every parameter's gradient is that of the mean ``(1/W) sum_r l_r`` of
their losses. Whatever one process computes may count in the loss of each of them, so the gradient
that arrives at a result of an exchange is *summed over processes* on its way back; the mean over
processes is taken once, of the gradients of the parameters.

* `gather`: forward, the rows of all processes in their order; backward, the sum over processes of
  the gradients, of which the own slice is kept.
* `total`: forward and backward, the sum over processes.

Keeping the own slice without the sum, as public code does, loses all that one process's rows do to
another's loss; a mean in place of the sum makes it ``W`` times too small. Slice-of-the-sum and
gather are each other's derivatives, so a gradient penalty goes through them as well.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from .ranks import Ranks


class _Gather(torch.autograd.Function):
    """Own rows to all rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, counts: tuple[int, ...], ranks: Ranks) -> Tensor:
        ctx.counts, ctx.ranks = counts, ranks
        return ranks.all_gather(rows, counts)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        own: Tensor = _SumToOwn.apply(  # type: ignore[no-untyped-call]
            upstream, ctx.counts, ctx.ranks
        )
        return own, None, None


class _SumToOwn(torch.autograd.Function):
    """All rows to the own ones of their sum over processes."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, counts: tuple[int, ...], ranks: Ranks) -> Tensor:
        ctx.counts, ctx.ranks = counts, ranks
        first = sum(counts[: ranks.rank])
        return ranks.all_reduce(rows).narrow(0, first, counts[ranks.rank]).clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        whole: Tensor = _Gather.apply(  # type: ignore[no-untyped-call]
            upstream, ctx.counts, ctx.ranks
        )
        return whole, None, None


class _Total(torch.autograd.Function):
    """The sum over processes, which is its own derivative."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.all_reduce(value)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        summed: Tensor = _Total.apply(upstream, ctx.ranks)  # type: ignore[no-untyped-call]
        return summed, None


def gather(rows: Tensor, counts: Sequence[int], ranks: Ranks) -> Tensor:
    """Return the rows of all processes, those of rank 0 first.

    Args:
        rows: (counts[rank], *row shape).
        counts: rows of each process; none of them 0.
        ranks: the processes, who all call this at the same place.
    """
    return cast(Tensor, _Gather.apply(rows, tuple(counts), ranks))  # type: ignore[no-untyped-call]


def total(value: Tensor, ranks: Ranks) -> Tensor:
    """Return the sum of ``value`` over all processes, who all call this at the same place."""
    return cast(Tensor, _Total.apply(value, ranks))  # type: ignore[no-untyped-call]
