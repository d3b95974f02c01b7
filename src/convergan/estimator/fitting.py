"""What `SemiSupervisedGANClassifier.fit` does with standardised rows."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from ..training import NonFiniteError
from . import pool as kinds
from .calibration import RiskTable, risk_table
from .checks import Array
from .graph import label_spreading
from .linear import logistic_regression, self_training
from .mismatch import mismatch_pvalue
from .network import (
    Layers,
    LossCallback,
    Network,
    TrainingTask,
    forward,
    print_nothing,
    train_game,
)
from .novelty import UNSEEN, unseen_class_pvalue
from .opinions import (
    Evidence,
    LabeledRows,
    Opinion,
    Reduced,
    as_tensor,
    assign_folds,
    leading_axes,
)
from .pool import OpinionReport, Pool, fit_powers, pooled_held_out, usual_powers
from .shares import ClassShares, choose_shares, label_shares
from .trees import extra_trees, taught_trees

COMPONENTS = 128
"""Leading principal components to which wider rows are reduced for all opinions but those of
trees."""
MOST_ROWS = 30_000
"""Rows that are learned from: all labelled ones, and of the others as many as fit."""
BATCH_SIZE = 64
LEAST_STEPS, MOST_STEPS, EPOCHS = 500, 1000, 10
HELD_OUT, LEAST_HELD_OUT = 1000, 20
"""Unlabelled rows kept out of training: a tenth, at most 1,000; none where that is below 20."""
COMPARED = 5000
"""Rows, about, that log D is compared on after training, and that teach the trees."""
UNLIKE = 1e-3
"""p-value below which fit warns that labelled and unlabelled rows differ."""
TAUGHT_TREES_SHARE, NETWORK_SHARE = 0.2, 0.4
"""Powers of what the pool has taught; that of the pool is the rest of 1. Taught trees are too
unsure; the network is the best calibrated of the three."""

History = list[dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """Settings of a fit; arguments of `SemiSupervisedGANClassifier` of the same names."""

    members: int = 1
    max_epochs: int | None = None
    max_seconds: float | None = None
    unlabeled_weight: float = 1.0
    generated_weight: float = 1.0
    class_prior: str = "auto"
    device: str = "cpu"
    on_losses: LossCallback = print_nothing


class FitResult(NamedTuple):
    """What fitting found.

    Attributes:
        pool: that predicts.
        gan: discriminators of the game, for log D; empty if it was left out or failed.
        opinions: what each is worth.
        class_shares: that predictions are made for.
        held_out: (T, K) probabilities by the pool of the labels that could be held out, those whose
            class has another, in the order of rows.
        risk: coverage and risk of these, or None.
        diagnostics: how labelled and unlabelled rows differ, by name.
        histories: losses of each training of networks.
        steps: of each.
        notices: what the user should know.
    """

    pool: Pool
    gan: list[Layers]
    opinions: list[OpinionReport]
    class_shares: ClassShares
    held_out: Array
    risk: RiskTable | None
    diagnostics: dict[str, float]
    histories: list[History]
    steps: int
    notices: list[str]


def fit_classifier(rows: Array, codes: Array, seed: int, options: FitOptions) -> FitResult:
    """Fit all opinions, weigh them on labels held out, teach trees and networks what they say.

    Args:
        rows: (n, A) standardised, float64.
        codes: (n,) classes, -1 where unlabelled.
        seed: of all that is drawn.
        options: settings.
    """
    rows, codes = _at_most(MOST_ROWS, rows, codes, seed)
    axes = leading_axes(rows, COMPONENTS) if rows.shape[1] > COMPONENTS else None
    task = _labeled_rows(rows if axes is None else rows @ axes, codes, seed)
    evidence = _gather(task, rows)
    weighed = _weigh(evidence, task, options)
    shares = choose_shares(
        options.class_prior,
        task.labels,
        task.num_classes,
        weighed.labels,
        softmax(weighed.held_out),
        softmax(weighed.pooled[_sample(np.flatnonzero(codes < 0), seed)]),
        seed,
    )
    offset = np.log(shares.shares) - np.log(_assumed_shares(task.labels, task.num_classes))
    soft_labels = softmax(weighed.pooled + offset)
    chosen = _sample(np.arange(len(rows)), seed)
    trees = taught_trees(rows[chosen], soft_labels[chosen], seed)
    network_task = make_task(task.rows, codes, seed=seed, options=options)
    networks, histories, failure = _train_networks(network_task, soft_labels, options, axes)
    plays = bool(options.unlabeled_weight and options.generated_weight)
    opinions = {name: _on_rows(name, one, axes) for name, one in evidence.items()}
    trust = min(1.0, options.unlabeled_weight)
    taught = {kinds.TAUGHT_TREES: trust * TAUGHT_TREES_SHARE}
    opinions[kinds.TAUGHT_TREES] = trees
    if networks:
        name = kinds.GAME if plays else kinds.NETWORK
        opinions[name], taught[name] = Network(tuple(networks)), trust * NETWORK_SHARE
    own = 1 - sum(taught.values())
    gan = networks if plays else []
    diagnostics = _diagnose(gan, rows, codes, seed)
    return FitResult(
        Pool(
            tuple(opinions),
            tuple(opinions.values()),
            np.array([*(own * weighed.powers), *taught.values()]),
            own * offset,
        ),
        gan,
        _report(weighed, own, taught),
        shares,
        softmax(weighed.held_out + offset),
        _risk(weighed.held_out + offset, weighed.labels),
        diagnostics,
        histories,
        network_task.steps,
        _notices(diagnostics, failure),
    )


def hold_out_unlabeled(codes: Array, chance: np.random.Generator) -> tuple[Array, Array]:
    """Return the rows to train on, in order, and unlabelled rows to compare later rows with."""
    unlabeled = np.flatnonzero(codes < 0)
    count = min(HELD_OUT, len(unlabeled) // 10)
    held = chance.permutation(unlabeled)[: count if count >= LEAST_HELD_OUT else 0]
    return np.setdiff1d(np.arange(len(codes)), held), held


def make_task(rows: Array, codes: Array, *, seed: int, options: FitOptions) -> TrainingTask:
    """Return the task of a network on rows (n, A) with classes (n,), -1 where unlabelled."""
    labeled = np.flatnonzero(codes >= 0)
    batch_size = min(BATCH_SIZE, len(rows))
    return TrainingTask(
        rows=as_tensor(rows).float(),
        labeled=as_tensor(labeled),
        labels=as_tensor(codes[labeled]),
        num_classes=int(codes.max()) + 1,
        steps=choose_steps(len(rows), batch_size, options.max_epochs),
        batch_size=batch_size,
        unlabeled_weight=options.unlabeled_weight,
        generated_weight=options.generated_weight,
        seed=seed,
        device=torch.device(options.device),
        on_losses=options.on_losses,
    )


def choose_steps(rows: int, batch_size: int, max_epochs: int | None) -> int:
    """Return the length of a training: ``max_epochs``, or 10 within 500 and 1,000 steps."""
    per_epoch = max(1, rows // batch_size)
    if max_epochs is not None:
        return max_epochs * per_epoch
    return min(MOST_STEPS, max(LEAST_STEPS, EPOCHS * per_epoch))


def log_realness(members: Sequence[Layers], rows: Array) -> Array:
    """Return the members' mean ``log D(x) = -softplus(-logsumexp(l))``, (n,); (0,) for none."""
    if not members:
        return np.empty(0)
    sums = [np.logaddexp.reduce(forward(layers, rows), axis=1) for layers in members]
    mean: Array = np.mean([-np.logaddexp(0, -total) for total in sums], axis=0)
    return mean


