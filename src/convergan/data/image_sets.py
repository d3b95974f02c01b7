"""Images one batch at a time: of a folder of files, read by threads, or of rows in memory.

Both kinds of `ImageSet` give batches in one order, (B, C, H, W) in [0, 1], and single rows again
where a picture needs them. What is in a batch depends on no other batch, so processes that take
some of them each get what one process gets.

Paper and released code: not in Salimans et al. (2016).
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ..collective import ALONE, Ranks
from ..core.image_folders import ImageFolder, read_file
from .batches import to_unit_range
from .decoding import (
    IMAGE_SUFFIXES,
    DataError,
    Decoded,
    decode,
    name_below,
    read_ahead,
    some,
    stacked,
    why_not,
)

TOLERATED = 0.01
"""Share of unreadable files that a folder may have; one file always may be."""
AHEAD = 2
"""Batches read while one is worked on."""
ALL = slice(None)
"""Of the batches."""


class ReadReport(NamedTuple):
    """What reading a set has shown.

    Attributes:
        sha256: of all images that were read.
        unreadable: files left out, and why; None of rows in memory.
        scaled: how many images had another size; None of rows in memory.
    """

    sha256: str
    unreadable: list[str] | None = None
    scaled: int | None = None


class ImageSet(Protocol):
    """Images in one order."""

    @property
    def side(self) -> int | None:
        """Return the side of square images, or None where they are not known to be square."""
        ...

    def __len__(self) -> int: ...

    def batches(self, batch_size: int, shard: slice = ALL) -> Iterator[Tensor]:
        """Yield all images in their order, (B, C, H, W) float32 in [0, 1], or some batches."""
        ...

    def report(self, ranks: Ranks = ALONE) -> ReadReport:
        """Return what the last `batches` have shown; all ``ranks``, who read parts, call it."""
        ...

    def take(self, rows: Sequence[int]) -> list[Tensor]:
        """Return some of the images that were reported, (C, H, W) each, by their numbers."""
        ...

    def name(self, row: int) -> str:
        """Return what messages call one of the images that the last `batches` has given."""
        ...

    def choose(self, rows: Tensor) -> "ImageSet":
        """Return the set of some, (n,) int64, in their order here."""
        ...

    def outline(self) -> str:
        """Return a hash that differs between sets, before any file is read."""
        ...


class ImageRows:
    """Images in memory.

    Args:
        images: (N, C, H, W) uint8 in 0..255, or floating point in [0, 1], at least one.
        source: for messages.

    Raises:
        DataError: if they are no such images; the first that is not is numbered.
    """

    def __init__(self, images: Tensor, source: str) -> None:
        if images.dim() != 4 or not images.numel() or images.shape[1] not in (1, 3):
            raise DataError(
                f"{source}: images must be (N, C, H, W) with C 1 or 3 and N of 1 or more, "
                f"got {tuple(images.shape)}"
            )
        if images.is_floating_point():
            low, high = images.flatten(1).amin(dim=1), images.flatten(1).amax(dim=1)
            bad = (~((low >= 0) & (high <= 1))).nonzero()
            if len(bad):
                row = int(bad[0])
                raise DataError(
                    f"{source}: images must be whole numbers from 0 to 255 or fractions from 0 to "
                    f"1, image {row} has {float(low[row]):.4g} to {float(high[row]):.4g}"
                )
        elif images.dtype != torch.uint8:
            raise DataError(f"{source}: images must be uint8 or floating point, got {images.dtype}")
        self.images, self.source = images, source

    @property
    def side(self) -> int | None:
        """Return the side of square images."""
        height, width = self.images.shape[2:]
        return height if height == width else None

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, batch_size: int, shard: slice = ALL) -> Iterator[Tensor]:
        """Yield all images in their order, or some batches."""
        for rows in torch.split(self.images, batch_size)[shard]:
            yield to_unit_range(rows).float()

    def report(self, ranks: Ranks = ALONE) -> ReadReport:
        """Return a hash of shape and values."""
        return ReadReport(self.outline())

    def take(self, rows: Sequence[int]) -> list[Tensor]:
        """Return some images."""
        return list(to_unit_range(self.images[list(rows)]).float())

    def name(self, row: int) -> str:
        """Return the source and the number of an image."""
        return f"image {row} of {self.source}"

    def choose(self, rows: Tensor) -> "ImageRows":
        """Return the set of some."""
        return ImageRows(self.images[rows.sort().values], self.source)

    def outline(self) -> str:
        """Return a hash of shape and values."""
        digest = hashlib.sha256(f"{self.images.dtype} {tuple(self.images.shape)}".encode())
        digest.update(self.images.contiguous().numpy().data)
        return digest.hexdigest()


class ImageFiles:
    """The image files below a folder, in the order of their paths.

    A batch is grey if all its images are. Files that cannot be decoded are left out of their batch
    and reported, up to 1 % of all, or one.

    Args:
        folder: with PNG, JPEG and other image files at any depth.
        side: cut images of other sizes to their centre square and scale them to this side,
            bilinearly; None if all have one size.
        workers: threads that read.
        files: some of the folder's; None for all.
        follow_links: follow links out of the folder.

    Attributes:
        notes: what was passed over in the folder; none if ``files`` are given.

    Raises:
        DataError: if there are no image files, or a folder is a link that leads out.
    """

    def __init__(
        self,
        folder: Path,
        *,
        side: int | None = None,
        workers: int = 4,
        files: Sequence[Path] | None = None,
        follow_links: bool = False,
    ) -> None:
        self.folder, self.side, self.workers = folder, side, workers
        self.follow_links = follow_links
        self.notes: tuple[str, ...] = ()
        self.files = self._find() if files is None else list(files)
        self._read: list[_FileRead] = []

    def _find(self) -> list[Path]:
        reader = ImageFolder(self.folder, follow_links=self.follow_links)
        try:
            found = reader.images(self.folder)
        except ValueError as error:
            raise DataError(str(error)) from None
        if not found:
            endings = ", ".join(sorted(IMAGE_SUFFIXES))
            more = "; ".join([f"{self.folder} holds no image files ({endings})", *reader.notes()])
            raise DataError(more)
        self.notes = tuple(reader.notes())
        return found

    def __len__(self) -> int:
        return len(self.files)

    def batches(self, batch_size: int, shard: slice = ALL) -> Iterator[Tensor]:
        """Read all files in their order, or those of some batches.

        Raises:
            DataError: if more than 1 % cannot be read, or sizes differ and there is no ``side``.
        """
        self._read = []
        firsts = range(0, len(self), batch_size)[shard]
        groups = [self.files[first : first + batch_size] for first in firsts]
        files = [path for group in groups for path in group]
        decoded = read_ahead(
            lambda number: self._try_to_decode(files[number]),
            len(files),
            workers=self.workers,
            ahead=AHEAD * batch_size,
        )
        reading = zip(files, decoded, strict=True)
        for group in groups:
            found = [self._keep(path, read) for path, read in islice(reading, len(group))]
            if pixels := [array for array in found if array is not None]:
                yield self._batch(pixels)

    def report(self, ranks: Ranks = ALONE) -> ReadReport:
        """Return a hash of the readable files' bytes and the side, and what was left out or scaled.

        Raises:
            DataError: if more than 1 % of all cannot be read.
        """
        everyone = ranks.gather_objects(self._read)
        self._read = [_FileRead(*read) for part in everyone for read in part]
        self._require_readable()
        digest = hashlib.sha256(repr(self.side).encode())
        for read in self._read:
            digest.update(bytes.fromhex(read.sha256))
        return ReadReport(digest.hexdigest(), self._bad(), sum(read.scaled for read in self._read))

    def take(self, rows: Sequence[int]) -> list[Tensor]:
        """Read some files again."""
        good = [self.folder / read.name for read in self._read if read.sha256]
        return [self._batch([self._decode(good[row]).pixels])[0] for row in rows]

    def name(self, row: int) -> str:
        """Return the name of a file below the folder."""
        good = [read.name for read in self._read if read.sha256]
        return name_below(self.folder, self.folder / good[row])

    def choose(self, rows: Tensor) -> "ImageFiles":
        """Return the set of some files."""
        files = [self.files[row] for row in rows.sort().values.tolist()]
        return ImageFiles(
            self.folder,
            side=self.side,
            workers=self.workers,
            files=files,
            follow_links=self.follow_links,
        )

    def outline(self) -> str:
        """Return a hash of the side and the files' names."""
        names = [path.relative_to(self.folder).as_posix() for path in self.files]
        return hashlib.sha256(repr((self.side, names)).encode()).hexdigest()

    def _decode(self, path: Path) -> Decoded:
        data = read_file(self.folder, path, follow_links=self.follow_links)
        return decode(data, self.side)

    def _try_to_decode(self, path: Path) -> "Decoded | str":
        try:
            return self._decode(path)
        except Exception as error:  # Pillow raises half a dozen kinds for damaged files
            return why_not(error)

    def _keep(self, path: Path, decoded: "Decoded | str") -> np.ndarray[Any, Any] | None:
        """Note what became of a file; return the pixels if there are any."""
        name = path.relative_to(self.folder).as_posix()
        if isinstance(decoded, str):
            self._read.append(_FileRead(name, "", False, decoded))
            self._require_readable()
            return None
        self._read.append(_FileRead(name, decoded.sha256.hex(), decoded.scaled, ""))
        return decoded.pixels

    def _bad(self) -> list[str]:
        return [
            f"{name_below(self.folder, self.folder / read.name)} ({read.why_not})"
            for read in self._read
            if not read.sha256
        ]

    def _require_readable(self) -> None:
        bad = self._bad()
        if len(bad) > max(1, int(TOLERATED * len(self))):
            raise DataError(
                f"{self.folder}: more than {TOLERATED:.0%} of {len(self)} images are unreadable: "
                f"{some(bad)}"
            )
        if len(bad) == len(self):
            raise DataError(f"{self.folder}: none of {len(self)} image files can be read")

    def _batch(self, arrays: list[np.ndarray[Any, Any]]) -> Tensor:
        sizes = {array.shape[:2] for array in arrays}
        if len(sizes) > 1:
            raise DataError(f"{self.folder}: images of mixed sizes: {sorted(sizes)}")
        return to_unit_range(torch.from_numpy(stacked(arrays)))


class _FileRead(NamedTuple):
    """What became of a file.

    Attributes:
        name: below the folder.
        sha256: of its bytes, in hexadecimal digits; empty if it cannot be read.
        scaled: whether it was of another size.
        why_not: it cannot be read, as in a list of bad files.
    """

    name: str
    sha256: str
    scaled: bool
    why_not: str
