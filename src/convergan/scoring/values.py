"""The values of each metric, from features and logits of two sets of images."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.chance import derive
from ..core.devices import require_device
from ..metrics import (
    Extracted,
    FeatureMoments,
    bootstrap_interval,
    different_bins,
    frechet_distance,
    inception_score,
    kernel_distance,
    nearest_rows,
    precision_recall,
)

NEAREST = 10_000
"""Samples and held-out rows whose nearest reference row is looked for, at most."""
NEAR = 0.01
"""Share of the held-out rows that are nearer than what counts as near."""
NEIGHBORS = 5


class MetricValue(NamedTuple):
    """The value of one metric for one set.

    Attributes:
        name: of the metric.
        value: of the metric.
        spread: deviation over splits or subsets, or None where there are none.
        interval: of 95 % by the bootstrap, or None where that is not taken.
        definition: the value in one line, with all that it depends on.
    """

    name: str
    value: float
    spread: float | None
    interval: tuple[float, float] | None
    definition: str

    def __float__(self) -> float:
        """Return the value."""
        return float(self.value)


@dataclass(frozen=True, kw_only=True)
class ScoreSettings:
    """Which metrics are taken, and how.

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
        for name in self.metrics:
            if name not in METRICS:
                raise ValueError(f"no metric {name!r}; there are {', '.join(METRICS)}")
            if self.metrics.count(name) > 1:
                raise ValueError(f"metrics must be named once each, got {name} twice")
        for field, value in (("splits", self.splits), ("batch size", self.batch_size)):
            if value < 1:
                raise ValueError(f"{field} must be 1 or more, got {value}")
        require_device(self.device)


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
    share: MetricValue


def find_nearest(found: list[Extracted], name: str, settings: ScoreSettings) -> Nearest:
    """Find the reference rows nearest to samples and to held-out rows.

    Args:
        found: features of samples, reference and held-out rows.
        name: of the extractor.
        settings: the seed of the bootstrap, and the device.
    """
    samples, rows, held_out = (part.features.to(settings.device) for part in found)
    distances, indices = (part.cpu() for part in nearest_rows(queries=samples[:NEAREST], rows=rows))
    floor = nearest_rows(queries=held_out[:NEAREST], rows=rows)[0].cpu()
    near = floor.quantile(NEAR)
    closer = (distances < near).double()
    chance = derive(settings.seed, "score bootstrap", 1)
    interval = bootstrap_interval(lambda i: float(closer[i].mean()), len(closer), chance=chance)
    definition = (
        f"share of the first {len(closer):,} samples nearer to a reference row than {1 - NEAR:.0%} "
        f"of {len(floor):,} held-out rows, {float(near):.4g}, Euclidean, extractor {name}"
    )
    share = MetricValue(
        "nearer than 99 % of real", float(closer.mean()), None, interval, definition
    )
    return Nearest(distances, indices, floor, share)


def _inception(
    judged: Extracted, _: Extracted, name: str, settings: ScoreSettings
) -> list[MetricValue]:
    shuffle = derive(settings.seed, "score order") if settings.shuffle else None
    found = inception_score(
        logits=judged.logits, splits=settings.splits, shuffle=shuffle, classifier=name
    )
    probabilities = judged.logits.double().softmax(dim=1).float()
    certainty = torch.xlogy(probabilities, probabilities).sum(dim=1).double()  # (N,)

    def one_split(rows: Tensor) -> float:
        times = rows.bincount(minlength=len(certainty)).double() / len(rows)
        marginal = (times.float() @ probabilities).double()
        return float((times @ certainty - torch.xlogy(marginal, marginal).sum()).exp())

    chance = derive(settings.seed, "score bootstrap", 0)
    interval = bootstrap_interval(one_split, len(certainty), chance=chance)
    definition = f"{found}; the interval is of the score in one split"
    return [MetricValue("inception score", found.mean, found.std, interval, definition)]


def _frechet(
    judged: Extracted, reference: Extracted, name: str, settings: ScoreSettings
) -> list[MetricValue]:
    moments = [FeatureMoments(judged.features.shape[1], device=settings.device) for _ in range(2)]
    for held, found in zip(moments, (judged, reference), strict=True):
        for rows in torch.split(found.features, 10_000):
            held.update(rows.to(settings.device))
    distance = frechet_distance(*moments)
    definition = (
        f"Frechet distance {distance:.4f}: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), "
        f"{moments[0].count:,} against {moments[1].count:,} rows, extractor {name}"
    )
    return [MetricValue("Frechet distance", distance, None, None, definition)]


def _kernel(
    judged: Extracted, reference: Extracted, name: str, settings: ScoreSettings
) -> list[MetricValue]:
    size = min(1000, len(judged.features), len(reference.features))
    chance = derive(settings.seed, "score subsets")
    found = kernel_distance(  # either way round; the first is drawn first, and that was the samples
        real=judged.features, fake=reference.features, subset_size=size, chance=chance
    )
    definition = f"{found}, extractor {name}"
    return [MetricValue("kernel distance", found.mean, found.std, None, definition)]


def _shares(
    judged: Extracted, reference: Extracted, name: str, settings: ScoreSettings
) -> list[MetricValue]:
    found = precision_recall(
        real=reference.features.to(settings.device),
        fake=judged.features.to(settings.device),
        neighbors=NEIGHBORS,
    )
    definition = f"{found}, extractor {name}"
    values = zip(("precision", "recall", "density", "coverage"), found[:4], strict=True)
    return [MetricValue(shown, value, None, None, definition) for shown, value in values]


def _bins(
    judged: Extracted, reference: Extracted, name: str, settings: ScoreSettings
) -> list[MetricValue]:
    bins = max(2, min(100, len(reference.features) // 10))
    found = different_bins(
        real=reference.features,
        fake=judged.features,
        bins=bins,
        chance=derive(settings.seed, "score bins"),
    )
    definition = f"{found}, extractor {name}"
    return [MetricValue(f"different bins of {bins}", found.different, None, None, definition)]


METRICS: dict[str, Callable[[Extracted, Extracted, str, ScoreSettings], list[MetricValue]]] = {
    "is": _inception,
    "fid": _frechet,
    "kid": _kernel,
    "prdc": _shares,
    "ndb": _bins,
}
"""By their names: values of one set against the reference, given the extractor's name."""
