"""Batches as a function of the step.

Salimans et al. (2016), released code: every epoch permutes the unlabelled rows twice, once for the
discriminator and once for the generator's feature matching, and tiles fresh permutations of the
labelled rows to the same length. The unlabelled rows are the whole training set, labelled rows
included.

Here the order is a function of (seed, epoch), so a position is one number: the step.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor

from ..collective import UNSHARED, Sharing
from ..core.chance import derive
from .dataset import Images, LazyImages

KINDS = ("labeled", "unlabeled", "matching")
"""The kinds of rows in a batch."""


class _Fields(NamedTuple):
    labeled: Tensor
    labels: Tensor
    unlabeled: Tensor
    matching: Tensor
    spread: Tensor


class Batch(_Fields):
    """What one step takes, on the device, floating point; B rows each.

    ``Batch(unlabeled=rows)`` is enough for a problem without labels, ``Batch(labeled=rows,
    labels=classes)`` for one without other rows. What is not given has no rows, but ``matching``,
    which then is ``unlabeled``.

    Attributes:
        labeled: (B, *row shape); no rows where nothing is labelled.
        labels: (B,), int64 class numbers of ``labeled``.
        unlabeled: (B, *row shape), for the discriminator.
        matching: (B, *row shape), an independent draw for the generator's step.
        spread: (B, K), class probabilities of ``unlabeled`` by label spreading, see
            `convergan.data.spread_labels`; no columns where a recipe spreads none.

    Raises:
        ValueError: if there are no rows at all, rows that are not floating point, or not one label
            for each labelled row.

    Example:
        >>> batch = Batch(unlabeled=torch.zeros(8, 2))
        >>> len(batch.labeled), len(batch.matching), batch.spread.shape
        (0, 8, torch.Size([8, 0]))
    """

    __slots__ = ()

    def __new__(
        cls,
        labeled: Tensor | None = None,
        labels: Tensor | None = None,
        unlabeled: Tensor | None = None,
        matching: Tensor | None = None,
        spread: Tensor | None = None,
    ) -> Self:
        """Fill in what is not given."""
        some = labeled if unlabeled is None else unlabeled
        if some is None:
            raise ValueError("a batch needs rows: Batch(unlabeled=rows)")
        labeled = some[:0] if labeled is None else labeled
        unlabeled = some[:0] if unlabeled is None else unlabeled
        matching = unlabeled if matching is None else matching
        for kind, rows in zip(KINDS, (labeled, unlabeled, matching), strict=True):
            if len(rows) and not rows.is_floating_point():
                raise ValueError(
                    f"{kind} rows are {rows.dtype}; steps take floating point, of images in "
                    "[0, 1]: convergan.data.to_unit_range(rows)"
                )
        if labels is None:
            labels = torch.empty(0, dtype=torch.int64, device=some.device)
        if len(labels) != len(labeled):
            raise ValueError(f"{len(labeled)} labelled rows have {len(labels)} labels")
        spread = unlabeled.new_empty(len(unlabeled), 0) if spread is None else spread
        return super().__new__(cls, labeled, labels, unlabeled, matching, spread)


def to_unit_range(rows: Tensor) -> Tensor:
    """Convert uint8 rows to float32 in [0, 1]; return floating point rows as they are."""
    return rows.float().div_(255) if rows.dtype == torch.uint8 else rows


class Batches:
    """Training rows, and the batch of any step.

    Args:
        rows: (N, *row shape), uint8 or float32, all training rows; those in memory are pinned
            where a GPU fetches them.
        labeled_rows: (L,), indices of the labelled ones; may be empty.
        labels: (L,), their classes.
        batch_size: B, rows of each kind in a batch; at most N.
        seed: of the run.
        device: where batches go.
        spread: (N, K), class probabilities of all rows by label spreading; None for none.
        kinds: of rows that the step takes; of the others a batch has none.
        sharing: of every batch, only this process's share is fetched.

    Raises:
        ValueError: if there are fewer rows than one batch holds.
    """

    def __init__(
        self,
        rows: Images,
        labeled_rows: Tensor,
        labels: Tensor,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
        spread: Tensor | None = None,
        kinds: Sequence[str] = KINDS,
        sharing: Sharing = UNSHARED,
    ) -> None:
        if len(rows) < batch_size:
            raise ValueError(f"a batch of {batch_size} rows needs as many, got {len(rows)}")
        self._rows: Images = rows
        if device.type == "cuda" and isinstance(rows, Tensor):
            self._rows = rows.pin_memory()
        self._labeled_rows = labeled_rows
        self._labels = labels
        self._batch_size = batch_size
        self._seed = seed
        self._device = device
        self._spread = torch.empty(len(rows), 0) if spread is None else spread
        self._kinds = frozenset(kinds)
        self._sharing = sharing
        self._orders: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def _orders_of(self, epoch: int) -> tuple[Tensor, Tensor, Tensor]:
        if epoch not in self._orders:
            count = len(self._rows)
            chance = derive(self._seed, "order", epoch)
            unlabeled = torch.randperm(count, generator=chance)
            matching = torch.randperm(count, generator=chance)
            known = len(self._labels)
            tiles = -(-count // known) if known else 0
            labeled = torch.cat(
                [torch.empty(0, dtype=torch.int64)]
                + [torch.randperm(known, generator=chance) for _ in range(tiles)]
            )
            before = {e: order for e, order in self._orders.items() if e == epoch - 1}
            self._orders = {**before, epoch: (labeled, unlabeled, matching)}
        return self._orders[epoch]

    def _fetch(self, indices: Tensor) -> Tensor:
        return to_unit_range(self._rows[indices].to(self._device, non_blocking=True))

    def rows(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return which rows all processes take in ``step``: labelled, unlabelled, for matching."""
        labeled, unlabeled, matching = self._chosen(step)
        return self._labeled_rows[labeled], unlabeled, matching

    def _chosen(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the places of a step's labelled rows among these, and its other rows."""
        per_epoch = len(self._rows) // self._batch_size
        epoch, position = divmod(step - 1, per_epoch)
        here = slice(position * self._batch_size, (position + 1) * self._batch_size)
        labeled, unlabeled, matching = (
            order[here] if kind in self._kinds else order[:0]
            for kind, order in zip(KINDS, self._orders_of(epoch), strict=True)
        )
        return labeled, unlabeled, matching

    def __call__(self, step: int) -> Batch:
        """Return the batch of ``step``, counted from 1, or this process's share of it."""
        own = self._sharing.own
        labeled, unlabeled, matching = map(own, self._chosen(step))
        if isinstance(self._rows, LazyImages):
            coming = (*self.rows(step), *self.rows(step + 1))
            self._rows.prefetch(torch.cat([own(rows) for rows in coming]))
        return Batch(
            labeled=self._fetch(self._labeled_rows[labeled]),
            labels=self._labels[labeled].to(self._device),
            unlabeled=self._fetch(unlabeled),
            matching=self._fetch(matching),
            spread=self._spread[unlabeled].to(self._device),
        )
