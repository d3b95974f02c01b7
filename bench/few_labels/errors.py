"""A few labels of nine data sets: ours beside what else is at hand, as one command to be resumed.

``python -m bench.few_labels.errors run --out FILE`` fits every method on every set, number of
labels a class and seed that FILE lacks, appends a line of JSON for each, then prints what
``python -m bench.few_labels.errors report FILE`` prints. A stopped run goes on when called again;
``--jobs`` and calls beside each other with other ``--sets`` or ``--methods`` share a file. One
thread a fit.

A seed draws the labels, the same for all methods, and is each method's own seed; all other labels
of the pool are hidden. The test set is looked at once, after fitting, and chooses nothing. See
`bench.few_labels.sets` for the data and `bench.few_labels.methods` for the methods.

A cell has the test error and the expected calibration error in percent, the negative
log-likelihood of the test labels in nats (of probabilities of 1e-15 at least) and the processor
seconds to fit. Test rows for which a method has no probabilities (NaN, ``lost``) count as wrong and
as uniform; so do all of them where it fails.
"""

import argparse
import time
import warnings
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from bench.few_labels.cells import Cell, append, read
from bench.few_labels.methods import METHODS, Array, code_of
from bench.few_labels.report import report
from bench.few_labels.sets import SETS, load
from convergan.estimator import calibration_error, mask_labels

LABELS = (1, 2, 5, 10, 50)


class Key(NamedTuple):
    """What a cell is of."""

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
        except Exception as reason:  # of another's code, and a result like any other
            warnings.warn(f"failed: {type(reason).__name__}: {reason}", stacklevel=1)
            seconds = time.process_time() - started
            probabilities = np.full((len(problem.X_test), int(problem.y.max()) + 1), np.nan)
    error, nll, calibration = judge(probabilities, problem.y_test)
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


def judge(probabilities: Array, labels: Array) -> tuple[float, float, float]:
    """Return error in percent, negative log-likelihood and calibration error in percent."""
    lost = np.isnan(probabilities.sum(axis=1))
    known = np.where(lost[:, None], 1 / probabilities.shape[1], probabilities)
    known = known / known.sum(axis=1, keepdims=True)
    wrong = lost | (known.argmax(axis=1) != labels)
    likelihood = known[np.arange(len(labels)), labels].clip(min=1e-15)
    calibration = calibration_error(known, labels)
    return 100 * float(wrong.mean()), float(-np.log(likelihood).mean()), 100 * calibration


def work(key: Key, file: Path) -> None:
    """Measure a cell unless the file has it by now, and say what was found."""
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


def cells(sets: Iterable[str], labels: list[int], seeds: int, methods: list[str]) -> Iterator[Key]:
    """Go through the grid, seed by seed, and say which parts of it there cannot be."""
    wanted = [(name, count) for name in sets for count in labels]
    for name, count in list(wanted):
        fewest = int(np.bincount(load(name).y).min())
        if count > fewest:
            wanted.remove((name, count))
            print(f"{name}: a class has {fewest} rows, {count} labels a class are left out")
    for seed in range(seeds):
        for name, count in wanted:
            yield from (Key(name, count, seed, method) for method in methods)


def command_line() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="fit what the file lacks")
    run.add_argument("--out", type=Path, required=True, help="file of results, one a line")
    run.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    names = f"(default: all of {', '.join(SETS)})"
    run.add_argument(
        "--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET", help=names
    )
    run.add_argument(
        "--labels",
        type=int,
        nargs="+",
        default=list(LABELS),
        metavar="COUNT",
        help="of each class (default: 1 2 5 10 50)",
    )
    run.add_argument("--seeds", type=int, default=5, help="number of them, from 0 (default: 5)")
    quoted = " ".join(f"'{name}'" for name in METHODS)
    run.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        default=list(METHODS),
        metavar="METHOD",
        help=f"(default: all of {quoted})",
    )
    shown = commands.add_parser("report", help="print tables of a file")
    shown.add_argument("out", type=Path, metavar="FILE")
    shown.add_argument(
        "--methods", nargs="+", metavar="METHOD", help="to compare (default: all in the file)"
    )
    return parser


def main() -> None:
    parser = command_line()
    arguments = parser.parse_args()
    if arguments.command == "report":
        try:
            print(report(read(arguments.out), arguments.methods))
        except ValueError as error:
            parser.error(f"{arguments.out}: {error}")
        return
    if min(*arguments.labels, arguments.seeds, arguments.jobs) < 1:
        parser.error("--labels, --seeds and --jobs must be 1 or more")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    done = {cell[:4] for cell in read(arguments.out)}
    grid = cells(arguments.sets, arguments.labels, arguments.seeds, arguments.methods)
    left = [key for key in grid if key not in done]
    print(f"{len(left)} cells to measure, {len(done)} in {arguments.out}", flush=True)
    Parallel(n_jobs=arguments.jobs)(delayed(work)(key, arguments.out) for key in left)
    print(report(read(arguments.out), None))


if __name__ == "__main__":
    main()
