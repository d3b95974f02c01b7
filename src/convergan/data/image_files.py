"""Images one batch at a time: of a folder of files, read by threads, or of rows in memory.

Both kinds of `ImageSet` give batches in one order, (B, C, H, W) in [0, 1], and single rows again
where a picture wants them. What is in a batch depends on no other batch, so processes that take
some of them each get what one process gets.

Paper and released code: not in Salimans et al. (2016).
"""

import hashlib
import io
import os
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ..collective import Ranks
from .batches import to_unit_range

Found = TypeVar("Found")

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
LISTED = 20
"""How many bad files an error message names."""
TOLERATED = 0.01
"""Share of unreadable files that a folder may have; one file always may be."""
MOST_PIXELS = 2**26
"""Of one image; a small file may claim to have any number."""
AHEAD = 2
"""Batches read while one is worked on."""
ALL = slice(None)
"""Of the batches."""
PNG = b"\x89PNG\r\n\x1a\n"
"""The first bytes of a PNG file."""


class DataError(ValueError):
    """Data that were found but cannot be used.

    Attributes:
        files: what is wrong with which file, one line each, where it is about single files.
    """

    def __init__(self, message: str, files: Sequence[str] = ()) -> None:
        """Say what is wrong, and with which files."""
        super().__init__(message)
        self.files = tuple(files)


class ImageSet(Protocol):
    """Images in one order."""

    @property
    def side(self) -> int | None:
        """Return the side of the squares that they are, or None where they are of another form."""
        ...

    def __len__(self) -> int:
        """Return how many there are; of files, how many there may be."""
        ...

    def batches(self, batch_size: int, turns: slice = ALL) -> Iterator[Tensor]:
        """Yield all images in their order, (B, C, H, W) float32 in [0, 1], or some batches."""
        ...

    def merge(self, ranks: Ranks) -> None:
        """Learn what all processes met in their `batches`, which together were all."""
        ...

    def take(self, rows: Sequence[int]) -> list[Tensor]:
        """Return some of the images that `batches` gave, (C, H, W) each, by their numbers."""
        ...

    def choose(self, rows: Tensor) -> "ImageSet":
        """Return the set of some, (n,) int64, in their order here."""
        ...

    def outline(self) -> str:
        """Return a hash that tells this set from others before any file is read."""
        ...

    def sha256(self) -> str:
        """Return a hash of all that `batches` gave."""
        ...

    def remarks(self) -> dict[str, list[str] | int]:
        """Return what `batches` met that a reader should know of, by name."""
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
        """Look at every image once."""
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
        """Return how many there are."""
        return len(self.images)

    def batches(self, batch_size: int, turns: slice = ALL) -> Iterator[Tensor]:
        """Yield all images in their order, or some batches."""
        for rows in torch.split(self.images, batch_size)[turns]:
            yield to_unit_range(rows).float()

    def merge(self, ranks: Ranks) -> None:
        """Learn nothing: all is well with rows."""

    def take(self, rows: Sequence[int]) -> list[Tensor]:
        """Return some images."""
        return list(to_unit_range(self.images[list(rows)]).float())

    def choose(self, rows: Tensor) -> "ImageRows":
        """Return the set of some."""
        return ImageRows(self.images[rows.sort().values], self.source)

    def outline(self) -> str:
        """Return the hash of the images."""
        return self.sha256()

    def sha256(self) -> str:
        """Return a hash of shape and values."""
        digest = hashlib.sha256(f"{self.images.dtype} {tuple(self.images.shape)}".encode())
        digest.update(self.images.contiguous().numpy().data)
        return digest.hexdigest()

    def remarks(self) -> dict[str, list[str] | int]:
        """Return nothing: all is well with rows."""
        return {}