def softmax(logits: Array) -> Array:
    """Return the softmax of logits (n, K)."""
    found: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    return found


def print_losses(line: dict[str, float]) -> None:
    """Print one line of a history."""
    losses = " ".join(f"{n} {v:.3f}" for n, v in line.items() if n.endswith("_loss"))
    print(f"step {line['step']:,.0f}, {line['seconds']:.1f} s: {losses}")


class _Weighed(NamedTuple):
    """What labels held out say of M opinions.

    Attributes:
        powers: (M,).
        usual: (M,) their means before the evidence.
        errors: by name of the opinion, of labels held out; None where there were none.
        pooled: (N, K) logits of the pool for the task's rows.
        held_out: (T, K) its logarithms of probabilities of labels held out from all of it.
        labels: (T,) those labels.
    """

    powers: Array
    usual: Array
    errors: dict[str, float | None]
    pooled: Array
    held_out: Array
    labels: Array


def _at_most(most: int, rows: Array, codes: Array, seed: int) -> tuple[Array, Array]:
    """Return all labelled rows, and of the others a draw of as many as fit."""
    if len(rows) <= most:
        return rows, codes
    order = np.random.default_rng(seed).random(len(rows)) - (codes >= 0)
    chosen = np.sort(np.argsort(order)[: max(most, int((codes >= 0).sum()))])
    return rows[chosen], codes[chosen]


