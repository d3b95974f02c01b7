"""A folder to try fit, predict and label with: scikit-learn's digits as PNG files of many sizes."""

from pathlib import Path

import numpy as np
from PIL import Image

from ..core.chance import derive
from ..data import Dataset, load
from ..data.dataset import Rows

LABELED_OF_EACH = 5
SMALLEST, LARGEST = 20, 120
"""Sides in pixels."""


def write_example(folder: Path) -> dict[str, int]:
    """Write ``labeled/<digit>/``, ``unlabeled/`` and ``test/<digit>/`` into a new folder.

    Returns:
        The number of files by folder.

    Raises:
        ValueError: if the folder is there already.
    """
    if folder.exists():
        raise ValueError(f"{folder} exists; the example is written to a new folder, choose another")
    dataset = load("digits")
    places = [
        *_training_places(dataset),
        *(f"test/{name}" for name in _names(dataset.test, dataset)),
    ]
    images = [*dataset.train.images[:], *dataset.test.images[:]]
    sides = np.random.default_rng(0).integers(SMALLEST, LARGEST + 1, (len(images), 2))
    counts: dict[str, int] = {}
    for number, (place, image, (width, height)) in enumerate(
        zip(places, images, sides, strict=True)
    ):
        file = folder / place / f"{number:04}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        grey = Image.fromarray(image[0].numpy())
        width, height = sides[number].tolist()
        grey.resize((width, height), Image.Resampling.BICUBIC).save(file)
        kind = place.partition("/")[0]
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _names(rows: Rows, dataset: Dataset) -> list[str]:
    return [dataset.classes[label] for label in rows.labels.tolist()]


def _training_places(dataset: Dataset) -> list[str]:
    """Return the folder of each training row: a few of each class are labelled."""
    import torch

    names = _names(dataset.train, dataset)
    order = torch.randperm(len(names), generator=derive(0, "example labels")).tolist()
    left = dict.fromkeys(dataset.classes, LABELED_OF_EACH)
    places = ["unlabeled"] * len(names)
    for number in order:
        if left[names[number]]:
            left[names[number]] -= 1
            places[number] = f"labeled/{names[number]}"
    return places
