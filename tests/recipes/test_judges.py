import math
from dataclasses import replace

import pytest
import torch
from pytest import approx
from torch import Tensor

from convergan.data import Dataset, load
from convergan.data.sources import Rows
from convergan.metrics import classify, load_classifier
from convergan.recipes.judges import NEIGHBORS, class_figures, mixture_modes, stacked_modes
from tests import oracles
from tests.oracles import draw

DIGITS = torch.tensor([0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
"""Labels among which 0 is three times as frequent as any other."""


def dataset(source: str, labels: Tensor, classes: int, shape: tuple[int, ...]) -> Dataset:
    """Return rows of which a judge only looks at the labels."""
    rows = Rows(torch.zeros(len(labels), *shape, dtype=torch.uint8), labels)
    return Dataset(source, tuple(f"{n}" for n in range(classes)), rows, rows)


def mnist(labels: Tensor = DIGITS) -> Dataset:
    return dataset("ylecun/mnist", labels, 10, (1, 28, 28))


def stacked(labels: Tensor = 100 * DIGITS) -> Dataset:
    return dataset("stacked-mnist", labels, 1000, (3, 28, 28))


def blots(count: int, channels: int = 1, seed: int = 0) -> Tensor:
    """Images in [0, 1], of which each pixel is mostly dark and some channels are black."""
    return (draw(count, channels, 28, 28, seed=seed).float() - 1).clamp(0, 1)


def divergence(classes: list[int], shares: dict[int, float]) -> float:
    found = [classes.count(c) / len(classes) for c in sorted(set(classes))]
    known = [shares[c] for c in sorted(set(classes))]
    return sum(p * math.log(p / q) for p, q in zip(found, known, strict=True))


def shares_of(labels: Tensor) -> dict[int, float]:
    return {c: labels.tolist().count(c) / len(labels) for c in set(labels.tolist())}


# --- points --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_modes_of_a_mixture_are_counted_as_by_the_slow_loop(name: str) -> None:
    data = load(name)
    samples = data.test.images[:60] + 0.05 * draw(60, 2).float()
    centres = torch.stack(
        [data.train.images[data.train.labels == m].mean(dim=0) for m in range(len(data.classes))]
    )
    found, quality, kl = oracles.mode_coverage(
        samples.double().numpy(), centres.round(decimals=2).double().numpy(), 0.05
    )
    figures = mixture_modes(samples, data)
    assert figures["found"] == found and figures["modes"] == len(data.classes)
    assert figures["kl"] == approx(kl, abs=1e-9)
    assert figures["high_quality"] == approx(quality, abs=2 / 60)  # centres are means here


def test_real_points_find_every_mode_and_one_point_one() -> None:
    data = load("ring")
    figures = mixture_modes(data.test.images[:2500], data)
    assert figures["found"] == 8 and figures["kl"] < 0.01 and figures["high_quality"] > 0.98
    figures = mixture_modes(data.test.images[:1].expand(100, 2), data)
    assert figures["found"] <= 1 and figures["kl"] == approx(math.log(8))


def test_modes_of_other_points_are_not_counted() -> None:
    points = replace(load("ring"), source="mine.npz")
    with pytest.raises(ValueError, match="counted on ring or grid, got --data mine.npz"):
        mixture_modes(torch.zeros(3, 2), points)


# --- Stacked MNIST -------------------------------------------------------------------------------


def test_stacked_modes_are_the_digits_that_the_classifier_sees_in_the_three_channels() -> None:
    images, network = blots(40, 3), load_classifier("mnist")
    seen = [classify(network, images[:, [c]]).argmax(dim=1).tolist() for c in range(3)]
    classes = [100 * a + 10 * b + c for a, b, c in zip(*seen, strict=True)]
    single = shares_of(DIGITS)
    shares = {
        abc: single[abc // 100] * single[abc // 10 % 10] * single[abc % 10] for abc in classes
    }
    figures = stacked_modes(images, stacked())
    assert figures == {
        "found": len(set(classes)),
        "modes": 1000,
        "kl": approx(divergence(classes, shares), rel=1e-9),
    }


def test_shares_of_stacked_digits_are_those_of_the_first_channel() -> None:
    images = blots(40, 3)
    assert stacked_modes(images, stacked(100 * DIGITS + 57)) == stacked_modes(images, stacked())
    even = stacked(100 * torch.arange(10))
    assert stacked_modes(images, even)["kl"] != stacked_modes(images, stacked())["kl"]


@pytest.mark.parametrize("source", ["ylecun/mnist", "ILSVRC/imagenet-1k"])
def test_stacked_modes_of_other_data_are_not_counted(source: str) -> None:
    classes = 1000 if "imagenet" in source else 10
    other = dataset(source, torch.arange(classes), classes, (3, 28, 28))
    with pytest.raises(ValueError, match=f"counted on stacked-mnist, got --data {source}"):
        stacked_modes(blots(4, 3), other)


# --- by a classifier of the data -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "classifier"),
    [("ylecun/mnist", "mnist"), ("zalando-datasets/fashion_mnist", "fashion_mnist")],
)
def test_figures_of_classes_are_those_of_the_formulas(source: str, classifier: str) -> None:
    images, data = blots(50), dataset(source, DIGITS, 10, (1, 28, 28))
    probabilities = classify(load_classifier(classifier), images)
    mean, std = oracles.inception_score(probabilities.numpy(), 10)
    rows = images.flatten(1).tolist()
    nearest = [
        min(math.dist(row, other) for k, other in enumerate(rows) if k != n)
        for n, row in enumerate(rows)
    ]
    classes = probabilities.argmax(dim=1).tolist()
    assert class_figures(images, data) == {
        "inception_score": approx(mean, rel=1e-9),
        "inception_score_std": approx(std, rel=1e-6),
        "kl": approx(divergence(classes, shares_of(DIGITS)), rel=1e-9, abs=1e-12),
        "nearest": approx(oracles.mean(nearest), rel=1e-4),
    }


def test_samples_that_repeat_themselves_have_a_neighbor_at_distance_zero() -> None:
    once = blots(20)
    figures = class_figures(torch.cat([once, once]), mnist())
    assert figures["nearest"] == approx(0, abs=0.05)
    assert class_figures(once, mnist())["nearest"] > 1


@pytest.mark.slow
def test_the_nearest_is_looked_for_among_a_thousand() -> None:
    assert NEIGHBORS == 1000
    lighter = torch.linspace(0, 0.5, 1000).view(-1, 1, 1, 1)
    images = blots(10).repeat_interleave(100, dim=0) + lighter
    doubled = torch.cat([images, images])
    first, both = (class_figures(rows, mnist())["nearest"] for rows in (images, doubled))
    assert both == first > 0


def test_rows_without_a_label_have_no_share_in_the_classes() -> None:
    images = blots(20)
    some = torch.cat([DIGITS, torch.full((30,), -1)])
    assert class_figures(images, mnist(some)) == class_figures(images, mnist())


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_outside_the_unit_interval_are_clipped(channels: int) -> None:
    images = 3 * draw(20, channels, 28, 28).float()
    judge, data = ((class_figures, mnist()), (stacked_modes, stacked()))[channels == 3]
    assert judge(images, data) == judge(images.clamp(0, 1), data)


@pytest.mark.parametrize("source", ["uoft-cs/cifar100", "digits"])
def test_data_without_a_classifier_are_refused_naming_those_with_one(source: str) -> None:
    other = dataset(source, DIGITS, 10, (1, 28, 28))
    known = "ylecun/mnist, zalando-datasets/fashion_mnist, uoft-cs/cifar10"
    with pytest.raises(ValueError, match=f"classifiers of {known}, got --data {source}"):
        class_figures(blots(20), other)
