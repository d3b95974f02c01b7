"""What `SemiSupervisedGANClassifier.fit` does with standardised rows."""

import math
import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..training import NonFiniteError
from .calibration import RiskTable, fit_temperature, match_temperature, risk_table
from .guard import GAN, TWIN, Deadline, GuardReport, OutOfFold, choose, fall_back, out_of_fold
from .member import Array, Layers, Lesson, Watch, forward, train_gan, train_twin
from .mismatch import mismatch_pvalue
from .teacher import logistic_layers, pool_opinions

FOLDS = 3
LEAST_STEPS, MOST_STEPS, EPOCHS = 500, 2000, 10
HELD_OUT, LEAST_HELD_OUT = 1000, 20
"""Unlabelled rows kept out of training: a tenth, at most 1,000; none where that is below 20."""
COMPARED = 5000
"""Rows, about, that probabilities and log D are compared on after training."""
UNLIKE = 1e-3
"""p-value below which labelled and unlabelled rows are said to differ."""

History = list[dict[str, float]]


class Fitted(NamedTuple):
    """What fit found.

    Attributes:
        report: of the guard.
        members: classifiers that predict.
        gan: classifiers that tell rows from generated ones; empty if their training failed.
        temperature: that divides logarithms of probabilities.
        risk: coverage and risk of held-out labels, or None.
        diagnostics: how labelled and unlabelled rows differ, by name.
        histories: losses of each training of members.
        notices: what the user is to be warned of.
    """

    report: GuardReport
    members: list[Layers]
    gan: list[Layers]
    temperature: float
    risk: RiskTable | None
    diagnostics: dict[str, float]
    histories: list[History]
    notices: list[str]


def fit_all(
    lesson: Lesson,
    *,
    members: int,
    guard_level: float | None,
    max_seconds: float | None,
    watch: Watch,
) -> Fitted:
    """Ask the guard, then train what it chose, then calibrate.

    Args:
        lesson: what to train on.
        members: number of classifiers to average.
        guard_level: see `convergan.estimator.guard.choose`; None to ask nobody.
        max_seconds: for the ``2 folds + members`` trainings together, in equal shares of what is
            left; or None. What `convergan.estimator.teacher` does is not counted.
        watch: gets every line of every history.
    """
    fewest = int(lesson.labels.bincount(minlength=lesson.num_classes).min())
    folds = min(FOLDS, fewest) if guard_level is not None and fewest > 1 else 0
    end = time.monotonic() + (math.inf if max_seconds is None else max_seconds)
    deadline = share_out(end, 2 * folds + members)
    found = out_of_fold(lesson, folds, watch, deadline) if folds else None
    report = _ask(found, guard_level, fewest)
    deadline = share_out(end, {GAN: members, TWIN: 2}.get(report.selected, 1))
    pool = pool_opinions(lesson)
    wanted = members if report.selected == GAN else 1  # one tells rows from generated ones
    gan, histories, failure = _train_gans(lesson, pool, wanted, watch, deadline)
    if failure and report.selected == GAN:
        report = fall_back(report, GAN, failure)
    chosen = gan
    if report.selected != GAN:
        chosen, report = _train_simple(lesson, report, watch, deadline)
    notices = [f"{report.selected} predicts: {report.reason}"] if report.selected != GAN else []
    temperature, risk = 1.0, None
    if report.selected == GAN:
        logs = mean_log_probabilities(gan, _some(lesson.rows).double().numpy())
        temperature = match_temperature(logs, _some(pool).double().numpy())
    if found is not None and report.selected in found.logits:
        logits = found.logits[report.selected]
        if report.selected != GAN:
            temperature = fit_temperature(logits, found.labels)
        risk = _risk(logits / temperature, found.labels)
    diagnostics = _diagnose(gan, lesson)
    if diagnostics.get("pvalue", 1.0) < UNLIKE:
        notices.append(
            "unlabeled rows do not look like labeled ones (p = {pvalue:.2g} of a two-sample test): "
            "they may be of other classes, or of the same in other shares".format(**diagnostics)
        )
    return Fitted(report, chosen, gan, temperature, risk, diagnostics, histories, notices)


