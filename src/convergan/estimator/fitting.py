"""What `SemiSupervisedGANClassifier.fit` does with standardised rows."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..training import NonFiniteError
from .calibration import RiskTable, fit_temperature, match_temperature, risk_table
from .checks import Array
from .guard import GAN, TWIN, Deadline, GuardReport, OutOfFold, choose, fall_back, out_of_fold
from .member import (
    Layers,
    LossCallback,
    TrainingTask,
    forward,
    print_nothing,
    train_gan,
    train_twin,
)
from .mismatch import mismatch_pvalue
from .teacher import logistic_layers, pool_opinions

FOLDS = 3
BATCH_SIZE = 100
LEAST_STEPS, MOST_STEPS, EPOCHS = 500, 2000, 10
HELD_OUT, LEAST_HELD_OUT = 1000, 20
"""Unlabelled rows kept out of training: a tenth, at most 1,000; none where that is below 20."""
COMPARED = 5000
"""Rows, about, that probabilities and log D are compared on after training."""
UNLIKE = 1e-3
"""p-value below which fit warns that labelled and unlabelled rows differ."""

History = list[dict[str, float]]


class FitResult(NamedTuple):
    """What fitting found.

    Attributes:
        members: classifiers that predict.
        gan: discriminators of the GAN, for log D; empty if its training failed.
        temperature: that divides logarithms of probabilities.
        risk: coverage and risk of held-out labels, or None.
        diagnostics: how labelled and unlabelled rows differ, by name.
        histories: losses of each training of members.
    """

    report: GuardReport
    members: list[Layers]
    gan: list[Layers]
    temperature: float
    risk: RiskTable | None
    diagnostics: dict[str, float]
    histories: list[History]
    notices: list[str]


def fit_classifier(
    task: TrainingTask,
    *,
    members: int,
    guard_level: float | None,
    max_seconds: float | None,
) -> FitResult:
    """Choose a candidate on labels held out, train it on all rows, calibrate it.

    Args:
        task: rows, labels and settings.
        members: number of GANs to average.
        guard_level: see `convergan.estimator.guard.choose`; None to hold nothing out.
        max_seconds: for the ``2 folds + members`` trainings together, in equal shares of what is
            left; or None. What `convergan.estimator.teacher` does is not counted.
    """
    fewest = int(task.labels.bincount(minlength=task.num_classes).min())
    folds = min(FOLDS, fewest) if guard_level is not None and fewest > 1 else 0
    end = time.monotonic() + (math.inf if max_seconds is None else max_seconds)
    deadline = divide_time(end, 2 * folds + members)
    held_out = out_of_fold(task, folds, deadline) if folds else None
    report = _report(held_out, guard_level, fewest)
    deadline = divide_time(end, {GAN: members, TWIN: 2}.get(report.selected, 1))
    soft_labels = pool_opinions(task)
    wanted = members if report.selected == GAN else 1  # for log D, whatever predicts
    gan, histories, failure = _train_gans(task, soft_labels, wanted, deadline)
    if failure and report.selected == GAN:
        report = fall_back(report, GAN, failure)
    chosen, notices = gan, []
    if report.selected != GAN:
        chosen, report = _train_fallback(task, report, deadline)
        notices.append(f"{report.selected} predicts: {report.reason}")
    logits = None if held_out is None else held_out.logits.get(report.selected)
    temperature, risk = 1.0, None
    if report.selected == GAN:
        logs = mean_log_probabilities(gan, _subsample(task.rows).double().numpy())
        temperature = match_temperature(logs, _subsample(soft_labels).double().numpy())
    if held_out is not None and logits is not None:
        if report.selected != GAN:
            temperature = fit_temperature(logits, held_out.labels)
        risk = _risk(logits / temperature, held_out.labels)
    diagnostics = _diagnose(gan, task)
    if diagnostics.get("pvalue", 1.0) < UNLIKE:
        notices.append(
            "unlabeled rows do not look like labeled ones (p = {pvalue:.2g} of a two-sample test): "
            "they may be of other classes, or of the same in other shares".format(**diagnostics)
        )
    return FitResult(report, chosen, gan, temperature, risk, diagnostics, histories, notices)


def hold_out_unlabeled(codes: Array, chance: np.random.Generator) -> tuple[Array, Array]:
    """Return the rows to train on, in order, and unlabelled rows to compare later rows with."""
    unlabeled = np.flatnonzero(codes < 0)
    count = min(HELD_OUT, len(unlabeled) // 10)
    held = chance.permutation(unlabeled)[: count if count >= LEAST_HELD_OUT else 0]
    return np.setdiff1d(np.arange(len(codes)), held), held


def make_task(
    rows: Tensor,
    codes: Array,
    *,
    seed: int,
    device: str,
    unlabeled_weight: float = 1.0,
    max_epochs: int | None = None,
    on_losses: LossCallback = print_nothing,
) -> TrainingTask:
    """Return the task of standardised rows (n, A) with classes (n,), -1 where unlabelled."""
    labeled = np.flatnonzero(codes >= 0)
    batch_size = min(BATCH_SIZE, len(rows))
    return TrainingTask(
        rows=rows,
        labeled=torch.from_numpy(labeled),
        labels=torch.from_numpy(codes[labeled]),
        num_classes=int(codes.max()) + 1,
        steps=choose_steps(len(rows), batch_size, max_epochs),
        batch_size=batch_size,
        unlabeled_weight=unlabeled_weight,
        seed=seed,
        device=torch.device(device),
        on_losses=on_losses,
    )


def choose_steps(rows: int, batch_size: int, max_epochs: int | None) -> int:
    """Return the length of a training: ``max_epochs``, or 10 within 500 and 2,000 steps."""
    per_epoch = max(1, rows // batch_size)
    if max_epochs is not None:
        return max_epochs * per_epoch
    return min(MOST_STEPS, max(LEAST_STEPS, EPOCHS * per_epoch))


def mean_log_probabilities(members: Sequence[Layers], rows: Array) -> Array:
    """Return the logarithm of the members' mean class probabilities, (n, K)."""
    logs = np.stack([log_softmax(forward(layers, rows)) for layers in members])
    mean: Array = np.logaddexp.reduce(logs, axis=0) - math.log(len(members))
    return mean


