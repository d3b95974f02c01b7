"""What the tests of streaming metrics share: rows, metrics, and the exact figure of each."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from convergan.metrics import (
    different_bins,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall,
)
from convergan.metrics.streaming import (
    DifferentBins,
    FrechetDistance,
    InceptionScore,
    KernelDistance,
    PrecisionRecall,
)
from tests import oracles
from tests.oracles import chance

WIDTH = 6
REAL = 3 * oracles.draw(53, WIDTH) + 40
FAKE = 2 * oracles.draw(41, WIDTH, seed=1) + 41


class Kind(NamedTuple):
    """A metric: how it is made, and the figures that the exact function gives of all rows."""

    make: Callable[..., Any]
    exact: Callable[[Tensor, Tensor], list[float]]


KINDS = {
    "inception score": Kind(
        lambda **settings: InceptionScore(num_classes=WIDTH, splits=1, **settings),
        lambda real, fake: list(inception_score(logits=fake, splits=1)[:2]),
    ),
    "frechet distance": Kind(
        lambda **settings: FrechetDistance(num_features=WIDTH, **settings),
        lambda real, fake: [frechet_distance(real, fake)],
    ),
    "kernel distance": Kind(
        lambda **settings: KernelDistance(subsets=7, subset_size=9, seed=3, **settings),
        lambda real, fake: list(
            kernel_distance(real=real, fake=fake, subsets=7, subset_size=9, chance=chance(3))[:2]
        ),
    ),
    "precision and recall": Kind(
        lambda **settings: PrecisionRecall(neighbors=3, **settings),
        lambda real, fake: list(precision_recall(real=real, fake=fake, neighbors=3)[:4]),
    ),
    "different bins": Kind(
        lambda **settings: DifferentBins(bins=4, seed=2, **settings),
        lambda real, fake: [float(different_bins(real=real, fake=fake, bins=4, chance=chance(2)))],
    ),
}
TWO_SETS = [name for name in KINDS if name != "inception score"]


def add(metric: Any, real: Tensor, fake: Tensor, *, batch: int = 8) -> None:
    """Give a metric all rows in batches, those of a distance by their side."""
    if isinstance(metric, InceptionScore):
        for rows in torch.split(fake, batch):
            metric.update(rows)
        return
    for rows in torch.split(real, batch):
        metric.update(rows, real=True)
    for rows in torch.split(fake, batch):
        metric.update(rows, real=False)


def figures(metric: Any) -> list[float]:
    """What a metric computes, as numbers."""
    found = metric.compute()
    if isinstance(found, dict):
        found = list(found.values())
    parts = [found] if isinstance(found, Tensor) else list(found)
    assert all(part.dtype == torch.float64 and part.shape == () for part in parts)
    return [float(part) for part in parts]


def filled(name: str, **settings: Any) -> Any:
    """A metric that has all rows."""
    metric = KINDS[name].make(**settings)
    add(metric, REAL, FAKE)
    return metric


def same_states(a: Any, b: Any) -> bool:
    """Whether two metrics hold the same bits."""
    pairs = [(copy.copy(getattr(a, name)), getattr(b, name)) for name in a._defaults]
    return all(
        torch.equal(x, y)
        if isinstance(x, Tensor)
        else len(x) == len(y) and all(torch.equal(u, v) for u, v in zip(x, y, strict=True))
        for x, y in pairs
    )
