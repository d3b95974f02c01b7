"""Data of the few-label benchmark: rows and labels of a pool to learn from and of a test set.

=================  ======  ======  =======  =================================================
set                pool    test    classes  features
=================  ======  ======  =======  =================================================
digits             898     899     10       64 pixels in [0, 1]
wine               89      89      3        13 measures
breast_cancer      284     285     2        30 measures
iris               75      75      3        4 measures
mnist              6,000   10,000  10       784 pixels in [0, 1]
fashion_mnist      6,000   10,000  10       784 pixels in [0, 1]
cifar10            6,000   5,000   10       1,280 of EfficientNet-Lite0, trained on ImageNet
trec               5,452   500     6        384, embeddings of questions by all-MiniLM-L6-v2
banking20          2,827   800     20       384, the same of messages; 20 of Banking77's 77 intents
penguins           171     171     3        4 measures of birds
vehicle            423     423     4        18 measures of silhouettes
spambase           2,298   2,299   2        57 shares of words
satimage           3,000   3,000   6        36 pixels of satellite images
splice             1,595   1,595   3        287, letters of DNA
page-blocks0       2,736   2,736   2        10 measures of blocks of a page; one class is a tenth
sonar              104     104     2        60, echoes
JapaneseVowels_eq  320     320     9        300, time series of speech
leaf_flavia        953     954     32       50 measures of leaves
cells              1,009   1,010   2        56 measures of images of cells
mushroom           2,822   2,822   2        98, categories
ItalyPowerDemand   548     548     2        24, days of power demand
german             500     500     2        61, credit
=================  ======  ======  =======  =================================================

The small sets are cut in halves with as many of each class: those embedded in scikit-learn, and
from penguins on those of the folder ``$CONVERGAN_DATA/few_label_sets``. Pools of 6,000 are drawn
from the training rows by a fixed seed, for CIFAR-10 from the first 40,000. The test rows of
CIFAR-10 are the first 1,000 of the test set and 4,000 training rows from 40,000 on, so that folders
with no more of the test set serve as well. Intents are drawn by a fixed seed, then all their rows
are taken.
"""

import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split

from bench.few_labels.features import Array, image_features, sentence_features
from convergan.data import load as load_images

POOL, CIFAR_POOL, CIFAR_TEST, INTENTS = 6_000, 40_000, 1_000, 20


class Problem(NamedTuple):
    """Rows and labels to learn from and to test on; labels are 0 .. K - 1."""

    X: Array
    y: Array
    X_test: Array
    y_test: Array


@cache
def load(name: str) -> Problem:
    """Return a set, the same rows at every call."""
    problem = SETS[name]()
    for rows in problem:
        rows.flags.writeable = False  # all methods of a process share them
    return problem


def embedded(read: Callable[..., Any], *, white: float = 1.0) -> Problem:
    rows, labels = read(return_X_y=True)
    return halves(rows / white, labels)


def table(name: str) -> Problem:
    """Read a set of the folder ``few_label_sets``."""
    root = os.environ.get("CONVERGAN_DATA")
    if not root:
        raise ValueError(f"{name}: CONVERGAN_DATA must name the folder that has few_label_sets")
    with np.load(Path(root) / "few_label_sets" / f"{name}.npz") as kept:
        return halves(kept["X"].astype(np.float64), kept["y"].astype(np.int64))


def halves(rows: Array, labels: Array) -> Problem:
    """Cut a set in halves with as many of each class."""
    X, X_test, y, y_test = train_test_split(
        rows, labels, test_size=0.5, stratify=labels, random_state=0
    )
    return Problem(X, y, X_test, y_test)


def pixels(source: str) -> Problem:
    found = load_images(source)
    chosen = torch.from_numpy(drawn(len(found.train.labels), POOL))
    X, X_test = (
        images.flatten(1).double().numpy() / 255
        for images in (found.train.images[chosen], found.test.images[:])
    )
    return Problem(X, found.train.labels[chosen].numpy(), X_test, found.test.labels.numpy())


def cifar10_features() -> Problem:
    found = load_images("uoft-cs/cifar10")
    chosen = torch.from_numpy(drawn(CIFAR_POOL, POOL))
    held = slice(CIFAR_POOL, CIFAR_POOL + 4 * CIFAR_TEST)
    images = torch.cat(
        [
            found.train.images[chosen],
            found.test.images[:CIFAR_TEST],
            found.train.images[held],
        ]
    )
    labels = torch.cat(
        [found.train.labels[chosen], found.test.labels[:CIFAR_TEST], found.train.labels[held]]
    ).numpy()
    rows = image_features(images).astype(np.float64)
    return Problem(rows[:POOL], labels[:POOL], rows[POOL:], labels[POOL:])


def sentences(source: str, classes: int) -> Problem:
    """Embed sentences; of more classes than asked for, those that a fixed seed draws."""
    import datasets

    root = os.environ.get("CONVERGAN_DATA")
    local = Path(root) / source.rpartition("/")[2] if root else None
    splits = datasets.load_dataset(str(local) if local and local.is_dir() else source)
    column = "label" if "label" in splits["train"].features else "coarse_label"
    kept = np.sort(drawn(splits["train"].features[column].num_classes, classes))
    parts: list[Array] = []
    for split in (splits["train"], splits["test"]):
        labels = np.asarray(split[column])
        chosen = np.flatnonzero(np.isin(labels, kept))
        texts = np.asarray(split["text"], dtype=object)[chosen].tolist()
        parts += [
            sentence_features(texts).astype(np.float64),
            np.searchsorted(kept, labels[chosen]),
        ]
    return Problem(*parts)


def drawn(rows: int, count: int) -> Array:
    """Return ``count`` of ``rows`` numbers, by a fixed seed."""
    return np.random.default_rng(0).permutation(rows)[:count]


TABLES = (
    "penguins",
    "vehicle",
    "spambase",
    "satimage",
    "splice",
    "page-blocks0",
    "sonar",
    "JapaneseVowels_eq",
    "leaf_flavia",
    "cells",
    "mushroom",
    "ItalyPowerDemand",
    "german",
)
SETS: dict[str, Callable[[], Problem]] = {
    "digits": partial(embedded, load_digits, white=16),
    "wine": partial(embedded, load_wine),
    "breast_cancer": partial(embedded, load_breast_cancer),
    "iris": partial(embedded, load_iris),
    "mnist": partial(pixels, "ylecun/mnist"),
    "fashion_mnist": partial(pixels, "zalando-datasets/fashion_mnist"),
    "cifar10": cifar10_features,
    "trec": partial(sentences, "CogComp/trec", 6),
    "banking20": partial(sentences, "PolyAI/banking77", INTENTS),
    **{name: partial(table, name) for name in TABLES},
}
