"""What several tests of the estimator need."""

from typing import Any

import numpy as np

from convergan.estimator.checks import Array
from convergan.estimator.opinions import LabeledRows, assign_folds


def global_state() -> str:
    """The state of NumPy's global generator."""
    state = np.random.get_state(legacy=False)["state"]
    return f"{state['pos']} {state['key'].tolist()}"


def labeled_rows(rows: Array, labeled: Any, labels: Any, seed: int = 0) -> LabeledRows:
    """What opinions are fitted to."""
    known = np.asarray(labels)
    return LabeledRows(
        rows=np.asarray(rows, dtype=np.float64),
        labeled=np.asarray(labeled),
        labels=known,
        num_classes=int(known.max()) + 1,
        folds=assign_folds(known, seed),
        seed=seed,
    )


def clusters(rows: int = 90, classes: int = 3) -> tuple[Array, Array]:
    """Rows (n, 4) of clusters that are apart, a class each, and their classes."""
    chance = np.random.default_rng(0)
    labels = np.arange(rows) % classes
    return chance.normal(0, 1, (rows, 4)) + 4 * np.eye(4)[labels], labels


def moons(rows: int = 200) -> tuple[Array, Array]:
    """Two bent clusters that no line parts, of mean 0 and mean square 1, and their classes."""
    angle = np.linspace(0, np.pi, rows // 2)
    upper = np.c_[np.cos(angle), np.sin(angle)]
    points = np.vstack([upper, np.c_[1 - np.cos(angle), 0.5 - np.sin(angle)]])
    points = points - points.mean(axis=0)
    return points / np.sqrt(np.square(points).mean()), np.repeat([0, 1], rows // 2)
