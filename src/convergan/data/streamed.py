"""Images that are decoded when they are taken, for data sets that do not fit in memory.

Which rows a step takes is a function of (seed, step), see `convergan.data.batches`, and a row is a
function of its file. So workers only change how long it takes, and a resumed run takes the rows
that the stopped one would have taken.

All images become RGB squares of one side, by the rules of `convergan.core.images.decode`.
Before the first step every image is decoded once: files that cannot be read are found before
training, not hours into it, and the data set gets the same hash as in memory. What was found is
kept in the cache folder under the names, sizes and times of the files; the folder may be removed.

Paper and released code: not in Salimans et al. (2016); the released ImageNet code reads TFRecords.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.cache import cache_folder, in_turn
from .dataset import Dataset, LazyImages, Rows, begin_sha256
from .decoding import DataError, decode, read_ahead, some, why_not
from .encoded import Encoded, EncodedSet, Split

TRIES = 3
"""How often a file is read that could be read before."""
PAUSE = 0.2
"""Seconds before the second try; twice as many before the next."""
AHEAD = 256
"""Images decoded ahead where all are wanted in their order."""
FORMAT = 3
"""Of what the cache keeps."""


@dataclass(frozen=True)
class Streaming:
    """How images are decoded.

    Attributes:
        workers: threads that decode; 0 to decode where the images are taken.

    Raises:
        ValueError: if ``workers`` is negative.
    """

    workers: int

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise ValueError(f"workers must not be negative, got {self.workers}")


class StreamedImages(LazyImages):
    """Rows of encoded images; see the top of this module.

    Args:
        encoded: where they come from.
        places: (N,), which of them are the rows.
        side: that they are cut and scaled to.
        workers: threads that decode.
    """

    def __init__(self, encoded: Encoded, places: Tensor, *, side: int, workers: int) -> None:
        self.encoded, self._places, self._side = encoded, places.tolist(), side
        self._threads = ThreadPoolExecutor(workers) if workers else None
        self._coming: dict[int, Future[np.ndarray[Any, Any]]] = {}

    @property
    def shape(self) -> torch.Size:
        """Return (N, 3, side, side)."""
        return torch.Size((len(self), 3, self._side, self._side))

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Return some rows, uint8.

        Raises:
            DataError: if a file cannot be read any more; the message names it.
        """
        numbers = torch.arange(len(self))[rows].tolist()
        if not numbers:
            return torch.empty(0, *self.shape[1:], dtype=torch.uint8)
        self._submit(numbers)
        coming = {number: self._coming.pop(number, None) for number in set(numbers)}
        pixels = [
            self._decode(number) if (future := coming[number]) is None else future.result()
            for number in numbers
        ]
        return torch.from_numpy(np.stack(pixels))

    def prefetch(self, rows: Tensor) -> None:
        """Begin to decode some rows, and forget those that were prefetched and not taken."""
        wanted = set(rows.tolist())
        for number in [n for n in self._coming if n not in wanted]:
            self._coming.pop(number).cancel()
        self._submit(rows.tolist())

    def _submit(self, numbers: Sequence[int]) -> None:
        if self._threads is None:
            return
        for number in numbers:
            if number not in self._coming:
                self._coming[number] = self._threads.submit(self._decode, number)

    def _decode(self, number: int) -> np.ndarray[Any, Any]:
        place = self._places[number]
        for attempt in range(TRIES):
            try:
                return decode_rgb(self.encoded.read(place), self._side)
            except Exception as error:  # Pillow raises half a dozen kinds for damaged files
                reason = why_not(error)
                time.sleep(PAUSE * 2**attempt * (attempt < TRIES - 1))
        raise DataError(f"{self.encoded.name(place)} cannot be read any more ({reason})")


def decode_rgb(data: bytes, side: int) -> np.ndarray[Any, Any]:
    """Decode one image into (3, side, side) uint8; exceptions as for `decode`."""
    pixels = decode(data, side).pixels
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def stream(
    found: EncodedSet, *, side: int | None, streaming: Streaming, allow_bad: bool
) -> Dataset:
    """Return a data set whose images are decoded when they are taken.

    Args:
        found: its encoded images.
        side: of the images.
        streaming: how they are decoded.
        allow_bad: leave out what cannot be read.

    Raises:
        DataError: if there is no ``side``, or images cannot be read and that is not allowed.
    """
    source = found.source
    if side is None:
        raise DataError(f"{source} can be streamed only by a recipe with a side, such as imagenet")
    splits = (found.train, found.test)
    checked = _check(found.classes, splits, side, streaming.workers)
    bad = [
        f"{split.encoded.name(number)} ({reason})"
        for split, listed in zip(splits, checked["bad"], strict=True)
        for number, reason in listed
    ]
    if bad and not allow_bad:
        raise DataError(f"{source}: {len(bad)} unreadable: {some(bad)}", bad)

    def rows(split: Split, listed: list[tuple[int, str]]) -> Rows:
        good = torch.ones(len(split.encoded), dtype=torch.bool)
        good[[number for number, _ in listed]] = False
        places = good.nonzero().flatten()
        images = StreamedImages(split.encoded, places, side=side, workers=streaming.workers)
        return split.rows(images, places)

    train, test = (rows(*pair) for pair in zip(splits, checked["bad"], strict=True))
    return Dataset(source, found.classes, train, test, tuple(bad), checked["sha256"], found.notes)


def _check(
    classes: tuple[str, ...], splits: tuple[Split, Split], side: int, workers: int
) -> dict[str, Any]:
    """Return what `_decode_all` finds, perhaps from the cache."""
    key = hashlib.sha256(repr((FORMAT, classes, side)).encode())
    for split in splits:
        key.update(split.encoded.stamp().encode() + split.labels.numpy().tobytes())
    file = cache_folder() / f"images-{key.hexdigest()[:32]}.json"
    with in_turn(file):
        with contextlib.suppress(OSError, ValueError):
            kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return kept
        found = _decode_all(classes, splits, side, workers)
        with contextlib.suppress(OSError):  # it was found all the same
            temporary = file.with_suffix(f".tmp-{os.getpid()}")
            temporary.write_text(json.dumps(found), encoding="utf-8")
            temporary.replace(file)
    return found


def _decode_all(
    classes: tuple[str, ...], splits: tuple[Split, Split], side: int, workers: int
) -> dict[str, Any]:
    """Return the bad images of each split and the hash of the good ones."""
    digest = begin_sha256(classes, (3, side, side))
    bad: list[list[tuple[int, str]]] = []
    for split in splits:
        listed: list[tuple[int, str]] = []
        for number, decoded in enumerate(_in_order(split.encoded, side, workers)):
            if isinstance(decoded, str):
                listed.append((number, decoded))
            else:
                digest.update(decoded.data)
        good = torch.ones(len(split.labels), dtype=torch.bool)
        good[[number for number, _ in listed]] = False
        digest.update(split.labels[good].numpy().data)
        bad.append(listed)
    return {"sha256": digest.hexdigest(), "bad": bad}


def _in_order(encoded: Encoded, side: int, workers: int) -> "Iterator[np.ndarray[Any, Any] | str]":
    """Decode all images, some of them ahead; yield why not in the place of one that cannot be."""

    def try_one(number: int) -> "np.ndarray[Any, Any] | str":
        try:
            return decode_rgb(encoded.read(number), side)
        except Exception as error:  # Pillow raises half a dozen kinds for damaged files
            return why_not(error)

    yield from read_ahead(try_one, len(encoded), workers=workers, ahead=AHEAD)