class ImageFiles:
    """The image files below a folder, in the order of their paths.

    A batch is grey if all its images are. Files that cannot be decoded are left out of their batch
    and listed in ``bad``, up to 1 % of all, or one.

    Args:
        folder: with PNG, JPEG and other image files at any depth.
        side: cut images of other sizes to their centre square and scale them to this side,
            bilinearly; None if all have one size.
        workers: threads that read.
        files: some of the folder's; None for all.

    Raises:
        DataError: if there are no image files.
    """

    def __init__(
        self,
        folder: Path,
        *,
        side: int | None = None,
        workers: int = 4,
        files: Sequence[Path] | None = None,
    ) -> None:
        """List the files; none is opened."""
        self.folder, self.side, self.workers = folder, side, workers
        self.files = files_in(folder) if files is None else list(files)
        if not self.files:
            raise DataError(f"{folder} holds no image files ({', '.join(sorted(IMAGE_SUFFIXES))})")
        self._met: list[_Met] = []

    def __len__(self) -> int:
        """Return how many files there are, unreadable ones too."""
        return len(self.files)

    @property
    def good(self) -> list[Path]:
        """Return the files that `batches` could read."""
        return [self.folder / met.name for met in self._met if met.sha256]

    @property
    def bad(self) -> list[str]:
        """Return what `batches` could not read, and why."""
        return [
            f"{name_below(self.folder, self.folder / met.name)} ({met.why_not})"
            for met in self._met
            if not met.sha256
        ]

    def batches(self, batch_size: int, turns: slice = ALL) -> Iterator[Tensor]:
        """Read all files in their order, or those of some batches.

        Raises:
            DataError: if more than 1 % cannot be read, or sizes differ and there is no ``side``.
        """
        self._met = []
        firsts = range(0, len(self), batch_size)[turns]
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

    def merge(self, ranks: Ranks) -> None:
        """Learn which files of the others were read.

        Raises:
            DataError: if more than 1 % of all cannot be read.
        """
        everyone = ranks.gather_objects(self._met)
        self._met = [_Met(*met) for found in everyone for met in found]
        self._require_readable()

    def take(self, rows: Sequence[int]) -> list[Tensor]:
        """Read some files again."""
        good = self.good
        return [self._batch([decode(good[row].read_bytes(), self.side).pixels])[0] for row in rows]

    def choose(self, rows: Tensor) -> "ImageFiles":
        """Return the set of some files."""
        files = [self.files[row] for row in rows.sort().values.tolist()]
        return ImageFiles(self.folder, side=self.side, workers=self.workers, files=files)

    def outline(self) -> str:
        """Return a hash of the side and the files' names."""
        names = [str(path.relative_to(self.folder)) for path in self.files]
        return hashlib.sha256(repr((self.side, names)).encode()).hexdigest()

    def sha256(self) -> str:
        """Return a hash of the readable files' bytes in their order, and the side."""
        digest = hashlib.sha256(repr(self.side).encode())
        for met in self._met:
            digest.update(bytes.fromhex(met.sha256))
        return digest.hexdigest()

    def remarks(self) -> dict[str, list[str] | int]:
        """Return the unreadable files, and how many images were of another size than the side."""
        return {"unreadable": self.bad, "scaled": sum(met.scaled for met in self._met)}

    def _try_to_decode(self, path: Path) -> "Decoded | str":
        try:
            return decode(path.read_bytes(), self.side)
        except Exception as error:  # Pillow raises half a dozen kinds for damaged files
            return why_not(error)

    def _keep(self, path: Path, read: "Decoded | str") -> np.ndarray[Any, Any] | None:
        """Note what was met; return the pixels if there are any."""
        name = str(path.relative_to(self.folder))
        if isinstance(read, str):
            self._met.append(_Met(name, "", False, read))
            self._require_readable()
            return None
        self._met.append(_Met(name, read.sha256.hex(), read.scaled, ""))
        return read.pixels

    def _require_readable(self) -> None:
        bad = self.bad
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


class _Met(NamedTuple):
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


class Decoded(NamedTuple):
    """One image.

    Attributes:
        pixels: (H, W) grey or (H, W, 3), uint8.
        sha256: of the file's bytes.
        size: width and height in the file.
        mode: of the file, as Pillow calls it.
    """

    pixels: np.ndarray[Any, Any]
    sha256: bytes
    size: tuple[int, int]
    mode: str

    @property
    def scaled(self) -> bool:
        """Whether it was of another size."""
        height, width = self.pixels.shape[:2]
        return (width, height) != self.size


