"""Learning curves, test error by number of labels: is it worth labelling more?

Paper and released code: the tables of Salimans et al. (2016), section 6, give such errors, of ten
draws of the labelled rows.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils import _safe_indexing, check_consistent_length

from .checks import Array
from .labels import encode_labels, labeled_part, mask_labels


class LearningCurve(NamedTuple):
    """Test errors of every method for every number of labels and every seed.

    Attributes:
        methods: their M names.
        labels_per_class: C numbers.
        errors: (M, C, S) shares of wrong test rows.
        seconds: (M, C, S) of fitting.
        test_rows: number of them.
    """

    methods: tuple[str, ...]
    labels_per_class: tuple[int, ...]
    errors: Array
    seconds: Array
    test_rows: int

    @property
    def mean(self) -> Array:
        """(M, C) mean errors over the seeds."""
        mean: Array = self.errors.mean(axis=2)
        return mean

    @property
    def std(self) -> Array:
        """(M, C) deviations over the seeds, with S - 1 in the denominator; NaN for one seed."""
        if self.errors.shape[2] == 1:
            return np.full(self.errors.shape[:2], np.nan)
        std: Array = self.errors.std(axis=2, ddof=1)
        return std

    def table(self) -> str:
        """Return mean errors in percent, with their deviations, as text."""
        rows = [["labels a class", *map(str, self.labels_per_class)]]
        for name, means, stds in zip(self.methods, self.mean, self.std, strict=True):
            cells = [f"{100 * mean:.2f}" for mean in means]
            if self.errors.shape[2] > 1:
                spread = [f" +- {100 * std:.2f}" for std in stds]
                cells = [cell + more for cell, more in zip(cells, spread, strict=True)]
            rows.append([name, *cells])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        seeds = self.errors.shape[2]
        lines.append(
            f"errors in % of {self.test_rows:,} test rows, mean and deviation, seeds: {seeds}"
        )
        return "\n".join(lines)

    def draw(self, file: str | Path) -> None:
        """Write the curves as a picture; the suffix of the file is its format."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.add_subplot()
        for name, means, stds in zip(self.methods, self.mean, self.std, strict=True):
            spread = None if np.isnan(stds).any() else 100 * stds
            axes.errorbar(
                self.labels_per_class, 100 * means, spread, marker="o", capsize=3, label=name
            )
        axes.set_xscale("log")
        axes.set_xticks(self.labels_per_class, [str(count) for count in self.labels_per_class])
        axes.minorticks_off()
        axes.set(xlabel="labels a class", ylabel="test error, %", ylim=(0, None))
        axes.legend()
        figure.savefig(file, dpi=110)


def label_learning_curve(
    estimators: Mapping[str, Any],
    X: Any,
    y: Any,
    X_test: Any,
    y_test: Any,
    *,
    labels_per_class: Sequence[int] = (1, 2, 5, 10, 20),
    seeds: int = 5,
    supervised: Collection[str] = (),
    unlabeled_label: Any = -1,
    n_jobs: int | None = None,
) -> LearningCurve:
    """Fit every method to the same few labels, for each number of labels and each seed.

    Each seed draws labelled rows; its larger sets contain its smaller ones, and all other rows of X
    are unlabelled. It also replaces the ``random_state`` of every method, and of every part of a
    method, that has one. Methods are given classes as ``0 .. K - 1``, and -1 for unlabelled rows,
    so that scikit-learn's semi-supervised methods can take part whatever the labels are.

    Args:
        estimators: by name; they are cloned, not fitted.
        X: (n, ...) training rows.
        y: (n,) their labels; rows without one are never drawn.
        X_test: (m, ...) test rows.
        y_test: (m,) their labels; rows without one are left out.
        labels_per_class: numbers of labels.
        seeds: number of seeds, from 0.
        supervised: names of the methods that can only be given labelled rows.
        unlabeled_label: what marks unlabelled rows in y and y_test.
        n_jobs: fits at a time, through joblib.

    Raises:
        ValueError: for no estimators, unknown names, lengths that differ, numbers below 1, a class
            with too few rows, or test labels that are none of y. Errors of a method come with a
            note of what was being fitted.

    Example:
        >>> from sklearn.neighbors import KNeighborsClassifier
        >>> X = np.array([[0.0], [0.5], [0.9], [9.0], [9.5], [9.9]])
        >>> y = np.array([0, 0, 0, 1, 1, 1])
        >>> nearest = {"nearest": KNeighborsClassifier(1)}
        >>> curve = label_learning_curve(
        ...     nearest, X, y, X, y, labels_per_class=(1, 2), seeds=3, supervised=["nearest"]
        ... )
        >>> print(curve.table())
        labels a class             1             2
        nearest         0.00 +- 0.00  0.00 +- 0.00
        errors in % of 6 test rows, mean and deviation, seeds: 3
    """
    if not estimators:
        raise ValueError("estimators must not be empty")
    unknown = set(supervised) - set(estimators)
    if unknown:
        raise ValueError(f"supervised must name some of {list(estimators)}, got {sorted(unknown)}")
    if seeds < 1 or not labels_per_class:
        raise ValueError(
            f"seeds and labels_per_class must not be none, got {seeds}, {labels_per_class}"
        )
    check_consistent_length(X, y)
    check_consistent_length(X_test, y_test)
    classes, codes = encode_labels(y, unlabeled_label)
    rows, truth = _test_codes(y_test, classes, unlabeled_label)
    tested = _safe_indexing(X_test, rows)
    label_sets = {
        (count, seed): mask_labels(codes, count, random_state=seed)
        for count in labels_per_class
        for seed in range(seeds)
    }
    results = Parallel(n_jobs=n_jobs)(
        delayed(_fit_and_test)(
            name, estimator, X, masked, tested, truth, seed=seed, labeled_only=name in supervised
        )
        for name, estimator in estimators.items()
        for (_, seed), masked in label_sets.items()
    )
    shape = (len(estimators), len(labels_per_class), seeds, 2)
    found = np.array(results, dtype=np.float64).reshape(shape)
    return LearningCurve(
        tuple(estimators), tuple(labels_per_class), found[..., 0], found[..., 1], len(rows)
    )


def _fit_and_test(
    name: str,
    estimator: Any,
    X: Any,
    codes: Array,
    X_test: Any,
    truth: Array,
    *,
    seed: int,
    labeled_only: bool,
) -> tuple[float, float]:
    model = clone(estimator)
    own = [key for key in model.get_params() if key.split("__")[-1] == "random_state"]
    model.set_params(**dict.fromkeys(own, seed))
    if labeled_only:
        labeled = np.flatnonzero(codes >= 0)
        X, codes = _safe_indexing(X, labeled), codes[labeled]
    try:
        started = time.perf_counter()
        model.fit(X, codes)
        seconds = time.perf_counter() - started
        return float((model.predict(X_test) != truth).mean()), seconds
    except Exception as error:
        error.add_note(f"while {name!r} learned from {(codes >= 0).sum()} labels of seed {seed}")
        raise


def _test_codes(y_test: Any, classes: Array, unlabeled_label: Any) -> tuple[Array, Array]:
    """Return the labelled test rows and their classes as positions in ``classes``."""
    rows, labels = labeled_part(y_test, unlabeled_label)
    if not len(rows):
        raise ValueError("y_test has no labeled row")
    unseen = ~np.isin(labels, classes)
    if unseen.any():
        raise ValueError(f"label {labels[unseen].tolist()[0]!r} of y_test is none of y")
    return rows, np.searchsorted(classes, labels)