def _labeled_rows(rows: Array, codes: Array, seed: int) -> LabeledRows:
    labeled = np.flatnonzero(codes >= 0)
    labels = codes[labeled]
    return LabeledRows(
        rows=rows,
        labeled=labeled,
        labels=labels,
        num_classes=int(codes.max()) + 1,
        folds=assign_folds(labels, seed),
        seed=seed,
    )


def _gather(task: LabeledRows, rows: Array) -> dict[str, Evidence]:
    """Fit every opinion; those of trees see the features themselves.

    The direction of a single feature is its sign, which says next to nothing.
    """
    linear = logistic_regression(task)
    found = {
        kinds.LOGISTIC: linear,
        kinds.TREES: extra_trees(replace(task, rows=rows)),
        kinds.NEAREST: label_spreading(task, directions=False),
    }
    if np.count_nonzero(np.ptp(task.rows, axis=0)) > 1:
        found[kinds.DIRECTIONS] = label_spreading(task, directions=True)
    return found | {kinds.SELF: self_training(task, linear)}


def _weigh(evidence: Mapping[str, Evidence], task: LabeledRows, options: FitOptions) -> _Weighed:
    """Fit the powers to labels that can be held out: those whose class has another."""
    usual = usual_powers(task.labels, tuple(evidence))
    tested = np.bincount(task.labels)[task.labels] > 1
    labels = task.labels[tested]
    held_out = np.stack([found.held_out[tested] for found in evidence.values()])
    trust = [
        min(1.0, options.unlabeled_weight) if name in kinds.OF_ALL_ROWS else 1.0
        for name in evidence
    ]
    powers = fit_powers(held_out, labels, usual) * trust
    pooled = np.zeros_like(next(iter(evidence.values())).rows)
    for power, found in zip(powers, evidence.values(), strict=True):
        pooled += power * found.rows
    errors = {
        name: float((logs.argmax(axis=1) != labels).mean()) if len(labels) else None
        for name, logs in zip(evidence, held_out, strict=True)
    }
    judged = pooled_held_out(held_out, labels, task.folds[tested], usual)
    return _Weighed(powers, usual, errors, pooled, judged, labels)


def _on_rows(name: str, evidence: Evidence, axes: Array | None) -> Opinion:
    """Return an opinion of the features, where it was fitted to their components."""
    if axes is None or name == kinds.TREES:
        return evidence.opinion
    return Reduced(axes, evidence.opinion)


