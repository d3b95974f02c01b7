"""Photographs to features: each file is read and decoded once, in parallel, and kept.

Whatever their size, shape and colours, photographs are scaled to the square of the network,
bicubically with antialiasing, as RGB. What one worker does, from reading to the network's product,
runs beside what the others do; torch's own threads would wait for the decoder.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps

from ..core.images import decode, why_not
from ..core.progress import Progress
from ..data.decoding import DataError, read_ahead, some
from ..data.encoded import Encoded, EncodedFiles
from .image_networks import ImageNetwork
from .store import FeatureStore, file_stamp

Array = np.ndarray[Any, Any]
Report = Callable[[Progress], None]

AT_A_TIME = 16
"""Photographs in one product of the network."""
METHOD = "features"


class Embedded(NamedTuple):
    """Features of n photographs.

    Attributes:
        rows: (n, D) float32; of those that cannot be read, NaN.
        contents: (n,) SHA-256 of each file's bytes; empty where it could not be read.
        problems: by the numbers of photographs that cannot be read, why.
    """

    rows: Array
    contents: list[bytes]
    problems: dict[int, str]

    def unreadable(self, encoded: Encoded) -> list[tuple[str, str]]:
        """Return the names of those that cannot be read, and why."""
        return [(encoded.name(n), why) for n, why in sorted(self.problems.items())]


class _Part(NamedTuple):
    """What a worker made of some photographs, by their numbers."""

    rows: dict[int, Array]
    contents: dict[int, bytes]
    stamps: dict[int, str]
    problems: dict[int, str]


def embed_images(
    encoded: Encoded,
    network: ImageNetwork,
    *,
    report: Report | None = None,
    workers: int | None = None,
    keep: bool = True,
) -> Embedded:
    """Return the features of photographs, those that are in the cache from there.

    Args:
        encoded: the photographs.
        network: what describes them.
        report: is called with the progress after each few photographs.
        workers: that read, decode and compute at the same time; None for one a core.
        keep: whether to use the cache.
    """
    told = report or _say_nothing
    count = len(encoded)
    told(Progress(METHOD, 0, count, {}))
    with FeatureStore(network.name, keep=keep) as store:
        files = dict(enumerate(encoded.files)) if isinstance(encoded, EncodedFiles) else {}
        unchanged = store.contents(files.values())
        contents = {n: unchanged[file] for n, file in files.items() if file in unchanged}
        rows = _by_number(contents, store.rows(contents.values()))
        contents = {n: contents[n] for n in rows}
        problems: dict[int, str] = {}
        missing = [n for n in range(count) if n not in rows]
        done = count - len(missing)
        told(Progress(METHOD, done, count, {}))
        for part in _work(encoded, network, missing, store, workers):
            new = {part.contents[n]: row for n, row in part.rows.items()}
            seen = {
                files[n]: (stamp, part.contents[n]) for n, stamp in part.stamps.items() if stamp
            }
            store.add(new, seen)
            rows |= part.rows
            contents |= part.contents
            problems |= part.problems
            done += len(part.rows) + len(part.problems)
            told(Progress(METHOD, done, count, {}))
    width = next((len(row) for row in rows.values()), 0)
    found = np.full((count, width), np.nan, dtype=np.float32)
    for number, row in rows.items():
        found[number] = row
    return Embedded(found, [contents.get(n, b"") for n in range(count)], problems)


def embed_readable(
    encoded: Encoded, network: ImageNetwork, *, workers: int | None = None
) -> Embedded:
    """Return the features of photographs that can all be read; else as `embed_images`.

    Args:
        encoded: the photographs.
        network: what describes them.
        workers: that read, decode and compute at the same time; None for one a core.

    Raises:
        DataError: naming those that cannot.
    """
    found = embed_images(encoded, network, workers=workers)
    if named := [f"{name} ({why})" for name, why in found.unreadable(encoded)]:
        raise DataError(f"{len(named)} unreadable: {some(named)}", named)
    return found


def _work(
    encoded: Encoded,
    network: ImageNetwork,
    numbers: Sequence[int],
    store: FeatureStore,
    workers: int | None,
) -> Iterator[_Part]:
    """Yield what workers make of the photographs of these numbers, some at a time.

    The store belongs to this thread, so workers get what it knows of their contents before.
    """
    parts = [numbers[start : start + AT_A_TIME] for start in range(0, len(numbers), AT_A_TIME)]
    several = len(parts) > 1
    count = (os.cpu_count() or 1) if workers is None else workers
    known = store.known() if parts else frozenset()

    def perform(place: int) -> _Part:
        if several:
            torch.set_num_threads(1)  # of this worker; the others have theirs
        return _embed(encoded, network, parts[place], known)

    for part in read_ahead(perform, len(parts), workers=count, ahead=2 * count):
        waiting = {n: content for n, content in part.contents.items() if n not in part.rows}
        found = _by_number(waiting, store.rows(waiting.values()))
        yield part._replace(rows=part.rows | found)


def _embed(
    encoded: Encoded, network: ImageNetwork, numbers: Sequence[int], known: frozenset[bytes]
) -> _Part:
    """Read photographs, and compute the features of those whose content is not known."""
    contents: dict[int, bytes] = {}
    stamps: dict[int, str] = {}
    problems: dict[int, str] = {}
    squares: dict[int, Array] = {}
    for number in numbers:
        try:
            stamp = file_stamp(encoded.files[number]) if isinstance(encoded, EncodedFiles) else ""
            data = encoded.read(number)
            content = hashlib.sha256(data).digest()
            if content not in known:
                squares[number] = square(data, network.side, crop=network.crop)
        except Exception as error:  # Pillow raises half a dozen kinds for damaged files
            problems[number] = why_not(error)
            continue
        contents[number], stamps[number] = content, stamp
    rows: dict[int, Array] = {}
    if squares:
        images = torch.from_numpy(np.stack(list(squares.values()))).permute(0, 3, 1, 2)
        with torch.inference_mode():
            found = network.run(images.contiguous()).numpy()
        rows = dict(zip(squares, found, strict=True))
    return _Part(rows, contents, stamps, problems)


def square(data: bytes, side: int, *, crop: bool) -> Array:
    """Decode a photograph to (side, side, 3), uint8: its middle square, or the whole one squeezed.

    JPEG files are decoded at the fraction of their size that is at least twice ``side``.

    Raises:
        ValueError: as `convergan.core.images.decode`, and other kinds that Pillow raises.
    """
    pixels = decode(data, None, least_side=2 * side).pixels
    image = Image.fromarray(pixels).convert("RGB")
    if crop:
        return np.asarray(ImageOps.fit(image, (side, side), Image.Resampling.BICUBIC))
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))


def _by_number(contents: dict[int, bytes], rows: dict[bytes, Array]) -> dict[int, Array]:
    return {n: rows[content] for n, content in contents.items() if content in rows}


def _say_nothing(progress: Progress) -> None:
    pass
