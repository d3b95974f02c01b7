"""What several tests of the estimator need."""

from typing import Any

import numpy as np
import torch

from convergan.estimator.checks import Array
from convergan.estimator.member import TrainingTask


def global_state() -> str:
    """The state of NumPy's global generator."""
    state = np.random.get_state(legacy=False)["state"]
    return f"{state['pos']} {state['key'].tolist()}"


def task_of(rows: Array, labeled: Any, labels: Any, **settings: Any) -> TrainingTask:
    """A task of a few steps on the CPU."""
    defaults: dict[str, Any] = {"steps": 1, "batch_size": 10, "unlabeled_weight": 1.0, "seed": 0}
    return TrainingTask(
        rows=torch.from_numpy(rows).float(),
        labeled=torch.as_tensor(labeled),
        labels=torch.as_tensor(labels),
        num_classes=int(max(labels)) + 1,
        device=torch.device("cpu"),
        **(defaults | settings),
    )


def clusters(
    rows: int = 90, classes: int = 3, labeled: int = 30, steps: int = 40, **settings: Any
) -> TrainingTask:
    """Clusters that are apart, a class each; the first rows are labelled."""
    chance = np.random.default_rng(0)
    labels = np.arange(rows) % classes
    points = chance.normal(0, 1, (rows, 4)) + 4 * np.eye(4)[labels]
    return task_of(
        points, range(labeled), labels[:labeled], **({"steps": steps, "batch_size": 30} | settings)
    )
