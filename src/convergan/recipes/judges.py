"""What a recipe may judge its samples by: samples and the data set in, figures by name out."""

import torch
from torch import Tensor

from ..data import MIXTURES, TOY_STD, Dataset
from ..metrics import (
    ModeCoverage,
    class_coverage,
    classify,
    inception_score,
    load_classifier,
    mode_coverage,
    stacked_coverage,
)

CLASSIFIERS = {
    "ylecun/mnist": "mnist",
    "zalando-datasets/fashion_mnist": "fashion_mnist",
    "uoft-cs/cifar10": "cifar10",
}
"""The packaged classifier of a source."""
NEIGHBORS = 1000
"""Samples among which the nearest is looked for."""


def mixture_modes(samples: Tensor, dataset: Dataset) -> dict[str, float]:
    """Count the Gaussians of ``ring`` or ``grid`` that samples find.

    Args:
        samples: (N, 2).
        dataset: named after its mixture.

    Raises:
        ValueError: if ``dataset`` is another.
    """
    if dataset.source not in MIXTURES:
        known = " or ".join(MIXTURES)
        raise ValueError(f"modes are counted on {known}, got --data {dataset.source}")
    centres = MIXTURES[dataset.source]
    return _figures(mode_coverage(samples=samples, centres=centres, std=TOY_STD))


def stacked_modes(samples: Tensor, dataset: Dataset) -> dict[str, float]:
    """Count the thousand classes of Stacked MNIST that samples find.

    Args:
        samples: (N, 3, 28, 28); values outside [0, 1] are clipped.
        dataset: ``stacked-mnist``, whose digits are as frequent as in its first channel.

    Raises:
        ValueError: if ``dataset`` is another.
    """
    if dataset.source != "stacked-mnist":
        raise ValueError(f"modes are counted on stacked-mnist, got --data {dataset.source}")
    shares = _shares(dataset.train.labels // 100, 10)
    network = load_classifier("mnist")
    return _figures(stacked_coverage(network, samples.clamp(0, 1), shares))


def class_figures(samples: Tensor, dataset: Dataset) -> dict[str, float]:
    """Judge samples by the packaged classifier of the data.

    Args:
        samples: (N, *row shape); values outside [0, 1] are clipped.
        dataset: MNIST, Fashion-MNIST or CIFAR-10, by their names on the hub.

    Returns:
        ``inception_score`` by that classifier, ``inception_score_std`` over ten splits; ``kl`` in
        nats of the samples' classes from the data's; ``nearest``, the mean distance of a sample to
        the nearest of a thousand, which falls where samples are alike within their class.

    Raises:
        ValueError: if there is no classifier of ``dataset``.
    """
    if dataset.source not in CLASSIFIERS:
        known = ", ".join(CLASSIFIERS)
        raise ValueError(f"there are classifiers of {known}, got --data {dataset.source}")
    images = samples.clamp(0, 1)
    probabilities = classify(load_classifier(CLASSIFIERS[dataset.source]), images)
    score = inception_score(probabilities=probabilities)
    shares = _shares(dataset.train.labels, len(dataset.classes))
    coverage = class_coverage(probabilities.argmax(dim=1), shares)
    some = images[:NEIGHBORS].flatten(1)
    exact = "donot_use_mm_for_euclid_dist"  # copies are at distance 0
    distances = torch.cdist(some, some, compute_mode=exact).fill_diagonal_(torch.inf)
    return {
        "inception_score": score.mean,
        "inception_score_std": score.std,
        "kl": coverage.kl,
        "nearest": distances.min(dim=1).values.mean().item(),
    }


def _shares(labels: Tensor, num_classes: int) -> Tensor:
    known = labels[labels >= 0]
    return torch.bincount(known, minlength=num_classes).double() / len(known)


def _figures(coverage: ModeCoverage) -> dict[str, float]:
    return {n: float(v) for n, v in coverage._asdict().items() if v is not None}
