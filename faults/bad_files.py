"""Row 9: 100 bad files among 10,000."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from convergan.data import DataError, load

from .rows import Row, Trial

FILES, BAD, SIDE = 10_000, 100, 8


def _encoded(pixels: np.ndarray[Any, Any], **named: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **named)
    return buffer.getvalue()


def _bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(60_001))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def _cut(file: Path, chance: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: chance.randrange(1, len(data) - 20)])


def _no_bytes(file: Path, chance: random.Random) -> None:
    file.write_bytes(b"")


def _text(file: Path, chance: random.Random) -> None:
    file.write_text("no image")


def _deep(file: Path, chance: random.Random) -> None:
    file.write_bytes(_encoded(np.full((SIDE, SIDE), 40_000, dtype=np.uint16)))


def _moving(file: Path, chance: random.Random) -> None:
    frames = [Image.new("L", (SIDE, SIDE), shade) for shade in (0, 99, 200)]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])


def _explodes(file: Path, chance: random.Random) -> None:
    file.write_bytes(_bomb())


def _leads_nowhere(file: Path, chance: random.Random) -> None:
    file.unlink()
    file.symlink_to("nowhere.png")


def _leads_out(file: Path, chance: random.Random) -> None:
    outside = file.parents[3] / "outside.png"
    outside.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(outside)


def _flipped(file: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    start = data.index(b"IDAT") + 4  # its checksum is then wrong
    data[start + chance.randrange(8)] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


KINDS: tuple[Callable[[Path, random.Random], None], ...] = (
    _cut,
    _no_bytes,
    _text,
    _deep,
    _moving,
    _explodes,
    _leads_nowhere,
    _leads_out,
    _flipped,
)


def perform(trial: int, place: Path) -> Trial:
    """Write a folder, read it, break a hundred files, and read it in both ways."""
    chance, numbers = random.Random(trial), np.random.default_rng(trial)
    folder = place / "images"
    files = [folder / "labeled" / "ab"[n % 2] / f"{n:05d}.png" for n in range(FILES)]
    for parent in {file.parent for file in files}:
        parent.mkdir(parents=True)
    for file, pixels in zip(
        files, numbers.integers(0, 256, (FILES, SIDE, SIDE), dtype=np.uint8), strict=True
    ):
        file.write_bytes(_encoded(pixels, compress_level=1))
    good = load(str(folder))
    bad = chance.sample(files, BAD)
    for number, file in enumerate(bad):
        KINDS[number % len(KINDS)](file, chance)
    names = {str(file.relative_to(folder)) for file in bad}
    injected = f"{BAD} of {FILES}, {len(KINDS)} kinds"
    try:
        load(str(folder))
        return Trial(injected, BAD, "they were loaded")
    except DataError as error:
        listed = {line.split(" ")[0] for line in error.files}
    if listed != names:
        return Trial(injected, BAD, f"not listed {names - listed}, listed {listed - names}")
    left = load(str(folder), allow_bad=True)
    kept = [row for row, name in enumerate(good.train.names) if name not in names]
    same = left.train.images[:].equal(good.train.images[kept])
    if not same or left.train.names != tuple(good.train.names[row] for row in kept):
        return Trial(injected, BAD, "the good ones are others, or in another order")
    lost = "" if {line.split(" ")[0] for line in left.left_out} == names else "not said what is out"
    return Trial(injected, BAD, lost)


BAD_FILES = Row(
    number=9,
    fault="100 bad image files among 10,000, of nine kinds",
    holds="all listed by path; the order of the good ones is unchanged; no crash",
    ci=1,
    full=50,
    perform=perform,
)
