"""How the rows of a batch are shared by processes, and what layers and steps need of it.

Outside of `use_sharing`, and so in every process that trains alone, the functions here return what
they are given. Inside, each process has its share of the rows of every batch, consecutive ones:

* `own` takes a process's share of something that it has whole: of latents or noise, which every
  process draws for the whole batch, so that nothing depends on how many processes there are;
* `whole` makes the rows of all processes one tensor again, the same in each. Steps do so with
  logits and features before they take a loss, so an objective gets what it would get in one
  process, be it a mean over rows, a mean of features or a threshold. As every process computes the
  same loss from it, nothing is exchanged in the backward pass, and there is no second derivative;
* layers that compare rows compare all of them, `gathered`, and each process goes on with its own.

The sharing in use is a context variable and not an argument, as batch normalisation deep inside a
generator must know of it, and as the group of processes is one for the whole process in torch too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from ..core.chance import draw_into
from ..core.layout import match_layout
from .exchange import gather, gather_alike, total_alike
from .ranks import ALONE, Ranks

Requests = Callable[[], tuple[int, ...]]
"""What a process requests at this moment, as numbers that are added over processes."""

LARGEST_SPREAD = 1e-4
"""Of the loss over processes, as the variance over the mean square."""


class Sharing:
    """No sharing: one process has all rows, and every method returns what it is given.

    Args:
        requests: see `Requests`.

    Attributes:
        ranks: the processes.
    """

    ranks: Ranks = ALONE

    def __init__(self, requests: Requests = tuple) -> None:
        self._requests = requests

    def own(self, rows: Tensor) -> Tensor:
        """Return this process's share of (N, ...) or, for (k N, ...), its share of each N."""
        return rows

    def own_first(self, rows: Tensor) -> Tensor:
        """Return the rows of all processes, rolled so that this one's own come first."""
        return rows

    def whole_count(self, own: int) -> int:
        """Return how many rows all processes have where this one has ``own``."""
        return own

    def gathered(self, rows: Tensor) -> Tensor:
        """Return the rows of all processes."""
        return rows

    def whole(self, *rows: Tensor) -> tuple[Tensor, ...]:
        """Return the rows of all processes of each kind, as many of one kind as of another."""
        return rows

    def average(self, value: Tensor) -> Tensor:
        """Return the mean over all rows, from the mean ``value`` over this process's."""
        return value

    def statistics(self, variance: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Return variance and mean, (C,), over all rows from those over this process's."""
        return variance, mean

    def mean_gradients(
        self, name: str, loss: Tensor, gradients: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the means of a network's loss and gradients over processes."""
        return loss, gradients

    def take_requests(self) -> tuple[int, ...]:
        """Return the sum over processes of what was requested since the last call."""
        return self._requests()


UNSHARED = Sharing()


class BatchSharing(Sharing):
    """The shares of several processes in a batch, with one reduction of a network's gradients.

    Args:
        ranks: the processes.
        rows: N, of a batch over all processes.
        unit: rows that must stay together, for example those of a pack.
        requests: see `Requests`; they travel with the gradients.

    Attributes:
        shares: rows of each process; the first ones have one unit more where they do not divide.

    Raises:
        ValueError: if there are more processes than units of rows.
    """

    def __init__(
        self, ranks: Ranks, rows: int, *, unit: int = 1, requests: Requests = tuple
    ) -> None:
        super().__init__(requests)
        units = rows // unit
        if ranks.size > units:
            what = "rows" if unit == 1 else f"packs of {unit} rows"
            raise ValueError(
                f"a batch of {units} {what} cannot be shared by {ranks.size} processes; "
                f"start at most {units}"
            )
        more = units % ranks.size
        self.ranks = ranks
        self.rows = rows
        self.shares = tuple(unit * (units // ranks.size + (r < more)) for r in range(ranks.size))
        self._requested: tuple[int, ...] = ()
        self._flat: dict[str, Tensor] = {}

    def own(self, rows: Tensor) -> Tensor:
        """Return this process's slice of each of the k parts of (k N, ...)."""
        parts = rows.chunk(max(1, len(rows) // self.rows))
        return torch.cat([self._own(part) for part in parts]) if len(parts) > 1 else self._own(rows)

    def _own(self, rows: Tensor) -> Tensor:
        counts = self._scaled(len(rows), self.rows)
        return rows.narrow(0, sum(counts[: self.ranks.rank]), counts[self.ranks.rank])

    def counts(self, own: int) -> tuple[int, ...]:
        """Return how many rows each process has where this one has ``own``, all of one kind."""
        share = self.shares[self.ranks.rank]
        if own > share:
            raise ValueError(
                f"rows of one kind are made whole at a time, at most {share} of this process's, "
                f"got {own}"
            )
        return self._scaled(own, share)

    def _scaled(self, count: int, of: int) -> tuple[int, ...]:
        if any(count * share % of for share in self.shares):
            raise ValueError(f"{count} rows are no share of batches of {self.rows} rows")
        return tuple(count * share // of for share in self.shares)

    def own_first(self, rows: Tensor) -> Tensor:
        """Gather rows and roll them."""
        first = sum(self.counts(len(rows))[: self.ranks.rank])
        return self.gathered(rows).roll(-first, dims=0)

    def whole_count(self, own: int) -> int:
        """Scale the number of rows by this process's share."""
        return own * self.rows // self.shares[self.ranks.rank]

    def gathered(self, rows: Tensor) -> Tensor:
        """Gather rows, with gradients of any order."""
        return gather(rows, self.counts(len(rows)), self.ranks)

    def whole(self, *rows: Tensor) -> tuple[Tensor, ...]:
        """Gather rows of all kinds in one exchange, with gradients of the first order."""
        if len(counts := {len(kind) for kind in rows}) > 1:
            raise ValueError(
                "kinds of rows are made whole together where there are as many of each, got "
                f"{' and '.join(map(str, sorted(counts)))}; make each `whole` by itself"
            )
        return gather_alike(rows, self.counts(len(rows[0])), self.ranks)

    def average(self, value: Tensor) -> Tensor:
        """Weigh the mean by this process's share, and add the weighted means up."""
        return total_alike(value * (self.shares[self.ranks.rank] / self.rows), self.ranks)

    def statistics(self, variance: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Combine the processes' variances and means: within processes, and between them."""
        each = gather(torch.stack([variance, mean])[None], [1] * self.ranks.size, self.ranks)
        weights = each.new_tensor(self.shares).div_(self.rows)[:, None]
        variances, means = each.unbind(dim=1)  # (W, C)
        mean = (weights * means).sum(dim=0)
        return (weights * (variances + (means - mean).square())).sum(dim=0), mean

    def mean_gradients(
        self, name: str, loss: Tensor, gradients: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Average loss and gradients in one reduction, which carries the requests too.

        The gradients are parts of a buffer that the next call for this network fills again.

        Raises:
            ValueError: in every process, if their losses differ.
        """
        self.ranks.report_progress(phase=f"gradients of the {name}")
        requests = self._requests()
        # One flat buffer: all gradients, then the loss, its square and the requests. The square
        # shows every process, without another exchange, whether all have the same loss.
        slots = torch.stack([loss, loss.square(), *(loss.new_tensor(float(r)) for r in requests)])
        parts = [*(g.reshape(-1) for g in gradients), slots]
        flat = self._flat.setdefault(name, slots.new_empty(sum(map(len, parts))))
        torch.cat(parts, out=flat)
        self.ranks.all_reduce_in_place(flat)
        counts = map(round, flat[len(flat) - len(requests) :].tolist())
        before = self._requested or (0,) * len(requests)
        self._requested = tuple(a + b for a, b in zip(before, counts, strict=True))
        flat /= self.ranks.size
        loss, square = flat[len(flat) - len(slots) :][:2].unbind()
        if bool(square - loss.square() > LARGEST_SPREAD * square):
            raise ValueError(
                f"the {name}'s loss is not the same in every process: a step must make logits and "
                "features `whole` before it takes a loss, see convergan.collective"
            )
        means = torch.split(flat[: len(flat) - len(slots)], [g.numel() for g in gradients])
        return loss.clone(), tuple(m.view_as(g) for m, g in zip(means, gradients, strict=True))

    def take_requests(self) -> tuple[int, ...]:
        """Return what came with the gradients; nothing where no gradient was taken since."""
        requested, self._requested = self._requested, ()
        return requested


def share_batches(ranks: Ranks, rows: int, *, unit: int = 1, requests: Requests = tuple) -> Sharing:
    """Return how processes share batches. Arguments and errors of `BatchSharing`."""
    if ranks.size == 1:
        return Sharing(requests)
    return BatchSharing(ranks, rows, unit=unit, requests=requests)


_CURRENT: ContextVar[Sharing] = ContextVar("sharing in use", default=UNSHARED)
_several = 0
"""Blocks of `use_sharing` by several processes that are open, which traced code can ask."""


@contextmanager
def use_sharing(sharing: Sharing) -> Iterator[None]:
    """Share rows inside the block."""
    global _several
    token = _CURRENT.set(sharing)
    _several += sharing.ranks.size > 1
    try:
        yield
    finally:
        _CURRENT.reset(token)
        _several -= sharing.ranks.size > 1


def _current() -> Sharing:
    """Return what is in use; traced code, which cannot ask a context variable, has all rows.

    Raises:
        RuntimeError: if code is traced while several processes share rows.
    """
    if not torch.compiler.is_compiling():
        return _CURRENT.get()
    if _several:
        raise RuntimeError("what compares rows of several processes cannot be compiled")
    return UNSHARED


def is_alone() -> bool:
    """Whether this process has all rows."""
    return _current().ranks.size == 1


def own(rows: Tensor) -> Tensor:
    """Return this process's share of rows that it has whole, (N, ...)."""
    return _current().own(rows)


def own_first(rows: Tensor) -> Tensor:
    """Return the rows of all processes, rolled so that this one's own come first."""
    return _current().own_first(rows)


def gathered(rows: Tensor) -> Tensor:
    """Return the rows of all processes, given this one's, for each to go on with in its own way.

    Gradients come from all processes, and go back to all, to any order.
    """
    return _current().gathered(rows)


def whole(rows: Tensor) -> Tensor:
    """Return the rows of all processes, given this one's, for a loss that all compute alike.

    Gradients are of the first order only.

    Example:
        >>> whole(torch.arange(3)).tolist()  # alone, its own rows are all
        [0, 1, 2]
    """
    return all_whole(rows)[0]


def all_whole(*rows: Tensor) -> tuple[Tensor, ...]:
    """Return several tensors `whole`, by one exchange; each has as many rows as the others."""
    return _current().whole(*rows)


def whole_count(own: int) -> int:
    """Return how many rows all processes have where this one has ``own``."""
    return _current().whole_count(own)


def average(value: Tensor) -> Tensor:
    """Return the mean over the rows of all processes, given that over this one's."""
    return _current().average(value)


def batch_statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return biased variance and mean of each channel over all rows and places, (C,) each.

    Args:
        x: (N, C, ...), this process's rows.
    """
    places = [0, *range(2, x.dim())]
    variance, mean = torch.var_mean(x, dim=places, correction=0)
    return _current().statistics(variance, mean)


def draw_like(
    x: Tensor, fill: Callable[[Tensor], Tensor], *, dtype: torch.dtype | None = None
) -> Tensor:
    """Return a tensor of the shape and strides of ``x`` that ``fill`` filled.

    What an element gets depends on its place alone, not on how ``x`` lies in memory. In several
    processes each draws for the rows of all, and keeps its share: a row's noise is then the same
    in any number of processes.

    Args:
        x: (N, ...), this process's rows, or k times as many, those of one kind after the other.
        fill: fills a contiguous tensor in place and returns it.
        dtype: that of ``x`` if None.
    """
    shape = (whole_count(len(x)), *x.shape[1:])
    empty = torch.empty(shape, dtype=dtype or x.dtype, device=x.device)
    return match_layout(own(draw_into(empty, fill)), x)


def mean_gradients(
    name: str, loss: Tensor, gradients: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return loss and gradients of one network as means over all processes.

    Args:
        name: of the network.
        loss: detached, the same scalar in every process.
        gradients: of this process's loss.
    """
    return _current().mean_gradients(name, loss, gradients)
