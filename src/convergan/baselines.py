"""What other methods make of the same labels: fixed defaults, nothing chosen on test data.

Each sees flat rows in [0, 1], and labels with -1 for unlabelled rows, as scikit-learn has it. A
method that cannot run on a data set says why in its row of the table instead.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from .data import Rows, to_unit_range

Array = np.ndarray[Any, Any]

LARGEST_KERNEL = 20_000
"""Rows up to which a dense kernel matrix is built (3.2 GB)."""
LARGEST_SELF_TRAINING = 10_000
"""Unlabelled rows that self-training gets; it refits on a growing share of them."""


@dataclass(frozen=True)
class Baseline:
    """One row of the table.

    Attributes:
        name: of the method.
        test_error: fraction, or None where it could not run.
        seconds: spent.
        note: why it could not run, or what was cut.
    """

    name: str
    test_error: float | None
    seconds: float
    note: str = ""


class CannotRun(Exception):
    """A baseline that does not fit a data set, with the reason."""


def run_baseline(name: str, images: Tensor, labels: Tensor, test: Rows) -> Baseline:
    """Fit one of `BASELINES` and measure it.

    Args:
        name: of the baseline.
        images: (N, *row shape), all training rows, as in `convergan.data.Rows`.
        labels: (N,), -1 where a row is unlabelled.
        test: rows to measure on.
    """
    started = time.perf_counter()
    error: float | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # convergence and division warnings of fixed defaults
            predict = BASELINES[name]
            predictions, note = predict(_flat(images), labels.numpy(), _flat(test.images[:]))
        error = float((predictions != test.labels.numpy()).mean())
    except (CannotRun, MemoryError, ValueError) as reason:
        note = f"cannot run: {reason or 'out of memory'}"
    return Baseline(name, error, time.perf_counter() - started, note)


def _flat(images: Tensor) -> Array:
    return to_unit_range(images).flatten(1).numpy()


def _logistic_regression(rows: Array, labels: Array, test_rows: Array) -> tuple[Array, str]:
    from sklearn.linear_model import LogisticRegression

    known = labels >= 0
    model = LogisticRegression(max_iter=1000).fit(rows[known], labels[known])
    return model.predict(test_rows), "labelled rows only"


def _label_spreading_knn(rows: Array, labels: Array, test_rows: Array) -> tuple[Array, str]:
    from sklearn.semi_supervised import LabelSpreading

    model = LabelSpreading(kernel="knn", n_neighbors=7, n_jobs=-1).fit(rows, labels)
    return model.predict(test_rows), ""


def _label_spreading_rbf(rows: Array, labels: Array, test_rows: Array) -> tuple[Array, str]:
    from sklearn.semi_supervised import LabelSpreading

    if len(rows) > LARGEST_KERNEL:
        size = len(rows) ** 2 * 8 / 2**30
        raise CannotRun(f"a dense kernel of {len(rows):,} rows takes {size:.0f} GiB")
    model = LabelSpreading(kernel="rbf", gamma=1.0).fit(rows, labels)
    return model.predict(test_rows), "gamma 1"


def _self_training(rows: Array, labels: Array, test_rows: Array) -> tuple[Array, str]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.semi_supervised import SelfTrainingClassifier

    note = ""
    unlabeled = np.flatnonzero(labels < 0)
    if len(unlabeled) > LARGEST_SELF_TRAINING:
        note = f"on {LARGEST_SELF_TRAINING:,} of {len(unlabeled):,} unlabelled rows"
        unlabeled = np.random.default_rng(0).permutation(unlabeled)[:LARGEST_SELF_TRAINING]
    kept = np.concatenate([np.flatnonzero(labels >= 0), unlabeled])
    model = SelfTrainingClassifier(LogisticRegression(max_iter=200))
    return model.fit(rows[kept], labels[kept]).predict(test_rows), note


BASELINES: dict[str, Callable[[Array, Array, Array], tuple[Array, str]]] = {
    "logistic regression": _logistic_regression,
    "label spreading (knn)": _label_spreading_knn,
    "label spreading (rbf)": _label_spreading_rbf,
    "self-training": _self_training,
}
