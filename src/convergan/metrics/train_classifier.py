"""Training of the small classifiers that judge generators, see `convergan.metrics.classifier`.

Cross-entropy on every labelled training image, moved at random by up to a pixel, with Adam at a
rate that falls along a line to 0. Nothing is chosen on the test rows: they are read once, at the
end. All chance comes from the seed, so on one machine the same seed and number of threads give the
same bits.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from ..core.chance import derive
from ..data import DataError, Dataset, Rows, to_unit_range
from .classifier import CLASSES, WIDTHS, ImageClassifier, classify

BATCH_SIZE = 100
RATE = 3e-3
"""Adam's rate at the first step."""
REACH = 1
"""Pixels that an image may be moved along each axis."""
REPORT_EVERY = 100


class TrainingProgress(NamedTuple):
    """How far the training of a classifier is.

    Attributes:
        loss: cross-entropy of the newest batch, in nats.
        test_accuracy: fraction of test rows that are right; None before the last step.
    """

    step: int
    steps: int
    loss: float
    network: ImageClassifier
    test_accuracy: float | None


def train_classifier(dataset: Dataset, *, seed: int, epochs: int) -> Iterator[TrainingProgress]:
    """Train a classifier and yield every hundredth step; the last one has its test accuracy.

    Args:
        dataset: of 28x28 grey or 32x32 colour images in ten classes, with test rows; rows without a
            label are left out.
        seed: decides weights, order and movements, not negative.
        epochs: how often each row is seen, 1 or more.

    Raises:
        DataError: if the data set is another.
        ValueError: if seed or epochs are out of range.
    """
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    train = _labeled_rows(dataset)
    per_epoch = len(train.labels) // BATCH_SIZE
    steps = epochs * per_epoch
    network = ImageClassifier(dataset.row_shape, derive(seed, "classifier weights"))
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for epoch in range(epochs):
        chance = derive(seed, "classifier rows", epoch)
        order = torch.randperm(len(train.labels), generator=chance)
        for position in range(per_epoch):
            rows = order[position * BATCH_SIZE : (position + 1) * BATCH_SIZE]
            images = move(to_unit_range(train.images[rows]), reach=REACH, chance=chance)
            loss = cross_entropy(network(images), train.labels[rows])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            step = epoch * per_epoch + position + 1
            if step == steps:
                accuracy = measure_accuracy(network, dataset.test)
                yield TrainingProgress(step, steps, loss.item(), network, accuracy)
            elif step % REPORT_EVERY == 0:
                yield TrainingProgress(step, steps, loss.item(), network, None)


def move(images: Tensor, *, reach: int, chance: torch.Generator) -> Tensor:
    """Move each image by whole pixels, from -reach to reach along each axis; black comes in.

    Args:
        images: (N, C, H, W).
        reach: the most pixels; 0 leaves images where they are.
        chance: draws two numbers for each image.

    Returns:
        (N, C, H, W).

    Example:
        >>> moved = move(torch.ones(5, 1, 4, 4), reach=1, chance=torch.Generator().manual_seed(0))
        >>> sorted(set(moved.sum(dim=(1, 2, 3)).tolist())) <= [9.0, 12.0, 16.0]
        True
    """
    count, _, height, width = images.shape
    down, across = torch.randint(2 * reach + 1, (2, count), generator=chance)
    windows = pad(images, (reach,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(count), :, down, across]  # of (N, C, 2r + 1, 2r + 1, H, W)


def measure_accuracy(network: ImageClassifier, rows: Rows) -> float:
    """Return the fraction of rows whose most probable class is their label.

    Args:
        network: to measure.
        rows: labelled images in bytes.
    """
    predicted = classify(network, to_unit_range(rows.images[:])).argmax(dim=1)
    return float(predicted.eq(rows.labels).double().mean())


def _labeled_rows(dataset: Dataset) -> Rows:
    if dataset.row_shape not in WIDTHS or len(dataset.classes) != CLASSES:
        raise DataError(
            f"a classifier is trained on (1, 28, 28) or (3, 32, 32) images in 10 classes, "
            f"{dataset.source} has "
            f"{dataset.row_shape} rows in {len(dataset.classes)}"
        )
    if not len(dataset.test.labels):
        raise DataError(f"{dataset.source} has no test rows to measure a classifier on")
    known = dataset.train.labels >= 0
    if int(known.sum()) < BATCH_SIZE:
        raise DataError(
            f"a classifier needs {BATCH_SIZE} labelled rows or more, {dataset.source} has "
            f"{int(known.sum())}"
        )
    return Rows(dataset.train.images[known], dataset.train.labels[known])
