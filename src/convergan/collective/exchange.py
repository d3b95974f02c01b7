"""Rows and sums of all processes, with gradients of any order.

The processes train as one if every parameter's gradient is that of the mean ``(1/W) sum_r l_r`` of
their losses. Whatever one process computes may count in the loss of each of them, so the gradient
that arrives at a result of an exchange is *summed over processes* in the backward pass; the mean
over processes is taken once, of the gradients of the parameters.

* `gather`: forward, the rows of all processes in their order; backward, the sum over processes of
  the gradients, of which the own slice is kept.
* `total`: forward and backward, the sum over processes.
* `gather_alike` and `total_alike`: the same forward. Where every process computes the same from the
  result, as a loss from logits, all have the same gradient: the sum is ``W`` times the own one, and
  nothing is exchanged in the backward pass.

Keeping the own slice without the sum, as public code does, loses the effect of one process's rows
on another's loss; a mean in place of the sum makes it ``W`` times too small. Slice-of-the-sum and
gather are each other's derivatives, so a gradient penalty goes through them as well. Through the
`alike` ones it does not: their first derivative is the sum's, for each process once.
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

    # A backward pass that applies a Function again, rather than calling the operation itself, is
    # recorded in the graph, and so can be differentiated once more.
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


class _GatherAlike(torch.autograd.Function):
    """Own rows of several kinds to all rows of each, in one exchange."""

    @staticmethod
    def forward(
        ctx: Any, counts: tuple[int, ...], ranks: Ranks, *rows: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.counts, ctx.ranks = counts, ranks
        # As bytes, kinds of any shape and dtype travel side by side in one exchange.
        packed = [part.reshape(len(part), -1).contiguous().view(torch.uint8) for part in rows]
        received = ranks.all_gather(torch.cat(packed, dim=1), counts)
        widths = [part.shape[1] for part in packed]
        return tuple(
            part.contiguous().view(own.dtype).view(sum(counts), *own.shape[1:])
            for part, own in zip(torch.split(received, widths, dim=1), rows, strict=True)
        )

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Any, ...]:
        _refuse_second_order()
        first, count = sum(ctx.counts[: ctx.ranks.rank]), ctx.counts[ctx.ranks.rank]
        # Every process has the same loss, so the sum of their gradients is W times the own one.
        wanted = zip(upstream, ctx.needs_input_grad[2:], strict=True)
        own = (
            part.narrow(0, first, count) * ctx.ranks.size if want else None for part, want in wanted
        )
        return None, None, *own


class _TotalAlike(_Total):
    """The sum over processes, whose gradient is the same in each."""

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        _refuse_second_order()
        return upstream * ctx.ranks.size, None


def _refuse_second_order() -> None:
    if torch.is_grad_enabled():  # the engine has it on where its result is to be differentiated
        raise ValueError(
            "what all processes have `whole` is for a loss; take a gradient penalty of the rows of "
            "each, and the `average` of that"
        )


def gather(rows: Tensor, counts: Sequence[int], ranks: Ranks) -> Tensor:
    """Return the rows of all processes, those of rank 0 first.

    Args:
        rows: (counts[rank], *row shape).
        counts: rows of each process; none of them 0.
        ranks: the processes, who all call this at the same place.
    """
    return cast(Tensor, _Gather.apply(rows, tuple(counts), ranks))  # type: ignore[no-untyped-call]


def gather_alike(rows: Sequence[Tensor], counts: Sequence[int], ranks: Ranks) -> tuple[Tensor, ...]:
    """Return the rows of all processes of each kind, for a loss that every process computes alike.

    Args:
        rows: (counts[rank], *row shape) each, of any shapes and types.
        counts: rows of each process; none of them 0.
        ranks: the processes, who all call this at the same place.
    """
    return cast(
        tuple[Tensor, ...],
        _GatherAlike.apply(tuple(counts), ranks, *rows),  # type: ignore[no-untyped-call]
    )


def total(value: Tensor, ranks: Ranks) -> Tensor:
    """Return the sum of ``value`` over all processes, who all call this at the same place."""
    return cast(Tensor, _Total.apply(value, ranks))  # type: ignore[no-untyped-call]


def total_alike(value: Tensor, ranks: Ranks) -> Tensor:
    """Return the sum of ``value`` over all processes, for a loss that each computes alike."""
    return cast(Tensor, _TotalAlike.apply(value, ranks))  # type: ignore[no-untyped-call]
