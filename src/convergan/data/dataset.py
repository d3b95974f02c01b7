"""What a data set is: rows of two splits, in memory or decoded when they are taken."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor


class Images(Protocol):
    """Rows that can be taken by their numbers, such as a tensor or `LazyImages`.

    ``images[:]`` is a tensor of them all.
    """

    @property
    def shape(self) -> torch.Size:
        """Return (N, *row shape)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Tensor: ...


class LazyImages(ABC):
    """`Images` that are decoded when they are taken, which may fail while training."""

    @abstractmethod
    def prefetch(self, rows: Tensor) -> None:
        """Begin to decode the rows that will be taken next, (n,) int64."""


@dataclass(frozen=True)
class Rows:
    """One split of a data set.

    Attributes:
        images: (N, C, H, W), uint8 in 0..255; or (N, A), float32.
        labels: (N,), int64 classes, -1 where unknown.
        names: the file of each row, none where rows have no files.
    """

    images: Images
    labels: Tensor
    names: tuple[str, ...] = ()

    @property
    def may_fail(self) -> bool:
        """Whether taking images may fail while training; those in memory are there."""
        return isinstance(self.images, LazyImages)


@dataclass(frozen=True)
class Dataset:
    """All rows of a data set.

    Attributes:
        source: the argument of `convergan.data.load`.
        classes: the class names, in the order of their numbers; empty where rows have no class.
        train: rows to learn from.
        test: rows to measure on; empty where there are none.
        left_out: what is not among the rows since it could not be read, and why.
        digest: what `sha256` would find, where that is known; else nothing.
        notes: what was guessed of the source or passed over in it, a line each.
    """

    source: str
    classes: tuple[str, ...]
    train: Rows
    test: Rows
    left_out: tuple[str, ...] = ()
    digest: str = ""
    notes: tuple[str, ...] = ()

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
