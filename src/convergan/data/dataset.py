"""What a data set is: rows of two splits, in memory or decoded when they are asked for."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor


class Images(Protocol):
    """Rows that can be taken by their numbers; a tensor is one such thing.

    ``images[:]`` is a tensor of them all.
    """

    @property
    def shape(self) -> torch.Size:
        """Return (N, *row shape)."""
        ...

    def __len__(self) -> int:
        """Return N."""
        ...

    def __getitem__(self, rows: Any, /) -> Tensor:
        """Return the rows of an (n,) int64 tensor or a slice."""
        ...


def nothing(rows: Tensor) -> None:
    """Make nothing of being told which rows come next."""


@dataclass(frozen=True)
class Rows:
    """One split of a data set.

    Attributes:
        images: (N, C, H, W), uint8 in 0..255; or (N, A), float32.
        labels: (N,), int64 classes, -1 where unknown.
        names: the file of each row, or nothing where rows have no files.
        expect: is told which rows of ``images`` will be taken next, so that they may be decoded.
    """

    images: Images
    labels: Tensor
    names: tuple[str, ...] = ()
    expect: Callable[[Tensor], None] = nothing


@dataclass(frozen=True)
class Dataset:
    """All rows of a data set.

    Attributes:
        source: what `convergan.data.load` was asked for.
        classes: the class names, in the order of their numbers; empty where rows have no class.
        train: rows to learn from.
        test: rows to measure on; empty where there are none.
        left_out: what is not among the rows since it could not be read, and why.
        digest: what `sha256` would find, where that is known; else nothing.
    """

    source: str
    classes: tuple[str, ...]
    train: Rows
    test: Rows
    left_out: tuple[str, ...] = ()
    digest: str = ""

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return tuple(self.train.images.shape[1:])

    def sha256(self) -> str:
        """Hash of all rows, labels and class names: the identity of what was measured."""
        if self.digest:
            return self.digest
        digest = begin_sha256(self.classes, self.row_shape)
        for rows in (self.train, self.test):
            digest.update(rows.images[:].contiguous().numpy().data)
            digest.update(rows.labels.contiguous().numpy().data)
        return digest.hexdigest()


def begin_sha256(classes: tuple[str, ...], row_shape: tuple[int, ...]) -> "hashlib._Hash":
    """Return the hash of a data set before its first row."""
    return hashlib.sha256(repr((classes, row_shape)).encode())
