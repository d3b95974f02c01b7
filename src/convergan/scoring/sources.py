"""What is scored and against what: from arguments of the command line to sets of images."""

import os
from typing import NamedTuple

import torch
from torch import Tensor

from ..collective import ALONE, Ranks
from ..core.chance import derive
from ..data import DataError, ImageFiles, ImageRows, ImageSet, SourceOptions, load
from ..data.archives import read_image_archive
from ..data.locations import Kind, Location, locate
from ..data.source_options import PLAIN
from ..runs.reading import draw_run_rows, note_of_code

MOST = 50_000
"""Samples of a run unless another number is asked for, and if there are as many reference rows."""


class Sets(NamedTuple):
    """The images of one score.

    Attributes:
        samples: to be scored.
        reference: real images to score against.
        held_out: real images that are not among them, scored in the same way for the floor.
        floor: what these are.
        notes: what was guessed of the sources, or passed over in them.
    """

    samples: ImageSet
    reference: ImageSet
    held_out: ImageSet
    floor: str
    notes: tuple[str, ...] = ()


def open_sets(
    samples: str,
    against: str,
    *,
    count: int | None = None,
    rows: int | None = None,
    side: int | None = None,
    seed: int = 0,
    ranks: Ranks = ALONE,
    allow_changed_code: bool = False,
    options: SourceOptions = PLAIN,
) -> Sets:
    """Find the images, or draw them.

    What is held out are test rows of ``against``, or where there are none rows of a random half of
    it: as many as there are samples, or all.

    Args:
        samples: the folder of a run, a folder of images, a ``.npz`` file with ``samples`` or
            ``images``, or a data source, whose training rows are taken. The same as ``against``: a
            random part of it, which is left out of the reference.
        against: a data source of `convergan.data.load`, a folder of images, or such a file.
        count: how many samples, the first; None for all, of a run as many as reference rows, up to
            50,000.
        rows: how many reference rows, drawn at random; None for all.
        side: to which images in folders are cut and scaled; None for the reference's.
        seed: decides draws.
        ranks: processes that share the drawing of a run's samples; each finds all images.
        allow_changed_code: draw a run's samples though the user's code has changed since.
        options: how both are read.

    Raises:
        DataError: if there is no such data.
        ValueError: if there are fewer than ``count`` or ``rows``.
    """
    found: ImageSet
    held_out: ImageSet | None = None
    location = locate(against)
    if location.plain_images:
        found, notes = _plain_images(location, side, options)
    else:
        dataset = load(against, side, options=options)
        found, notes = ImageRows(dataset.train.images[:], against), dataset.notes
        if len(dataset.test.labels):
            held_out = ImageRows(dataset.test.images[:], against)
    floor = "a part of the reference held out" if held_out is None else "test rows"
    number = 1 + (held_out is None) + (samples == against)
    if len(found) < number:
        raise DataError(f"{against} has {len(found)} images, {number} or more are needed")
    order = torch.randperm(len(found), generator=derive(seed, "score parts"))
    parts = list(torch.tensor_split(order, number))
    reference = _first(found, parts.pop(), rows, "reference rows", against)
    if held_out is None:
        held_out = found.choose(parts.pop())
    told = [f"{against}: {note}" for note in notes]
    if samples == against:
        chosen = _first(found, parts.pop(), count, "samples", samples)
    else:
        chosen, notes = _open_samples(
            samples,
            reference,
            count,
            side or reference.side,
            seed,
            ranks,
            allow_changed_code,
            options,
        )
        told += [f"{samples}: {note}" for note in notes]
    if len(held_out) > len(chosen):  # figures of different numbers of rows do not compare
        order = torch.randperm(len(held_out), generator=derive(seed, "score floor"))
        held_out = held_out.choose(order[: len(chosen)])
    return Sets(chosen, reference, held_out, floor, tuple(told))


def _open_samples(
    source: str,
    reference: ImageSet,
    count: int | None,
    side: int | None,
    seed: int,
    ranks: Ranks,
    allow_changed_code: bool,
    options: SourceOptions,
) -> tuple[ImageSet, tuple[str, ...]]:
    """Return samples, and notes on them."""
    found: ImageSet
    location = locate(source)
    if location.kind is Kind.RUN:
        drawn = draw_run_rows(
            location.path,
            count or min(MOST, len(reference)),
            seed,
            allow_changed_code=allow_changed_code,
            ranks=ranks,
        )
        return ImageRows(drawn.clamp(0, 1), source), note_of_code(location.path)
    if location.plain_images:
        found, notes = _plain_images(location, side, options)
    else:
        dataset = load(source, side, options=options)
        found, notes = ImageRows(dataset.train.images[:], source), dataset.notes
    return _first(found, torch.arange(len(found)), count, "samples", source), notes


def _first(images: ImageSet, order: Tensor, count: int | None, kind: str, source: str) -> ImageSet:
    if count is not None and not 1 <= count <= len(order):
        raise ValueError(f"{kind} must be from 1 to the {len(order)} of {source}, got {count}")
    return images.choose(order[:count])


def _plain_images(
    location: Location, side: int | None, options: SourceOptions
) -> tuple[ImageSet, tuple[str, ...]]:
    """Return images whatever their labels, and notes on them."""
    path = location.path
    if location.kind is Kind.IMAGE_ARCHIVE:
        rows, notes = read_image_archive(path)
        return ImageRows(rows, str(path)), notes
    workers = min(8, os.cpu_count() or 1)
    files = ImageFiles(path, side=side, workers=workers, follow_links=options.follow_links)
    return files, files.notes
