"""Photographs as users hold them: paths, bytes, arrays, images of Pillow."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ..data.encoded import Encoded

Given = str | os.PathLike[str] | bytes | np.ndarray[Any, Any] | Image.Image


class GivenImages(NamedTuple):
    """A sequence of photographs.

    Attributes:
        images: each a path, the bytes of a file, an array (H, W) or (H, W, 3) of uint8, or an image
            of Pillow.
    """

    images: Sequence[Given]

    def __len__(self) -> int:
        return len(self.images)

    def name(self, number: int) -> str:
        """Return what messages call one: its path, or its place."""
        given = self.images[number]
        return os.fspath(given) if isinstance(given, str | os.PathLike) else f"image {number}"

    def read(self, number: int) -> bytes:
        """Return one as the bytes of a file.

        Raises:
            ValueError: if it is something else.
            OSError: if it cannot be read.
        """
        given = self.images[number]
        if isinstance(given, bytes):
            return given
        if isinstance(given, str | os.PathLike):
            return Path(given).read_bytes()
        if isinstance(given, np.ndarray):
            if (
                given.dtype != np.uint8
                or given.ndim not in (2, 3)
                or given.shape[2:]
                not in (
                    (),
                    (3,),
                )
            ):
                raise ValueError(
                    f"an array of {given.dtype} {given.shape}, expected uint8 (H, W) or (H, W, 3)"
                )
            return _as_png(Image.fromarray(given))
        if isinstance(given, Image.Image):
            return _as_png(ImageOps.exif_transpose(given))
        raise ValueError(
            f"a {type(given).__name__}, expected a path, bytes, an array or an image of Pillow"
        )

    def stamp(self) -> str:
        """Return nothing, as what is in memory has no file to look at."""
        return ""


def as_encoded(images: Any) -> Encoded:
    """Return photographs in the form that they are read in.

    Args:
        images: encoded already, or a sequence of paths, bytes, arrays or images of Pillow.

    Raises:
        ValueError: if it is neither.
    """
    if hasattr(images, "read") and hasattr(images, "name"):
        encoded: Encoded = images
        return encoded
    if isinstance(images, str | bytes | os.PathLike):
        raise ValueError(f"expected a sequence of photographs, got one: {images!r:.60}")
    return GivenImages(images if isinstance(images, Sequence) else list(images))


def _as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
