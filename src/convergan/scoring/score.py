"""Scores of a set of images against real ones, by one extractor, in one pass over the images.

Features and logits are extracted once and kept, N x (D + K) numbers of float32, and all metrics are
computed from them. Their values for real images that are not in the reference are the floor: what a
generator that has learned the data, and nothing by heart, would get.

Of several processes each extracts features from its share of the batches, and rank 0 computes the
metrics. A batch has the same rows in any number of them, so the values are the same to the bit.

Salimans et al. (2016), section 4. Paper and released code: the paper has the inception score alone,
of 50,000 samples.
"""

import time
from collections.abc import Generator
from typing import NamedTuple

from torch import Tensor

from ..collective import ALONE, Ranks
from ..core.chance import derive
from ..core.progress import Progress
from ..data import DataError, ImageRows, ImageSet, ReadReport, load
from ..metrics import (
    Extracted,
    Extractor,
    InceptionScore,
    extract,
    find_extractor,
    inception_score,
    small_sample_note,
)
from ..metrics.inception import ANCHOR
from .sources import Sets
from .values import METRICS, MetricValue, Nearest, ScoreSettings, find_nearest

ANCHOR_TOLERANCE = 0.05


class Scores(NamedTuple):
    """What `score_images` finds.

    Attributes:
        values: of the metrics, for the samples.
        floor: for the held-out rows, in the same order.
        nearest: whether samples are copies.
        reports: on reading samples, reference and held-out rows.
        reference_rows: how many there were.
        samples: their features and logits.
        held_out: likewise.
        notes: what to know before comparing these values.
        seconds: of each pass over images and of the metrics.
    """

    values: list[MetricValue]
    floor: list[MetricValue]
    nearest: Nearest
    reports: list[ReadReport]
    reference_rows: int
    samples: Extracted
    held_out: Extracted
    notes: list[str]
    seconds: dict[str, float]


def score_images(
    sets: Sets, extractor: Extractor, settings: ScoreSettings, ranks: Ranks = ALONE
) -> Generator[Progress, None, Scores | None]:
    """Extract features and logits of all images, and compute all metrics from them.

    Args:
        sets: samples, reference and what is held out.
        extractor: of a network on ``settings.device``.
        settings: which metrics, and how.
        ranks: processes that share the batches; all call this with the same.

    Yields:
        `Progress` after every batch and every metric.

    Returns:
        `Scores`, on the CPU; None in all processes but rank 0.

    Raises:
        ValueError: if there are fewer samples than splits, the network gives features that are not
            finite, or there are too few rows for a metric.
        DataError: if too many images cannot be read, or some are in colour and the network takes
            grey ones alone.
    """
    if len(sets.samples) < settings.splits:
        raise ValueError(
            f"splits must be from 1 to the {len(sets.samples)} samples, got {settings.splits}"
        )
    seconds: dict[str, float] = {}
    found: list[Extracted] = []
    reports: list[ReadReport] = []
    for name, images in (
        ("samples", sets.samples),
        ("reference", sets.reference),
        ("held-out rows", sets.held_out),
    ):
        started = time.perf_counter()
        extracted, report = yield from _extract_all(images, name, extractor, settings, ranks)
        found.append(extracted)
        reports.append(report)
        seconds[name] = time.perf_counter() - started
    if not ranks.leads:
        return None
    started = time.perf_counter()
    samples, reference, held_out = found
    values: list[MetricValue] = []
    floor: list[MetricValue] = []
    for step, metric in enumerate(settings.metrics):
        yield Progress("figures", step, len(settings.metrics) + 1, {})
        try:
            values += METRICS[metric](samples, reference, extractor.name, settings)
            floor += METRICS[metric](held_out, reference, extractor.name, settings)
        except ValueError as error:
            raise ValueError(_without(metric, settings, found, error)) from None
    nearest = find_nearest(found, extractor.name, settings)
    yield Progress("figures", len(settings.metrics) + 1, len(settings.metrics) + 1, {})
    seconds["figures"] = time.perf_counter() - started
    notes = [*_reading_notes(reports), *_notes(samples, reference, held_out, settings)]
    return Scores(
        values=values,
        floor=floor,
        nearest=nearest,
        reports=reports,
        reference_rows=len(reference.features),
        samples=samples,
        held_out=held_out,
        notes=notes,
        seconds=seconds,
    )


def _without(
    metric: str, settings: ScoreSettings, found: list[Extracted], error: ValueError
) -> str:
    """Say how to score without a metric that cannot be taken of the rows that were found."""
    samples, reference, held_out = (len(part.features) for part in found)
    others = ",".join(name for name in settings.metrics if name != metric)
    advice = f"; --metrics {others} leaves it out" if others else ""
    return (
        f"{metric} cannot be taken of {samples:,} samples, {reference:,} reference and "
        f"{held_out:,} held-out rows: {error}{advice}"
    )


