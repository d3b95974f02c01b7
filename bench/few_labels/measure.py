"""A cell of the few-label benchmark: one method, fitted to one set with a few labels, and tested.

The seed of a cell draws the labels, the same for all methods, and is each method's own seed; all
other labels of the pool are hidden. The test set is used once, after fitting, and chooses nothing.

A cell has the test error and the expected calibration error in percent, the negative
log-likelihood of the test labels in nats (probabilities below 1e-15 count as 1e-15) and the
processor seconds of the fit. Test rows for which a method has no probabilities (NaN, ``lost``)
count as wrong and as uniform; so do all rows where the method fails.
"""

import time
import warnings
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from bench.few_labels.cells import Cell, append, read
from bench.few_labels.methods import METHODS, Array, code_of
from bench.few_labels.sets import load
from convergan.estimator import calibration_error, mask_labels


class Key(NamedTuple):
    """What identifies a cell."""

    set: str
    labels: int
    seed: int
    method: str


def measure(key: Key) -> Cell:
    """Fit a method and test it."""
    problem = load(key.set)
    y = mask_labels(problem.y, key.labels, random_state=key.seed)
    started = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            predict = METHODS[key.method](problem.X, y, key.seed)
            seconds = time.process_time() - started
            probabilities = predict(problem.X_test)
        except Exception as reason:  # that a method fails is a result as well
            warnings.warn(f"failed: {type(reason).__name__}: {reason}", stacklevel=1)
            seconds = time.process_time() - started
            probabilities = np.full((len(problem.X_test), int(problem.y.max()) + 1), np.nan)
    error, nll, calibration = score(probabilities, problem.y_test)
    return Cell(
        **key._asdict(),
        error=error,
        nll=nll,
        calibration=calibration,
        lost=100 * float(np.isnan(probabilities.sum(axis=1)).mean()),
        seconds=seconds,
        rows=len(problem.X),
        test_rows=len(problem.X_test),
        notices=sorted({" ".join(str(entry.message).split())[:200] for entry in caught}),
        code=code_of(key.method),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def score(probabilities: Array, labels: Array) -> tuple[float, float, float]:
    """Return error in percent, negative log-likelihood and calibration error in percent."""
    lost = np.isnan(probabilities.sum(axis=1))
    known = np.where(lost[:, None], 1 / probabilities.shape[1], probabilities)
    known = known / known.sum(axis=1, keepdims=True)
    wrong = lost | (known.argmax(axis=1) != labels)
    likelihood = known[np.arange(len(labels)), labels].clip(min=1e-15)
    calibration = calibration_error(known, labels)
    return 100 * float(wrong.mean()), float(-np.log(likelihood).mean()), 100 * calibration


def add_cell(key: Key, file: Path) -> None:
    """Measure a cell, append it to the file and print it, unless the file has it by now."""
    if key in {cell[: len(key)] for cell in read(file)}:
        return
    torch.set_num_threads(1)
    with threadpool_limits(1):
        cell = measure(key)
    append(file, cell)
    print(
        f"{cell.set}, {cell.labels} a class, seed {cell.seed}, {cell.method}: error "
        f"{cell.error:.2f} %, nll {cell.nll:.3f}, {cell.seconds:.1f} s",
        *cell.notices,
        sep="\n    ",
        flush=True,
    )


def keys_of_grid(
    sets: Iterable[str], labels: list[int], seeds: int, methods: list[str]
) -> Iterator[Key]:
    """Yield the cells to measure, seed by seed; print which are left out for lack of rows."""
    wanted = [(name, count) for name in sets for count in labels]
    for name, count in list(wanted):
        fewest = int(np.bincount(load(name).y).min())
        if count > fewest:
            wanted.remove((name, count))
            print(f"{name}: a class has {fewest} rows, {count} labels a class are left out")
    for seed in range(seeds):
        for name, count in wanted:
            yield from (Key(name, count, seed, method) for method in methods)
