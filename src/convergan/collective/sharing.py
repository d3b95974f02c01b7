"""How a batch is shared out, and what layers and steps ask of it.

Outside of `at_work`, and so in every process that trains alone, the functions here return what they
are given. Inside, each process has its share of the rows of every batch, a run of neighbours:

* `own` takes a process's share of something that it has whole: of latents or noise, which every
  process draws for the whole batch, so that nothing depends on how many processes there are;
* `whole` makes the rows of all processes one tensor again, the same in each. Steps do so with
  logits and features before they take a loss, so an objective sees what it would see in one
  process, be it a mean over rows, a mean of features or a threshold. As every process takes the
  same loss of it, nothing is exchanged on the way back, and there is no second derivative;
* layers that compare rows do so with all of them, `gathered`, where each process goes on with its
  own.

What is under way is a context variable and not an argument, as batch normalisation deep inside a
generator must know of it, and as the group of processes is one for the whole process in torch too.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from ..core.chance import draw_into
from ..core.layout import match_layout
from .exchange import gather, gather_alike, total_alike
from .ranks import Ranks

Ask = Callable[[], tuple[int, ...]]
"""What a process wishes at this moment, as numbers that are added over processes."""

LARGEST_SPREAD = 1e-4
"""Of the loss over processes, as the variance over the mean square."""


class Sharing:
    """The shares of one batch, and the one reduction of each network's gradients.

    Args:
        ranks: the processes.
        rows: N, of a batch over all processes.
        unit: rows that must stay together, for example those of a pack.
        ask: see `Ask`; what was asked for is in ``heard``.

    Attributes:
        shares: rows of each process; the first ones have one unit more where they do not divide.
        heard: sum over processes of what was asked for, since `listen` was last called.

    Raises:
        ValueError: if there are more processes than units of rows.
    """

    def __init__(self, ranks: Ranks, rows: int, *, unit: int = 1, ask: Ask = tuple) -> None:
        """Share the rows out."""
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
        self.ask = ask
        self.heard: tuple[int, ...] = ()
        self._flat: dict[str, Tensor] = {}

    def own(self, rows: Tensor) -> Tensor:
        """Return this process's share of (N, ...) or, for (k N, ...), its share of each N."""
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

    def whole_count(self, own: int) -> int:
        """Return how many rows all processes have where this one has ``own``."""
        return own * self.rows // self.shares[self.ranks.rank]

    def gathered(self, rows: Tensor) -> Tensor:
        """Return the rows of all processes."""
        return gather(rows, self.counts(len(rows)), self.ranks)

    def whole(self, *rows: Tensor) -> tuple[Tensor, ...]:
        """Return the rows of all processes of each kind, as many of one kind as of another."""
        if len(counts := {len(kind) for kind in rows}) > 1:
            raise ValueError(
                "kinds of rows are made whole together where there are as many of each, got "
                f"{' and '.join(map(str, sorted(counts)))}; make each `whole` by itself"
            )
        return gather_alike(rows, self.counts(len(rows[0])), self.ranks)

    def average(self, value: Tensor) -> Tensor:
        """Return the mean over all rows, from the mean ``value`` over this process's."""
        return total_alike(value * (self.shares[self.ranks.rank] / self.rows), self.ranks)

    def statistics(self, variance: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Return variance and mean, (C,), over all rows from those over this process's."""
        each = gather(torch.stack([variance, mean])[None], [1] * self.ranks.size, self.ranks)
        weights = each.new_tensor(self.shares).div_(self.rows)[:, None]
        variances, means = each.unbind(dim=1)  # (W, C)
        mean = (weights * means).sum(dim=0)
        return (weights * (variances + (means - mean).square())).sum(dim=0), mean

    def mean_gradients(
        self, name: str, loss: Tensor, gradients: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Average loss and gradients over processes in one reduction, with all wishes in it.

        The gradients are parts of a buffer that the next call for this network fills again.

        Raises:
            ValueError: in every process, if their losses differ.
        """
        self.ranks.mark(phase=f"gradients of the {name}")
        asked = self.ask()
        slots = torch.stack([loss, loss.square(), *(loss.new_tensor(float(a)) for a in asked)])
        parts = [*(g.reshape(-1) for g in gradients), slots]
        flat = self._flat.setdefault(name, slots.new_empty(sum(map(len, parts))))
        torch.cat(parts, out=flat)
        self.ranks.add_up(flat)
        heard = flat[len(flat) - len(asked) :].tolist()
        self.heard = tuple(
            a + round(b) for a, b in zip(self.heard or (0,) * len(asked), heard, strict=True)
        )
        flat /= self.ranks.size
        loss, square = flat[len(flat) - len(slots) :][:2].unbind()
        if bool(square - loss.square() > LARGEST_SPREAD * square):
            raise ValueError(
                f"the {name}'s loss is not the same in every process: a step must make logits and "
                "features `whole` before it takes a loss, see convergan.collective"
            )
        means = torch.split(flat[: len(flat) - len(slots)], [g.numel() for g in gradients])
        return loss.clone(), tuple(m.view_as(g) for m, g in zip(means, gradients, strict=True))

    def listen(self) -> tuple[int, ...]:
        """Return what was heard since the last call."""
        heard, self.heard = self.heard, ()
        return heard


def share_out(ranks: Ranks, rows: int, *, unit: int = 1, ask: Ask = tuple) -> Sharing | None:
    """Return the shares of batches, or None for one process. Arguments and errors of `Sharing`."""
    return None if ranks.size == 1 else Sharing(ranks, rows, unit=unit, ask=ask)


_AT_WORK: ContextVar[Sharing | None] = ContextVar("at work", default=None)


@contextmanager
def at_work(sharing: Sharing | None) -> Iterator[None]:
    """Share rows out inside the block; None shares nothing."""
    token = _AT_WORK.set(sharing)
    try:
        yield
    finally:
        _AT_WORK.reset(token)


def is_alone() -> bool:
    """Whether this process has all rows."""
    return _AT_WORK.get() is None


def own(rows: Tensor) -> Tensor:
    """Return this process's share of rows that it has whole, (N, ...)."""
    sharing = _AT_WORK.get()
    return rows if sharing is None else sharing.own(rows)


def gathered(rows: Tensor) -> Tensor:
    """Return the rows of all processes, given this one's, for each to go on with in its own way.

    Gradients come from all processes, and go back to all, to any order.
    """
    sharing = _AT_WORK.get()
    return rows if sharing is None else sharing.gathered(rows)


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
    sharing = _AT_WORK.get()
    return rows if sharing is None else sharing.whole(*rows)


def whole_count(own: int) -> int:
    """Return how many rows all processes have where this one has ``own``."""
    sharing = _AT_WORK.get()
    return own if sharing is None else sharing.whole_count(own)


def average(value: Tensor) -> Tensor:
    """Return the mean over the rows of all processes, given that over this one's."""
    sharing = _AT_WORK.get()
    return value if sharing is None else sharing.average(value)


def batch_statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return biased variance and mean of each channel over all rows and places, (C,) each.

    Args:
        x: (N, C, ...), this process's rows.
    """
    places = [0, *range(2, x.dim())]
    variance, mean = torch.var_mean(x, dim=places, correction=0)
    sharing = _AT_WORK.get()
    return (variance, mean) if sharing is None else sharing.statistics(variance, mean)


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
    sharing = _AT_WORK.get()
    rows = len(x) if sharing is None else sharing.whole_count(len(x))
    empty = torch.empty((rows, *x.shape[1:]), dtype=dtype or x.dtype, device=x.device)
    return match_layout(own(draw_into(empty, fill)), x)


def own_first(rows: Tensor) -> Tensor:
    """Return the rows of all processes, rolled so that this one's own come first."""
    sharing = _AT_WORK.get()
    if sharing is None:
        return rows
    first = sum(sharing.counts(len(rows))[: sharing.ranks.rank])
    return sharing.gathered(rows).roll(-first, dims=0)


def mean_gradients(
    name: str, loss: Tensor, gradients: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return loss and gradients of one network as means over all processes.

    Args:
        name: of the network.
        loss: detached, the same scalar in every process.
        gradients: of this process's loss.
    """
    sharing = _AT_WORK.get()
    return (loss, gradients) if sharing is None else sharing.mean_gradients(name, loss, gradients)
