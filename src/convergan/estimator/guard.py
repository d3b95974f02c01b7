"""A guard: labelled rows say which of three classifiers to trust.

Every labelled row is predicted once by classifiers that have not seen it (k folds): logistic
regression, the supervised twin and the semi-supervised GAN, on the same folds. The GAN is kept
unless paired evidence is against it: of the rows that only one of two gets right, the other's share
is too large for chance (McNemar, exact). This is a guard and no guarantee: on a few dozen labels
only a large harm shows, and Krijthe & Loog (2018) prove that no such guarantee exists for a large
class of classifiers.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

from ..training import NonFiniteError
from .calibration import mcnemar
from .member import Array, Layers, Lesson, Watch, forward, train_gan, train_twin
from .teacher import logistic_layers, pool_opinions

GAN, TWIN, LOGISTIC = "gan", "twin", "logistic regression"
Deadline = Callable[[], float]
"""When the next training is to end at the latest, in `time.monotonic`."""


class GuardReport(NamedTuple):
    """What the guard saw, and what it chose.

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


def candidates(watch: Watch, deadline: Deadline) -> Mapping[str, Callable[[Lesson], Layers]]:
    """Return what trains each candidate, by name, the simplest first.

    A deadline is asked for by what can keep it, so that logistic regression takes no share.
    """
    return {
        LOGISTIC: logistic_layers,
        TWIN: lambda lesson: train_twin(replace(lesson, deadline=deadline()), watch).layers,
        GAN: lambda lesson: (
            train_gan(replace(lesson, deadline=deadline()), pool_opinions(lesson), watch).layers
        ),
    }


def out_of_fold(lesson: Lesson, folds: int, watch: Watch, deadline: Deadline) -> OutOfFold:
    """Hold out each labelled row once; its features leave the unlabelled rows as well.

    Only the mean and scale of features, which are learned before, have seen all rows. A candidate
    whose training fails in one fold is not trained in further ones.
    """
    labels = lesson.labels.numpy()
    splitter = StratifiedKFold(folds, shuffle=True, random_state=lesson.seed)
    logits = {name: np.zeros((len(labels), lesson.num_classes)) for name in (LOGISTIC, TWIN, GAN)}
    places = np.zeros(len(labels), dtype=np.int64)
    failed: dict[str, str] = {}
    for fold, (_, held) in enumerate(splitter.split(labels, labels)):
        part = lesson.without(torch.from_numpy(held))
        tested = lesson.rows[lesson.labeled[held]].double().numpy()
        places[held] = fold
        for name, fit in candidates(watch, deadline).items():
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
    folds = int(found.folds.max()) + 1
    if GAN not in right:
        report = GuardReport(GAN, "", errors, {}, len(found.labels), folds)
        return fall_back(report, GAN, found.failed[GAN])
    pvalues = {}
    for name in right:
        if name != GAN:
            only_gan = int((right[GAN] & ~right[name]).sum())
            pvalues[name] = mcnemar(only_gan, int((right[name] & ~right[GAN]).sum()))
    worse = [n for n, p in pvalues.items() if p < level and errors[n] < errors[GAN]]
    if not worse:
        reason = f"no candidate was better on held-out labels with p below {level:g}"
        return GuardReport(GAN, reason, errors, pvalues, len(found.labels), folds)
    best = min(worse, key=lambda name: errors[name])
    reason = f"{best} was better on held-out labels, p = {pvalues[best]:.3g}"
    return GuardReport(best, reason, errors, pvalues, len(found.labels), folds)


def fall_back(report: GuardReport, failed: str, why: str) -> GuardReport:
    """Choose the best of the candidates that are simpler than one whose training failed."""
    simpler = [LOGISTIC, TWIN] if failed == GAN else [LOGISTIC]
    seen = [name for name in simpler if name in report.errors]
    best = min(seen, key=lambda name: report.errors[name]) if seen else LOGISTIC
    return report._replace(selected=best, reason=f"training the {failed} failed: {why}")
