"""One image file to pixels, by one rule for training, scans and scores; and what errors name.

Grey and black-and-white images stay grey, all others become RGB, transparency is dropped.
"""

import hashlib
import io
import os
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

Found = TypeVar("Found")

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
LISTED = 20
"""How many bad files an error message names."""
MOST_PIXELS = 2**26
"""Of one image; a small file may claim to have any number."""
PNG = b"\x89PNG\r\n\x1a\n"
"""The first bytes of a PNG file."""


class DataError(ValueError):
    """Data that were found but cannot be used.

    Attributes:
        files: what is wrong with which file, one line each, where it is about single files.
    """

    def __init__(self, message: str, files: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.files = tuple(files)


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
        workers: threads; 0 to do each when it is taken.
        ahead: how many are done or waited for beyond the next one.

    Raises:
        ValueError: if ``workers`` is negative.
    """
    if workers < 0:
        raise ValueError(f"workers must not be negative, got {workers}")
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
