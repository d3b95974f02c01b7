"""Scores of a set of images against real ones, by one extractor, in one pass over the images.

Features and logits are taken once and kept, N x (D + K) numbers of float32, and all figures are
taken of them. The same figures of real images that are not in the reference are the floor: what a
generator that has learned the data, and nothing by heart, would get.

Of several processes each takes features of its share of the batches, and rank 0 the figures of all.
A batch has the same rows in any number of them, so the figures are the same to the bit.

Salimans et al. (2016), section 4. Paper and released code: the paper has the inception score alone,
of 50,000 samples.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..collective import ALONE, Ranks
from ..core.chance import derive
from ..core.progress import Progress
from ..data import DataError, ImageRows, ImageSet, load
from ..metrics import (
    Extracted,
    Extractor,
    FeatureMoments,
    InceptionScore,
    bootstrap_interval,
    different_bins,
    extract,
    find_extractor,
    frechet_distance,
    inception_score,
    kernel_distance,
    nearest_rows,
    precision_recall,
    small_sample_note,
)
from ..metrics.inception import ANCHOR
from .sources import Sets

NEAREST = 10_000
"""Samples and held-out rows whose nearest reference row is looked for, at most."""
NEAR = 0.01
"""Share of the held-out rows that are nearer than what counts as near."""
NEIGHBORS = 5
ANCHOR_TOLERANCE = 0.05


class Figure(NamedTuple):
    """One figure of one set.

    Attributes:
        name: what it is.
        value: of it.
        spread: deviation over splits or subsets, or None where there are none.
        interval: of 95 % by the bootstrap, or None where that is not taken.
        definition: the figure in one line, with all that it depends on.
    """

    name: str
    value: float
    spread: float | None
    interval: tuple[float, float] | None
    definition: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is asked for.

    Attributes:
        metrics: of `METRICS`, in the order in which they are shown.
        splits: of the inception score.
        shuffle: mix the samples before they are split; otherwise they are taken in their order.
        seed: decides subsets, bins and bootstrap.
        batch_size: images at a time.
        device: where features are taken and compared.

    Raises:
        ValueError: if a metric is unknown or named twice, a number is below 1, or the device is not
            there.
    """

    metrics: tuple[str, ...] = ("is", "fid", "kid", "prdc", "ndb")
    splits: int = 10
    shuffle: bool = False
    seed: int = 0
    batch_size: int = 100
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse what cannot be scored."""
        for name in self.metrics:
            if name not in METRICS:
                raise ValueError(f"no metric {name!r}; there are {', '.join(METRICS)}")
            if self.metrics.count(name) > 1:
                raise ValueError(f"metrics must be named once each, got {name} twice")
        for field, value in (("splits", self.splits), ("batch size", self.batch_size)):
            if value < 1:
                raise ValueError(f"{field} must be 1 or more, got {value}")
        if self.device not in ("cpu", "cuda"):
            raise ValueError(f"device must be auto, cpu or cuda, got {self.device!r}")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("device cuda was asked for, but there is none; use cpu or auto")


class Nearest(NamedTuple):
    """Are samples copies? Distances in features to the nearest reference row.

    Attributes:
        distances: (n,) of the first samples.
        rows: (n,) the reference row of each.
        floor: (m,) of held-out rows.
        share: of samples nearer than 99 % of the held-out rows are; 1 % where they are as far.
    """

    distances: Tensor
    rows: Tensor
    floor: Tensor
    share: Figure


class Scores(NamedTuple):
    """What `judge` finds.

    Attributes:
        figures: of the samples.
        floor: of the held-out rows, the same figures in the same order.
        nearest: whether samples are copies.
        reference_rows: how many there were.
        samples: their features and logits.
        held_out: likewise.
        notes: what to know before comparing these figures.
        seconds: of each pass over images and of the figures.
    """

    figures: list[Figure]
    floor: list[Figure]
    nearest: Nearest
    reference_rows: int
    samples: Extracted
    held_out: Extracted
    notes: list[str]
    seconds: dict[str, float]


def judge(
    sets: Sets, extractor: Extractor, plan: Plan, ranks: Ranks = ALONE
) -> Generator[Progress, None, Scores | None]:
    """Take features and logits of all images, and figures of these.

    Args:
        sets: samples, reference and what is held out.
        extractor: of a network on ``plan.device``.
        plan: what is asked for.
        ranks: processes who share the batches; all call this with the same.

    Yields:
        `Progress` after every batch and every metric.

    Returns:
        `Scores`, on the CPU; None in all processes but rank 0.

    Raises:
        ValueError: if there are fewer samples than splits, the network gives features that are not
            finite, or there are too few rows for a metric.
        DataError: if too many images cannot be read.
    """
    if len(sets.samples) < plan.splits:
        raise ValueError(
            f"splits must be from 1 to the {len(sets.samples)} samples, got {plan.splits}"
        )
    seconds: dict[str, float] = {}
    found: list[Extracted] = []
    for name, images in (
        ("samples", sets.samples),
        ("reference", sets.reference),
        ("held-out rows", sets.held_out),
    ):
        started = time.perf_counter()
        found.append((yield from _see(images, name, extractor, plan, ranks)))
        seconds[name] = time.perf_counter() - started
    if not ranks.leads:
        return None
    started = time.perf_counter()
    samples, reference, held_out = found
    figures: list[list[Figure]] = [[], []]
    for step, metric in enumerate(plan.metrics):
        yield Progress("figures", step, len(plan.metrics) + 1, {})
        for place, judged in zip(figures, (samples, held_out), strict=True):
            place += METRICS[metric](judged, reference, extractor.name, plan)
    nearest = _nearest(found, extractor.name, plan)
    yield Progress("figures", len(plan.metrics) + 1, len(plan.metrics) + 1, {})
    seconds["figures"] = time.perf_counter() - started
    notes = [*_remarks(sets), *_notes(samples, reference, held_out, plan)]
    return Scores(
        figures=figures[0],
        floor=figures[1],
        nearest=nearest,
        reference_rows=len(reference.features),
        samples=samples,
        held_out=held_out,
        notes=notes,
        seconds=seconds,
    )


def verify(plan: Plan, ranks: Ranks = ALONE) -> Generator[Progress, None, InceptionScore | None]:
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
        extractor = find_extractor("inception", device=plan.device)
    except ValueError as error:
        raise DataError(f"weights cannot be verified: {error}") from None
    train = load("uoft-cs/cifar10").train
    if tuple(train.images.shape) != (50_000, 3, 32, 32):
        raise DataError(
            "weights are verified on CIFAR-10's 50,000 training rows, found "
            f"{tuple(train.images.shape)}"
        )
    images = ImageRows(train.images[:], "cifar10")
    seen = yield from _see(images, "rows", extractor, plan, ranks)
    if not ranks.leads:
        return None
    found = inception_score(logits=seen.logits, classifier=extractor.name)
    if abs(found.mean - ANCHOR) > ANCHOR_TOLERANCE:
        raise DataError(f"the score of these weights should be {ANCHOR}, found {found}")
    return found


def _see(
    images: ImageSet, name: str, extractor: Extractor, plan: Plan, ranks: Ranks
) -> Generator[Progress, None, Extracted]:
    """Take features and logits of own batches, and bring those of all to rank 0."""
    if ranks.size > 1:
        facts = {"extractor": extractor.name, "batch size": str(plan.batch_size)}
        facts[f"hash of {name}"] = images.outline()
        ranks.require_same(facts, "start all with the same command and data")
    firsts = range(0, len(images), plan.batch_size)
    turns = ranks.shard(len(firsts))
    own = sum(min(plan.batch_size, len(images) - first) for first in firsts[turns])
    features, logits, seen = [], [], 0
    for batch in images.batches(plan.batch_size, turns):
        ranks.report_progress(phase=f"features of {name}")
        ranks.check_peers()
        found = extract(extractor, batch.to(plan.device))
        features.append(found.features.cpu())
        logits.append(found.logits.cpu())
        seen += len(batch)
        yield Progress(f"features of {name}", seen, own, {})
    images.merge(ranks)
    return Extracted(*(ranks.gather_shards(rows, to_all=False) for rows in (features, logits)))


def _inception(judged: Extracted, _: Extracted, name: str, plan: Plan) -> list[Figure]:
    shuffle = derive(plan.seed, "score order") if plan.shuffle else None
    found = inception_score(
        logits=judged.logits, splits=plan.splits, shuffle=shuffle, classifier=name
    )
    probabilities = judged.logits.double().softmax(dim=1).float()
    certainty = torch.xlogy(probabilities, probabilities).sum(dim=1).double()  # (N,)

    def one_split(rows: Tensor) -> float:
        times = rows.bincount(minlength=len(certainty)).double() / len(rows)
        marginal = (times.float() @ probabilities).double()
        return float((times @ certainty - torch.xlogy(marginal, marginal).sum()).exp())

    chance = derive(plan.seed, "score bootstrap", 0)
    interval = bootstrap_interval(one_split, len(certainty), chance=chance)
    definition = f"{found}; the interval is of the score in one split"
    return [Figure("inception score", found.mean, found.std, interval, definition)]


def _frechet(judged: Extracted, reference: Extracted, name: str, plan: Plan) -> list[Figure]:
    moments = [FeatureMoments(judged.features.shape[1], device=plan.device) for _ in range(2)]
    for held, found in zip(moments, (judged, reference), strict=True):
        for rows in torch.split(found.features, 10_000):
            held.update(rows.to(plan.device))
    distance = frechet_distance(*moments)
    definition = (
        f"Frechet distance {distance:.4f}: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), "
        f"{moments[0].count:,} against {moments[1].count:,} rows, extractor {name}"
    )
    return [Figure("Frechet distance", distance, None, None, definition)]


def _kernel(judged: Extracted, reference: Extracted, name: str, plan: Plan) -> list[Figure]:
    size = min(1000, len(judged.features), len(reference.features))
    chance = derive(plan.seed, "score subsets")
    found = kernel_distance(judged.features, reference.features, subset_size=size, chance=chance)
    definition = f"{found}, extractor {name}"
    return [Figure("kernel distance", found.mean, found.std, None, definition)]


def _shares(judged: Extracted, reference: Extracted, name: str, plan: Plan) -> list[Figure]:
    found = precision_recall(
        reference.features.to(plan.device), judged.features.to(plan.device), neighbors=NEIGHBORS
    )
    definition = f"{found}, extractor {name}"
    values = zip(("precision", "recall", "density", "coverage"), found[:4], strict=True)
    return [Figure(shown, value, None, None, definition) for shown, value in values]


def _bins(judged: Extracted, reference: Extracted, name: str, plan: Plan) -> list[Figure]:
    bins = max(2, min(100, len(reference.features) // 10))
    found = different_bins(
        reference.features, judged.features, bins=bins, chance=derive(plan.seed, "score bins")
    )
    definition = f"{found}, extractor {name}"
    return [Figure(f"different bins of {bins}", found.different, None, None, definition)]


METRICS: dict[str, Callable[[Extracted, Extracted, str, Plan], list[Figure]]] = {
    "is": _inception,
    "fid": _frechet,
    "kid": _kernel,
    "prdc": _shares,
    "ndb": _bins,
}
"""What can be asked for: figures of one set against the reference."""


def _nearest(found: list[Extracted], name: str, plan: Plan) -> Nearest:
    samples, rows, held_out = (some.features.to(plan.device) for some in found)
    distances, indices = (part.cpu() for part in nearest_rows(samples[:NEAREST], rows))
    floor = nearest_rows(held_out[:NEAREST], rows)[0].cpu()
    near = floor.quantile(NEAR)
    closer = (distances < near).double()
    chance = derive(plan.seed, "score bootstrap", 1)
    interval = bootstrap_interval(lambda i: float(closer[i].mean()), len(closer), chance=chance)
    definition = (
        f"share of the first {len(closer):,} samples nearer to a reference row than {1 - NEAR:.0%} "
        f"of {len(floor):,} held-out rows, {float(near):.4g}, Euclidean, extractor {name}"
    )
    share = Figure("nearer than 99 % of real", float(closer.mean()), None, interval, definition)
    return Nearest(distances, indices, floor, share)


def _remarks(sets: Sets) -> list[str]:
    """Return what was met in reading images."""
    notes = []
    for name, images in (("samples", sets.samples), ("reference", sets.reference)):
        found = images.remarks()
        if bad := found.get("unreadable"):
            assert isinstance(bad, list), "a list of names"
            notes.append(f"{len(bad)} unreadable images among the {name}: {', '.join(bad[:5])}")
        if scaled := found.get("scaled"):
            notes.append(f"{scaled:,} images of the {name} cut to squares and scaled, bilinearly")
    return notes


def _notes(samples: Extracted, reference: Extracted, held_out: Extracted, plan: Plan) -> list[str]:
    """Return what to know before figures are compared."""
    count, width = len(samples.features), samples.features.shape[1]
    notes = []
    if "fid" in plan.metrics:
        least = min(count, len(reference.features), len(held_out.features))
        if note := small_sample_note(least, width):
            notes.append(note)
    if len(held_out.features) < count:
        notes.append(
            f"the floor is of {len(held_out.features):,} rows, the samples are {count:,}: its "
            "Frechet distance is biased upwards more, its inception score downwards"
        )
    if "is" in plan.metrics:
        classes = samples.logits.shape[1]
        if count < 10 * classes * plan.splits:
            notes.append(
                f"{count:,} samples in {plan.splits} splits are few for {classes:,} classes: the "
                "inception score is biased downwards"
            )
        if not plan.shuffle and (note := _sorted_note(samples.logits, plan)):
            notes.append(note)
    return notes


def _sorted_note(logits: Tensor, plan: Plan) -> str | None:
    """Return a note if rows in their order score less than rows in another."""
    mixed = derive(plan.seed, "score order")
    given = inception_score(logits=logits, splits=plan.splits).mean
    other = inception_score(logits=logits, splits=plan.splits, shuffle=mixed).mean
    if given > 0.9 * other:
        return None
    return (
        f"samples are in an order that costs score: {given:.3f} as given, {other:.3f} mixed "
        "(--shuffle); files of a folder are taken by their names"
    )
