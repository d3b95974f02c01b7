"""Data sets before decoding: encoded images of two splits, in files or in cells of a table."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from ..core.image_folders import name_below, read_file
from .dataset import Images, Rows


class Encoded(Protocol):
    """Encoded images by their numbers."""

    def __len__(self) -> int: ...

    def name(self, number: int) -> str:
        """Return the name of one for messages."""
        ...

    def read(self, number: int) -> bytes:
        """Return the bytes of one."""
        ...

    def stamp(self) -> str:
        """Return a hash that changes when any of them does."""
        ...


class EncodedFiles(NamedTuple):
    """Image files.

    Attributes:
        root: the folder that names are relative to.
        files: below it.
        follow_links: read files that links out of the folder lead to.
    """

    root: Path
    files: tuple[Path, ...]
    follow_links: bool = False

    def __len__(self) -> int:
        return len(self.files)

    def name(self, number: int) -> str:
        """Return the path of one."""
        return name_below(self.root, self.files[number])

    def read(self, number: int) -> bytes:
        """Read one."""
        return read_file(self.root, self.files[number], follow_links=self.follow_links)

    def stamp(self) -> str:
        """Hash paths, sizes and times."""
        return _stamp(self.files)


class EncodedCells(NamedTuple):
    """The image column of a split of a Hugging Face data set, mapped into memory.

    Attributes:
        split: its column holds encoded images.
        column: its name.
        split_name: for messages.
    """

    split: Any
    column: str
    split_name: str

    def __len__(self) -> int:
        return len(self.split)

    def name(self, number: int) -> str:
        """Return split and row."""
        return f"{self.split_name} row {number}"

    def read(self, number: int) -> bytes:
        """Return the bytes of one cell, or those of the file that it names.

        Raises:
            ValueError: if there is nothing in the cell.
        """
        cell = self.split[number][self.column]
        if cell is None:
            raise ValueError("an empty cell")
        data = cell if isinstance(cell, bytes) else cell["bytes"]
        if data is None and cell["path"] is None:
            raise ValueError("an empty cell")
        return data if isinstance(data, bytes) else Path(cell["path"]).read_bytes()

    def stamp(self) -> str:
        """Hash paths, sizes and times of the mapped files."""
        return _stamp([Path(file["filename"]) for file in self.split.cache_files])


def _stamp(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(file.absolute()))
        try:
            status = file.stat()
            digest.update(f" {status.st_size} {status.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(b" cannot be read\n")
    return digest.hexdigest()


class Split(NamedTuple):
    """A split before decoding.

    Attributes:
        encoded: its images.
        labels: (N,), their classes.
        names: the file of each, none where images are no files.
    """

    encoded: Encoded
    labels: Tensor
    names: tuple[str, ...] = ()

    def rows(self, images: Images, places: Tensor) -> Rows:
        """Return images that come from ``places``, (n,) int64, with their labels and names."""
        names = tuple(self.names[place] for place in places.tolist()) if self.names else ()
        return Rows(images, self.labels[places], names)


class EncodedSet(NamedTuple):
    """Both splits.

    Attributes:
        source: the argument of `convergan.data.load`.
        classes: the class names, in the order of their numbers.
        train: images to learn from.
        test: images to measure on; empty where there are none.
        notes: what was guessed or left out.
    """

    source: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    notes: tuple[str, ...] = ()