def decode(data: bytes, side: int | None) -> Decoded:
    """Decode one image file completely; cut it to a square of ``side`` if it is none.

    Grey and black-and-white images become grey, all others RGB; transparency is dropped.

    Raises:
        ValueError: if it has more than 8 bits a channel, more than one frame, or too many pixels.
        Exception: of half a dozen kinds that Pillow raises for damaged files.
    """
    if not data:
        raise ValueError("zero bytes")
    if data.startswith(PNG):
        _require_whole_png(data)
    with Image.open(io.BytesIO(data)) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(
                f"decompression bomb: {image.width}x{image.height}, "
                f"expected at most {MOST_PIXELS} pixels"
            )
        if getattr(image, "n_frames", 1) > 1:  # which only some formats know of
            frames = image.n_frames  # type: ignore[attr-defined]
            raise ValueError(f"animated: {frames} frames, expected one")
        layouts = (str(tile[3]) for tile in image.tile)  # which also hold widths and places
        deep = "16" in image.mode or any(re.search(";16[BLN]", layout) for layout in layouts)
        if deep or image.mode.startswith(("I", "F")):
            bits = 16 if deep else 32
            raise ValueError(f"{bits}-bit: mode {image.mode}, expected 8 bits a channel")
        image.info.pop("transparency", None)  # Pillow warns of dropping a palette's
        decoded = image.convert("L" if image.mode in ("L", "1") else "RGB")
        if side is not None:
            decoded = ImageOps.fit(decoded, (side, side), Image.Resampling.BILINEAR)
        sha256 = hashlib.sha256(data).digest()
        return Decoded(np.asarray(decoded), sha256, image.size, image.mode)


def _require_whole_png(data: bytes) -> None:
    """See that all parts of a PNG file are there and as written, which its decoder does not."""
    place, kind = len(PNG), b""
    while kind != b"IEND":
        end = place + 8 + int.from_bytes(data[place : place + 4])
        if len(data) < end + 4:
            raise ValueError("truncated")
        kind = data[place + 4 : place + 8]
        if zlib.crc32(data[place + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise ValueError(f"its part {kind.decode('latin-1')} is damaged")
        place = end + 4


def why_not(error: Exception) -> str:
    """Return why an image cannot be read, in one line."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return " ".join(str(error).split()) or type(error).__name__


def read_ahead(
    perform: Callable[[int], Found], count: int, *, workers: int, ahead: int
) -> Iterator[Found]:
    """Yield ``perform(0)``, ``perform(1)`` and so on, some of them done ahead by threads.

    Args:
        perform: what is done.
        count: how often.
        workers: threads; 0 to do each when it is asked for.
        ahead: how many are done or waited for beyond the one that is asked for.
    """
    if not workers:
        yield from map(perform, range(count))
        return
    waiting: deque[Future[Found]] = deque()
    with ThreadPoolExecutor(workers) as threads:
        try:
            for number in range(count):
                waiting.append(threads.submit(perform, number))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)


def stacked(arrays: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Stack images of one size, (N, C, H, W): grey where all are grey, otherwise all RGB."""
    if all(array.ndim == 2 for array in arrays):
        return np.stack(arrays)[:, None]
    colour = [a if a.ndim == 3 else np.repeat(a[..., None], 3, axis=2) for a in arrays]
    return np.ascontiguousarray(np.stack(colour).transpose(0, 3, 1, 2))


def read_inside(root: Path, path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        ValueError: if it is a link that leads out of ``root``.
        OSError: if it cannot be read.
    """
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"a link out of the folder, to {path.resolve()}")
    return path.read_bytes()


def name_below(root: Path, path: Path) -> str:
    r"""Return what messages and tables call a file; bytes that are not UTF-8 become ``\xe9``.

    Example:
        >>> name_below(Path("images"), Path("images/cat/1.png"))
        'cat/1.png'
    """
    return os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")


def some(items: Sequence[str]) -> str:
    """Name the first of many."""
    rest = len(items) - LISTED
    return ", ".join(items[:LISTED]) + (f" and {rest} more" if rest > 0 else "")


def files_in(folder: Path) -> list[Path]:
    """Return the image files below a folder, sorted."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