def keep_some_out(codes: Array, chance: np.random.Generator) -> tuple[Array, Array]:
    """Return the rows to train on, in order, and unlabelled ones to compare later rows with."""
    unlabeled = np.flatnonzero(codes < 0)
    count = min(HELD_OUT, len(unlabeled) // 10)
    held = chance.permutation(unlabeled)[: count if count >= LEAST_HELD_OUT else 0]
    return np.setdiff1d(np.arange(len(codes)), held), held


def choose_steps(rows: int, batch_size: int, max_epochs: int | None) -> int:
    """Return the length of a training: ``max_epochs``, or 10 within 500 and 2,000 steps."""
    per_epoch = max(1, rows // batch_size)
    if max_epochs is not None:
        return max_epochs * per_epoch
    return min(MOST_STEPS, max(LEAST_STEPS, EPOCHS * per_epoch))


def mean_log_probabilities(members: list[Layers], rows: Array) -> Array:
    """Return the logarithm of the members' mean class probabilities, (n, K)."""
    logs = np.stack([log_softmax(forward(layers, rows)) for layers in members])
    mean: Array = np.logaddexp.reduce(logs, axis=0) - math.log(len(members))
    return mean


def log_softmax(logits: Array) -> Array:
    """Return the logarithms of the probabilities that logits (n, K) stand for."""
    logs: Array = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return logs


def log_realness(members: list[Layers], rows: Array) -> Array:
    """Return the members' mean ``log D(x) = -softplus(-logsumexp(l))``, (n,); without any, none."""
    if not members:
        return np.empty(0)
    sums = [np.logaddexp.reduce(forward(layers, rows), axis=1) for layers in members]
    mean: Array = np.mean([-np.logaddexp(0, -total) for total in sums], axis=0)
    return mean


def share_out(end: float, trainings: int) -> Deadline:
    """Return what gives each training, as it begins, its share of the time that is left."""
    left = iter(range(trainings, 0, -1))

    def deadline() -> float:
        now = time.monotonic()
        return now + max(0.0, end - now) / next(left, 1)

    return deadline


def print_losses(line: dict[str, float]) -> None:
    """Print one line of a history."""
    losses = " ".join(f"{n} {v:.3f}" for n, v in line.items() if n.endswith("_loss"))
    print(f"step {line['step']:,.0f}, {line['seconds']:.1f} s: {losses}")


def be_silent(line: dict[str, float]) -> None:
    """Print nothing."""


def _ask(found: OutOfFold | None, level: float | None, fewest: int) -> GuardReport:
    if found is not None and level is not None:
        return choose(found, level)
    reason = "the guard is off"
    if level is not None:
        reason = f"a class has {fewest} labeled row, which cannot be held out"
    return GuardReport(GAN, reason, {}, {}, 0, 0)


def _train_gans(
    lesson: Lesson, pool: Tensor, members: int, watch: Watch, deadline: Deadline
) -> tuple[list[Layers], list[History], str]:
    """Train the members; return as well why a training failed, if one did."""
    layers, histories = [], []
    try:
        for number in range(members):
            own = replace(lesson, seed=_seed(lesson.seed, number), deadline=deadline())
            member = train_gan(own, pool, watch)
            layers.append(member.layers)
            histories.append(member.history)
    except NonFiniteError as error:
        return [], histories, str(error)
    return layers, histories, ""


def _train_simple(
    lesson: Lesson, report: GuardReport, watch: Watch, deadline: Deadline
) -> tuple[list[Layers], GuardReport]:
    """Train what the report chose; logistic regression where the training of the twin fails."""
    if report.selected == TWIN:
        try:
            return [train_twin(replace(lesson, deadline=deadline()), watch).layers], report
        except NonFiniteError as error:
            report = fall_back(report, TWIN, str(error))
    return [logistic_layers(lesson)], report


def _seed(seed: int, member: int) -> int:
    """Return a seed of its own for each member; the first has that of the fit."""
    if not member:
        return seed
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0])


def _risk(logits: Array, labels: Array) -> RiskTable:
    """Return what out-of-fold predictions risk; by classifiers that saw fewer labels."""
    confidence = np.exp(log_softmax(logits)).max(axis=1)
    return risk_table(confidence, logits.argmax(axis=1) == labels)


def _some(rows: Tensor) -> Tensor:
    """Return every so many of the rows, between `COMPARED` and twice as many, or all."""
    return rows[:: max(1, len(rows) // COMPARED)]


def _diagnose(gan: list[Layers], lesson: Lesson) -> dict[str, float]:
    """Compare labelled with unlabelled rows; both were trained on as real."""
    others = np.setdiff1d(np.arange(len(lesson.rows)), lesson.labeled.numpy())
    if not len(others):
        return {}
    unlabeled = lesson.rows[_some(torch.from_numpy(others))].double().numpy()
    labeled = lesson.rows[lesson.labeled].double().numpy()
    found = {}
    if gan:
        found["labeled_log_d"] = float(log_realness(gan, labeled).mean())
        found["unlabeled_log_d"] = float(log_realness(gan, unlabeled).mean())
    pvalue = mismatch_pvalue(labeled, unlabeled, lesson.seed)
    return found if pvalue is None else found | {"pvalue": pvalue}
