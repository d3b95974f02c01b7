from collections.abc import Callable

import pytest
import torch
from torchmetrics.image.kid import KernelInceptionDistance

from convergan.metrics import precision_recall
from convergan.metrics.streaming import DifferentBins, KernelDistance, PrecisionRecall
from tests.metrics.streaming.loops import FAKE, REAL, add
from tests.metrics.streaming.networks import SmallNetwork, images


@pytest.mark.filterwarnings("ignore:Metric .* will save all extracted features")
def test_kernel_distance_by_a_network_is_torchmetrics_of_the_same_seed() -> None:
    network = SmallNetwork().eval().double()
    theirs = KernelInceptionDistance(network, subsets=5, subset_size=20)
    ours = KernelDistance(network, subsets=5, subset_size=20, seed=7)
    for metric in (theirs, ours):
        for rows, real in ((images(60, seed=2), True), (images(50, seed=3) // 2, False)):
            for part in torch.split(rows, 25):
                metric.update(part, real=real)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        mean, std = theirs.compute()
    found = ours.compute()
    assert float(found.mean) == pytest.approx(float(mean), rel=1e-9)
    assert float(found.std) == pytest.approx(float(std), rel=1e-9)


def test_the_same_seed_gives_the_same_figure_and_another_another() -> None:
    figures = []
    for seed in (0, 0, 1):
        metric = KernelDistance(subsets=3, subset_size=10, seed=seed)
        add(metric, REAL, FAKE)
        figures.append(float(metric.compute()))
    assert figures[0] == figures[1] != figures[2]


def test_sides_are_not_taken_for_each_other() -> None:
    metric = PrecisionRecall(neighbors=3)
    add(metric, REAL, FAKE)
    expected = precision_recall(real=REAL, fake=FAKE, neighbors=3)
    found = metric.compute()
    assert list(found) == ["precision", "recall", "density", "coverage"]
    assert [float(value) for value in found.values()] == list(expected[:4])
    assert expected.precision != expected.recall


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: KernelDistance(subsets=0), "^subsets must be 1 or more, got 0$"),
        (lambda: KernelDistance(subset_size=1), "^subset_size must be 2 or more, got 1$"),
        (lambda: PrecisionRecall(neighbors=0), "^neighbors must be 1 or more, got 0$"),
        (lambda: DifferentBins(bins=1), "^bins must be 2 or more, got 1$"),
    ],
)
def test_numbers_are_checked_before_rows_come(make: Callable[[], object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        make()


def test_too_few_rows_are_told() -> None:
    metrics = [KernelDistance(), PrecisionRecall(neighbors=41), DifferentBins(bins=54)]
    reasons = ["^subsets of 1000 rows need as many, got 53 and 41$", "^neighbors .* got 41$"]
    for metric, reason in zip(metrics, [*reasons, "^bins must be .* got 54$"], strict=True):
        add(metric, REAL, FAKE)
        with pytest.raises(ValueError, match=reason):
            metric.compute()
