"""The logo of whoever asks: a small picture above the pages, written anew without metadata."""

import io
from pathlib import Path

from PIL import Image

from ...core.images import why_not
from ..errors import StudyError

MAX_BYTES = 4 * 2**20
MAX_PIXELS = 4096 * 4096
LARGEST = (640, 160)
"""Pixels of what is stored, across and down; pages show it at most 44 points high."""


def read_logo(file: Path) -> bytes:
    """Return a PNG or JPEG file as a small PNG on white.

    Raises:
        StudyError: if it is too large, or no picture of these kinds.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise StudyError(f"the logo {file} has more than {MAX_BYTES // 2**20} MiB")
        with Image.open(file, formats=("PNG", "JPEG")) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise StudyError(f"the logo {file} has more than {MAX_PIXELS:,} pixels")
            picture = opened.convert("RGBA")
    except StudyError:
        raise
    except Exception as error:  # Pillow raises half a dozen kinds for damaged files
        raise StudyError(f"the logo {file} is no PNG or JPEG image: {why_not(error)}") from None
    picture.thumbnail(LARGEST)
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    buffer = io.BytesIO()
    white.convert("RGB").save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