def _assumed_shares(labels: Array, num_classes: int) -> Array:
    """Return the class shares that opinions learn from the labels."""
    counts = np.bincount(labels, minlength=num_classes)
    if counts.max() - counts.min() > 1:
        return label_shares(labels, num_classes)
    return np.full(num_classes, 1 / num_classes)


def _train_networks(
    task: TrainingTask, soft_labels: Array, options: FitOptions, axes: Array | None
) -> tuple[list[Layers], list[History], str]:
    """Train the networks; where one diverges, return none of them, and why."""
    found: list[Layers] = []
    histories: list[History] = []
    end = time.monotonic() + (math.inf if options.max_seconds is None else options.max_seconds)
    taught = as_tensor(soft_labels).float()
    try:
        for number in range(options.members):
            now = time.monotonic()
            share = max(0.0, end - now) / (options.members - number)
            seed = _member_seed(task.seed, number)
            member = train_game(replace(task, seed=seed, deadline=now + share), taught)
            (weights, biases), *later = member.layers
            first = weights if axes is None else axes @ weights
            found.append([(first, biases), *later])
            histories.append(member.history)
    except NonFiniteError as error:
        return [], histories, str(error)
    return found, histories, ""


def _member_seed(seed: int, member: int) -> int:
    """Return a seed of its own for each member; the first has that of the fit."""
    if not member:
        return seed
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0])


def _report(weighed: _Weighed, own: float, taught: Mapping[str, float]) -> list[OpinionReport]:
    found = [
        OpinionReport(name, float(own * power), float(own * usual), error)
        for (name, error), power, usual in zip(
            weighed.errors.items(), weighed.powers, weighed.usual, strict=True
        )
    ]
    return found + [OpinionReport(name, power, power, None) for name, power in taught.items()]


def _risk(logits: Array, labels: Array) -> RiskTable | None:
    """Return the risk of the pool's predictions of labels held out; None where none could be."""
    if not len(labels):
        return None
    confidence = softmax(logits).max(axis=1)
    return risk_table(confidence, logits.argmax(axis=1) == labels)


def _sample(places: Array, seed: int) -> Array:
    """Return `COMPARED` of the places, drawn at random, or all of them."""
    if len(places) <= COMPARED:
        return places
    drawn = np.random.default_rng(seed).permutation(len(places))[:COMPARED]
    found: Array = places[np.sort(drawn)]
    return found


def _notices(diagnostics: Mapping[str, float], failure: str) -> list[str]:
    notices = []
    if failure:
        notices.append(f"the network is left out, its training failed: {failure}")
    if diagnostics.get("unseen_class_pvalue", 1.0) <= UNSEEN:
        notices.append(
            "some unlabeled rows are probably of a class that no label names (p = "
            "{unseen_class_pvalue:.2g}): look at those that are least like the labeled "
            "ones".format(**diagnostics)
        )
    if diagnostics.get("pvalue", 1.0) < UNLIKE:
        notices.append(
            "unlabeled rows do not look like labeled ones (p = {pvalue:.2g} of a two-sample test): "
            "they may be of other classes, or of the same in other shares".format(**diagnostics)
        )
    return notices


def _diagnose(gan: list[Layers], rows: Array, codes: Array, seed: int) -> dict[str, float]:
    """Compare labelled with unlabelled rows; the game took both for real."""
    others = _sample(np.flatnonzero(codes < 0), seed)
    if not len(others):
        return {}
    labeled, unlabeled = rows[codes >= 0], rows[others]
    found = {}
    if gan:
        found["labeled_log_d"] = float(log_realness(gan, labeled).mean())
        found["unlabeled_log_d"] = float(log_realness(gan, unlabeled).mean())
    tests = {
        "pvalue": mismatch_pvalue(labeled, unlabeled, seed),
        "unseen_class_pvalue": unseen_class_pvalue(labeled, codes[codes >= 0], unlabeled, seed),
    }
    return found | {name: pvalue for name, pvalue in tests.items() if pvalue is not None}