def verify_known_score(
    settings: ScoreSettings, ranks: Ranks = ALONE
) -> Generator[Progress, None, InceptionScore | None]:
    """Score CIFAR-10's 50,000 training rows by the paper's network, whose score is known.

    Yields:
        `Progress` after every batch.

    Returns:
        The score, within `ANCHOR_TOLERANCE` of the known one: another resize moves it by 0.7 or
        more, the last bias by 0.3. None in all processes but rank 0.

    Raises:
        DataError: if weights, library or rows are missing or others, or the score is another.
    """
    try:
        extractor = find_extractor("inception", device=settings.device)
    except ValueError as error:
        raise DataError(f"weights cannot be verified: {error}") from None
    train = load("uoft-cs/cifar10").train
    if tuple(train.images.shape) != (50_000, 3, 32, 32):
        raise DataError(
            "weights are verified on CIFAR-10's 50,000 training rows, found "
            f"{tuple(train.images.shape)}"
        )
    images = ImageRows(train.images[:], "cifar10")
    extracted, _ = yield from _extract_all(images, "rows", extractor, settings, ranks)
    if not ranks.leads:
        return None
    found = inception_score(logits=extracted.logits, classifier=extractor.name)
    if abs(found.mean - ANCHOR) > ANCHOR_TOLERANCE:
        raise DataError(f"the score of these weights should be {ANCHOR}, found {found}")
    return found


def _extract_all(
    images: ImageSet, name: str, extractor: Extractor, settings: ScoreSettings, ranks: Ranks
) -> Generator[Progress, None, tuple[Extracted, ReadReport]]:
    """Extract features and logits of this process's batches, and gather all in rank 0."""
    if ranks.size > 1:
        facts = {"extractor": extractor.name, "batch size": str(settings.batch_size)}
        facts[f"hash of {name}"] = images.outline()
        ranks.require_same(facts, "start all with the same command and data")
    firsts = range(0, len(images), settings.batch_size)
    shard = ranks.shard(len(firsts))
    own = sum(min(settings.batch_size, len(images) - first) for first in firsts[shard])
    features, logits, done = [], [], 0
    for batch in images.batches(settings.batch_size, shard):
        ranks.report_progress(phase=f"features of {name}")
        ranks.check_peers()
        if extractor.grey and batch.shape[1] != 1:
            raise DataError(f"{name}: {_colour(batch, images, done)}")
        found = extract(extractor, batch.to(settings.device))
        features.append(found.features.cpu())
        logits.append(found.logits.cpu())
        done += len(batch)
        yield Progress(f"features of {name}", done, own, {})
    report = images.report(ranks)
    gathered = (ranks.gather_shards(rows, to_all=False) for rows in (features, logits))
    return Extracted(*gathered), report


def _colour(batch: Tensor, images: ImageSet, done: int) -> str:
    """Say that images are not grey, and the first that is not, after ``done`` others."""
    coloured = (batch != batch[:, :1]).flatten(1).any(dim=1).nonzero()
    which = f", such as {images.name(done + int(coloured[0]))}" if len(coloured) else ""
    return (
        f"this extractor takes grey images alone, here are images stored in colour{which}; "
        "store them in grey, or take another --extractor, such as inception"
    )


def _reading_notes(reports: list[ReadReport]) -> list[str]:
    notes = []
    for name, report in zip(("samples", "reference"), reports[:2], strict=True):
        if bad := report.unreadable:
            notes.append(f"{len(bad)} unreadable images among the {name}: {', '.join(bad[:5])}")
        if report.scaled:
            notes.append(
                f"{report.scaled:,} images of the {name} cut to squares and scaled, bilinearly"
            )
    return notes


def _notes(
    samples: Extracted, reference: Extracted, held_out: Extracted, settings: ScoreSettings
) -> list[str]:
    count, width = len(samples.features), samples.features.shape[1]
    notes = []
    if "fid" in settings.metrics:
        least = min(count, len(reference.features), len(held_out.features))
        if note := small_sample_note(count=least, width=width):
            notes.append(note)
    if len(held_out.features) < count:
        notes.append(
            f"the floor is of {len(held_out.features):,} rows, the samples are {count:,}: its "
            "Frechet distance is biased upwards more, its inception score downwards"
        )
    if "is" in settings.metrics:
        classes = samples.logits.shape[1]
        if count < 10 * classes * settings.splits:
            notes.append(
                f"{count:,} samples in {settings.splits} splits are few for {classes:,} classes: "
                "the inception score is biased downwards"
            )
        if not settings.shuffle and (note := _sorted_note(samples.logits, settings)):
            notes.append(note)
    return notes


def _sorted_note(logits: Tensor, settings: ScoreSettings) -> str | None:
    """Return a note if rows in their order score less than rows in another."""
    mixed = derive(settings.seed, "score order")
    given = inception_score(logits=logits, splits=settings.splits).mean
    other = inception_score(logits=logits, splits=settings.splits, shuffle=mixed).mean
    if given > 0.9 * other:
        return None
    return (
        f"samples are in an order that costs score: {given:.3f} as given, {other:.3f} mixed "
        "(--shuffle); files of a folder are taken by their names"
    )
