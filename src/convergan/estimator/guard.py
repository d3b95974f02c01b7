"""The guard: model selection on labels held out, with a fallback to simpler classifiers.

The candidates, from simple to complex, are logistic regression, the supervised twin (the GAN's
network trained on labelled rows alone) and the semi-supervised GAN. Stratified k-fold
cross-validation predicts every labelled row by classifiers that have not seen it. The GAN is kept
unless McNemar's exact test on these paired predictions is against it.

This is no guarantee: on a few dozen labels only a large harm shows, and Krijthe & Loog (2018) prove
that no such guarantee exists for a large class of classifiers.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

from ..training import NonFiniteError
from .calibration import mcnemar
from .checks import Array
from .member import Layers, TrainingTask, forward, train_gan, train_twin
from .teacher import logistic_layers, pool_opinions

GAN, TWIN, LOGISTIC = "gan", "twin", "logistic regression"
Deadline = Callable[[], float]
"""Returns the `time.monotonic` at which the training that begins now ends at the latest."""


class GuardReport(NamedTuple):
    """What the guard measured, and what it chose.

    Attributes:
        selected: ``gan``, ``twin`` or ``logistic regression``.
        reason: in words.
        errors: share of wrong out-of-fold predictions, by candidate; empty without folds.
        pvalues: of the GAN against each other candidate; empty without folds.
        rows: number of labelled rows that were held out in turn.
        folds: number of folds, 0 where there were too few labels.
    """

    selected: str
    reason: str
    errors: dict[str, float]
    pvalues: dict[str, float]
    rows: int
    folds: int


class OutOfFold(NamedTuple):
    """Predictions of labelled rows by classifiers that had not seen them.

    Attributes:
        logits: (L, K) of each candidate, by name; a candidate that failed is left out.
        labels: (L,) their classes.
        folds: (L,) the fold that held each row out.
        failed: why a candidate is missing, by name.
    """

    logits: dict[str, Array]
    labels: Array
    folds: Array
    failed: dict[str, str]


def candidates(deadline: Deadline) -> Mapping[str, Callable[[TrainingTask], Layers]]:
    """Return the function that trains each candidate, by name, the simplest first.

    Logistic regression calls for no deadline, so it takes no share of the time.
    """
    return {
        LOGISTIC: logistic_layers,
        TWIN: lambda task: train_twin(replace(task, deadline=deadline())).layers,
        GAN: lambda task: train_gan(replace(task, deadline=deadline()), pool_opinions(task)).layers,
    }


def out_of_fold(task: TrainingTask, folds: int, deadline: Deadline) -> OutOfFold:
    """Hold out each labelled row once; its features leave the unlabelled rows as well.

    Only the mean and scale of features, which are learned before, have seen all rows. A candidate
    whose training fails in one fold is not trained in further ones.
    """
    labels = task.labels.numpy()
    splitter = StratifiedKFold(folds, shuffle=True, random_state=task.seed)
    logits = {name: np.zeros((len(labels), task.num_classes)) for name in (LOGISTIC, TWIN, GAN)}
    places = np.zeros(len(labels), dtype=np.int64)
    failed: dict[str, str] = {}
    for fold, (_, held) in enumerate(splitter.split(labels, labels)):
        part = task.without(torch.from_numpy(held))
        tested = task.rows[task.labeled[held]].double().numpy()
        places[held] = fold
        for name, fit in candidates(deadline).items():
            if name in failed:
                continue
            try:
                logits[name][held] = forward(fit(part), tested)
            except NonFiniteError as error:
                failed[name] = str(error)
    return OutOfFold({n: v for n, v in logits.items() if n not in failed}, labels, places, failed)


def choose(found: OutOfFold, level: float) -> GuardReport:
    """Keep the GAN unless a candidate is better on the same rows with a p-value below ``level``."""
    right = {name: logits.argmax(axis=1) == found.labels for name, logits in found.logits.items()}
    errors = {name: float(1 - hits.mean()) for name, hits in right.items()}
    report = GuardReport(GAN, "", errors, {}, len(found.labels), int(found.folds.max()) + 1)
    if GAN not in right:
        return fall_back(report, GAN, found.failed[GAN])
    pvalues = {
        name: mcnemar(int((right[GAN] & ~hits).sum()), int((hits & ~right[GAN]).sum()))
        for name, hits in right.items()
        if name != GAN
    }
    better = [n for n, p in pvalues.items() if p < level and errors[n] < errors[GAN]]
    best = min(better, key=lambda name: errors[name], default=GAN)
    reason = f"no candidate was better on held-out labels with p below {level:g}"
    if better:
        reason = f"{best} was better on held-out labels, p = {pvalues[best]:.3g}"
    return report._replace(selected=best, reason=reason, pvalues=pvalues)


def fall_back(report: GuardReport, failed: str, why: str) -> GuardReport:
    """Choose the best of the candidates that are simpler than one whose training failed."""
    simpler = [LOGISTIC, TWIN] if failed == GAN else [LOGISTIC]
    tested = [name for name in simpler if name in report.errors]
    best = min(tested, key=lambda name: report.errors[name], default=LOGISTIC)
    return report._replace(selected=best, reason=f"training the {failed} failed: {why}")