def log_softmax(logits: Array) -> Array:
    """Return the logarithms of the softmax of logits (n, K)."""
    logs: Array = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return logs


def log_realness(members: Sequence[Layers], rows: Array) -> Array:
    """Return the members' mean ``log D(x) = -softplus(-logsumexp(l))``, (n,); (0,) for none."""
    if not members:
        return np.empty(0)
    sums = [np.logaddexp.reduce(forward(layers, rows), axis=1) for layers in members]
    mean: Array = np.mean([-np.logaddexp(0, -total) for total in sums], axis=0)
    return mean


def divide_time(end: float, trainings: int) -> Deadline:
    """Return a function to call as each training begins: its deadline, an equal share of the rest.

    Args:
        end: `time.monotonic` at which the last training ends.
        trainings: number of them.
    """
    left = iter(range(trainings, 0, -1))

    def deadline() -> float:
        now = time.monotonic()
        return now + max(0.0, end - now) / next(left, 1)

    return deadline


def print_losses(line: dict[str, float]) -> None:
    """Print one line of a history."""
    losses = " ".join(f"{n} {v:.3f}" for n, v in line.items() if n.endswith("_loss"))
    print(f"step {line['step']:,.0f}, {line['seconds']:.1f} s: {losses}")


def _report(held_out: OutOfFold | None, level: float | None, fewest: int) -> GuardReport:
    if held_out is not None and level is not None:
        return choose(held_out, level)
    reason = "the guard is off"
    if level is not None:
        reason = f"a class has {fewest} labeled row, which cannot be held out"
    return GuardReport(GAN, reason, {}, {}, 0, 0)


def _train_gans(
    task: TrainingTask, soft_labels: Tensor, members: int, deadline: Deadline
) -> tuple[list[Layers], list[History], str]:
    """Train the members; where one diverges, return none of them, and why."""
    layers, histories = [], []
    try:
        for number in range(members):
            own = replace(task, seed=_member_seed(task.seed, number), deadline=deadline())
            member = train_gan(own, soft_labels)
            layers.append(member.layers)
            histories.append(member.history)
    except NonFiniteError as error:
        return [], histories, str(error)
    return layers, histories, ""


def _train_fallback(
    task: TrainingTask, report: GuardReport, deadline: Deadline
) -> tuple[list[Layers], GuardReport]:
    """Train what the report chose; logistic regression where the twin diverges."""
    if report.selected == TWIN:
        try:
            return [train_twin(replace(task, deadline=deadline())).layers], report
        except NonFiniteError as error:
            report = fall_back(report, TWIN, str(error))
    return [logistic_layers(task)], report


def _member_seed(seed: int, member: int) -> int:
    """Return a seed of its own for each member; the first has that of the fit."""
    if not member:
        return seed
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0])


def _risk(logits: Array, labels: Array) -> RiskTable:
    """Return the risk of out-of-fold predictions, whose classifiers saw fewer labels."""
    confidence = np.exp(log_softmax(logits)).max(axis=1)
    return risk_table(confidence, logits.argmax(axis=1) == labels)


def _subsample(rows: Tensor) -> Tensor:
    """Return every k-th row, between `COMPARED` and twice as many, or all."""
    return rows[:: max(1, len(rows) // COMPARED)]


def _diagnose(gan: list[Layers], task: TrainingTask) -> dict[str, float]:
    """Compare labelled with unlabelled rows; the GAN was trained on both as real."""
    others = np.setdiff1d(np.arange(len(task.rows)), task.labeled.numpy())
    if not len(others):
        return {}
    unlabeled = task.rows[_subsample(torch.from_numpy(others))].double().numpy()
    labeled = task.rows[task.labeled].double().numpy()
    found = {}
    if gan:
        found["labeled_log_d"] = float(log_realness(gan, labeled).mean())
        found["unlabeled_log_d"] = float(log_realness(gan, unlabeled).mean())
    pvalue = mismatch_pvalue(labeled, unlabeled, task.seed)
    return found if pvalue is None else found | {"pvalue": pvalue}
