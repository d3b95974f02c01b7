"""What other methods make of the same labels: fixed defaults, nothing chosen on test data.

Each sees flat rows in [0, 1], and labels with -1 for unlabelled rows, as scikit-learn has it. A
method that cannot run on a data set says why in its row of the table instead.
"""

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.files import NUMBER, NUMBER_OR_NONE, DamagedFileError, Fields, read_json
from ..data import DataError, Dataset, Images, LabeledSubset, Rows, to_unit_range
from ..recipes import Recipe
from .neighbor_cache import find_neighbors

Array = np.ndarray[Any, Any]
Predict = Callable[[Array], Array]

LARGEST_ROWS = 2**32
"""Bytes that the rows of a method may take, which sees them at once."""
AT_A_TIME = 1000
"""Test rows that are predicted together."""
LARGEST_KERNEL = 20_000
"""Rows up to which a dense kernel matrix is built (3.2 GB)."""
LARGEST_SELF_TRAINING = 10_000
"""Unlabelled rows that self-training gets; it refits on a growing share of them."""


COLUMNS = ("method", "test error", "seconds", "note")
"""Of the table of a run and its baselines."""


@dataclass(frozen=True)
class Baseline:
    """One row of the table.

    Attributes:
        test_error: fraction, or None where it could not run.
        note: why it could not run, or what was cut.
    """

    name: str
    test_error: float | None
    seconds: float
    note: str = ""

    @classmethod
    def read_all(cls, file: Path) -> "list[Baseline]":
        """Return the rows in ``baselines.json``; none where it is not there.

        Args:
            file: of that name.

        Raises:
            DamagedFileError: if it holds something else.
        """
        found = read_json(file) if file.exists() else []
        if not (isinstance(found, list) and all(isinstance(row, Fields) for row in found)):
            raise DamagedFileError(f"{file} holds no rows of a table")
        for row in found:
            row.require({"name": str, "test_error": NUMBER_OR_NONE, "seconds": NUMBER})
        parts = (
            (row["name"], row["test_error"], row["seconds"], str(row.get("note", "")))
            for row in found
        )
        return [cls(*part) for part in parts]

    def texts(self) -> tuple[str, str, str, str]:
        """Return the cells of the row."""
        error = "-" if self.test_error is None else f"{self.test_error:.2%}"
        return (self.name, error, f"{self.seconds:.1f}", self.note)


GRAPH = "the recipe's graph alone"


def spread_over_graph(recipe: Recipe, dataset: Dataset, subset: LabeledSubset) -> Baseline:
    """Spread labels over the graph of a recipe, with no network; test rows are among its rows.

    Args:
        recipe: whose ``neighbors`` and ``label_spreading`` are used.
        dataset: its rows themselves, not what the players see of them.
        subset: the labelled training rows.
    """
    started = time.perf_counter()
    assert recipe.neighbors is not None
    rows = torch.cat([dataset.train.images[:], dataset.test.images[:]])
    neighbors = find_neighbors(recipe.neighbors, rows)
    classes = recipe.label_spreading(neighbors, subset.rows, subset.labels, len(dataset.classes))
    predicted = classes[len(dataset.train.labels) :].argmax(dim=1)
    error = float((predicted != dataset.test.labels).double().mean())
    return Baseline(GRAPH, error, time.perf_counter() - started, "transductive: sees the test rows")


class CannotRun(Exception):
    """A baseline that does not fit a data set, with the reason."""


def run_baseline(name: str, images: Images, labels: Tensor, test: Rows) -> Baseline:
    """Fit one of `BASELINES` and measure it; of images that are streamed, take what it needs.

    Args:
        name: of the baseline.
        images: (N, *row shape), all training rows, as in `convergan.data.Rows`.
        labels: (N,), -1 where a row is unlabelled.
        test: rows to measure on.

    Raises:
        DataError: if a streamed image cannot be read any more, which is no fault of the method.
    """
    started = time.perf_counter()
    error: float | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # convergence and division warnings of fixed defaults
            predict, note = BASELINES[name](images, labels.numpy())
            chunks = torch.split(torch.arange(len(test.labels)), AT_A_TIME)
            predictions = np.concatenate([predict(_flat(test.images[rows])) for rows in chunks])
        error = float((predictions != test.labels.numpy()).mean())
    except DataError:
        raise
    except (CannotRun, MemoryError, ValueError) as reason:
        note = f"cannot run: {reason or 'out of memory'}"
    return Baseline(name, error, time.perf_counter() - started, note)


def _flat(images: Tensor) -> Array:
    return to_unit_range(images).flatten(1).numpy()


def _take(images: Images, rows: Array) -> Array:
    size = len(rows) * math.prod(images.shape[1:]) * 4
    if size > LARGEST_ROWS:
        raise CannotRun(f"{len(rows):,} rows at once take {size / 2**30:.0f} GiB")
    return _flat(images[torch.from_numpy(rows)])


def _logistic_regression(images: Images, labels: Array) -> tuple[Predict, str]:
    from sklearn.linear_model import LogisticRegression

    known = np.flatnonzero(labels >= 0)
    model = LogisticRegression(max_iter=1000).fit(_take(images, known), labels[known])
    return model.predict, "labelled rows only"


def _label_spreading_knn(images: Images, labels: Array) -> tuple[Predict, str]:
    from sklearn.semi_supervised import LabelSpreading

    rows = _take(images, np.arange(len(images)))
    return LabelSpreading(kernel="knn", n_neighbors=7, n_jobs=-1).fit(rows, labels).predict, ""


def _label_spreading_rbf(images: Images, labels: Array) -> tuple[Predict, str]:
    from sklearn.semi_supervised import LabelSpreading

    if len(images) > LARGEST_KERNEL:
        size = len(images) ** 2 * 8 / 2**30
        raise CannotRun(f"a dense kernel of {len(images):,} rows takes {size:.0f} GiB")
    rows = _take(images, np.arange(len(images)))
    return LabelSpreading(kernel="rbf", gamma=1.0).fit(rows, labels).predict, "gamma 1"


def _self_training(images: Images, labels: Array) -> tuple[Predict, str]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.semi_supervised import SelfTrainingClassifier

    note = ""
    unlabeled = np.flatnonzero(labels < 0)
    if len(unlabeled) > LARGEST_SELF_TRAINING:
        note = f"on {LARGEST_SELF_TRAINING:,} of {len(unlabeled):,} unlabelled rows"
        unlabeled = np.random.default_rng(0).permutation(unlabeled)[:LARGEST_SELF_TRAINING]
    kept = np.concatenate([np.flatnonzero(labels >= 0), unlabeled])
    model = SelfTrainingClassifier(LogisticRegression(max_iter=200))
    return model.fit(_take(images, kept), labels[kept]).predict, note


BASELINES: dict[str, Callable[[Images, Array], tuple[Predict, str]]] = {
    "logistic regression": _logistic_regression,
    "label spreading (knn)": _label_spreading_knn,
    "label spreading (rbf)": _label_spreading_rbf,
    "self-training": _self_training,
}
