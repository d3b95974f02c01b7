"""A cell of the few-label benchmark: one method, fitted to one set with a few labels, and tested.

The seed of a cell draws the labels, the same for all methods, and is each method's own seed; all
other labels of the pool are hidden. The test set is used once, after fitting, and chooses nothing.

A cell has the test error, its mean over classes (balanced) and the expected calibration error in
percent, the negative log-likelihood of the test labels in nats (probabilities below 1e-15 count as
1e-15) and the processor seconds of fitting and predicting. A class that was not drawn has
probability 0. Test rows for which a method has no probabilities (NaN, ``lost``) count as wrong and
as uniform; so do all rows where the method fails.
"""

import time
import warnings
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.metrics import recall_score
from threadpoolctl import threadpool_limits

from bench.few_labels.cells import Cell, Key, append
from bench.few_labels.methods import METHODS, SLOW, Array, code_of, prior_without
from bench.few_labels.sets import Problem, load
from convergan.estimator import calibration_error, mask_labels

BY_CLASS, AT_RANDOM = "class", "random"
DRAWS = (BY_CLASS, AT_RANDOM)
SEEDS_OF_SLOW = 5
"""Seeds that methods which take long are measured on at most."""


class Score(NamedTuple):
    """Figures of probabilities: errors and calibration error in percent, nats."""

    error: float
    balanced_error: float
    nll: float
    calibration: float


def measure(key: Key) -> Cell:
    """Fit a method and test it."""
    problem = load(key.set)
    y = draw_labels(problem.y, key.draw, key.labels, key.seed)
    seen = np.unique(y[y >= 0])
    codes = np.where(y >= 0, np.searchsorted(seen, y), -1)
    num_classes = int(problem.y.max()) + 1
    started = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with prior_without(key.set):
                found = METHODS[key.method](problem.X, codes, key.seed)(problem.X_test)
            probabilities = among_all_classes(found, seen, num_classes)
        except Exception as reason:  # that a method fails is a result as well
            warnings.warn(f"failed: {type(reason).__name__}: {reason}", stacklevel=1)
            probabilities = np.full((len(problem.X_test), num_classes), np.nan)
        seconds = time.process_time() - started
    return Cell(
        **key._asdict(),
        **score(probabilities, problem.y_test)._asdict(),
        lost=100 * float(np.isnan(probabilities.sum(axis=1)).mean()),
        seconds=seconds,
        rows=len(problem.X),
        test_rows=len(problem.X_test),
        notices=sorted({" ".join(str(entry.message).split())[:200] for entry in caught}),
        code=code_of(key.method),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def draw_labels(y: Array, draw: str, count: int, seed: int) -> Array:
    """Keep a few labels of a pool and mark all others -1; for a seed, more contain fewer.

    Args:
        y: (n,) classes, 0 to K - 1, two or more.
        draw: ``class`` for ``count`` labels of each; ``random`` for as many in all, ``count * K``,
            of whichever rows, as users have them. A draw of one class alone is drawn again.
        count: labels a class.
        seed: of the draw.
    """
    if draw == BY_CLASS:
        kept: Array = mask_labels(y, count, random_state=seed)
        return kept
    chance = np.random.default_rng(seed)
    total = count * (int(y.max()) + 1)
    chosen = chance.permutation(len(y))[:total]
    while len(np.unique(y[chosen])) == 1:
        chosen = chance.permutation(len(y))[:total]
    kept = np.full_like(y, -1)
    kept[chosen] = y[chosen]
    return kept


def among_all_classes(probabilities: Array, seen: Array, num_classes: int) -> Array:
    """Return probabilities (n, K) from those of the classes seen (n, S); 0 for all others."""
    found = np.zeros((len(probabilities), num_classes))
    found[:, seen] = probabilities
    return found


def score(probabilities: Array, labels: Array) -> Score:
    """Score probabilities (n, K), NaN in rows that have none, by labels (n,)."""
    lost = np.isnan(probabilities.sum(axis=1))
    known = np.where(lost[:, None], 1 / probabilities.shape[1], probabilities)
    known = known / known.sum(axis=1, keepdims=True)
    predicted = np.where(lost, -1, known.argmax(axis=1))
    recall = recall_score(labels, predicted, labels=np.unique(labels), average="macro")
    likelihood = known[np.arange(len(labels)), labels].clip(min=1e-15)
    return Score(
        error=100 * float((predicted != labels).mean()),
        balanced_error=100 * (1 - float(recall)),
        nll=float(-np.log(likelihood).mean()),
        calibration=100 * calibration_error(known, labels),
    )


def add_cell(key: Key, file: Path) -> None:
    """Measure a cell, append it to the file and print it."""
    torch.set_num_threads(1)
    with threadpool_limits(1):
        cell = measure(key)
    append(file, cell)
    print(
        f"{cell.set}, {cell.labels} a class, draw by {cell.draw}, seed {cell.seed}, "
        f"{cell.method}: error {cell.error:.2f} %, nll {cell.nll:.3f}, {cell.seconds:.1f} s",
        *cell.notices,
        sep="\n    ",
        flush=True,
    )


def keys_of_grid(
    sets: Iterable[str], draws: list[str], labels: list[int], seeds: int, methods: list[str]
) -> Iterator[Key]:
    """Yield the cells to measure, seed by seed; print which are left out for lack of rows."""
    wanted = [(name, draw, count) for name in sets for draw in draws for count in labels]
    for name, draw, count in list(wanted):
        most = most_labels(load(name), draw)
        if count > most:
            wanted.remove((name, draw, count))
            print(f"{name}: {count} labels a class, draw by {draw}, are left out: {most} at most")
    for seed in range(seeds):
        for place in wanted:
            for method in methods:
                if method not in SLOW or seed < SEEDS_OF_SLOW:
                    yield Key(*place, seed, method)


def most_labels(problem: Problem, draw: str) -> int:
    """Return how many labels a class a pool has rows for."""
    counts = np.bincount(problem.y)
    return int(counts.min() if draw == BY_CLASS else counts.sum() // len(counts))
