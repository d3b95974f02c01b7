"""All runs of one of the paper's tables: several label counts, several seeds, one folder each.

The folder of a sweep holds ``sweep.json`` (what its runs have in common), ``test_labels.npy``, a
run folder ``labels-100/seed-3/`` for each run, and ``table.md``, ``table.csv`` and ``table.json``.
Finished runs are not run again and others go on, so the same command finishes what was stopped.
"""

import json
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from .data import DataError, Dataset
from .folders import claim, held, is_held
from .recipes import Recipe, find_recipe
from .run import Progress, Settings, choose_labels, identify
from .signals import Interrupted, Wishes, obeyed
from .sweep_table import finished_runs, read_run, run_folder, write_table
from .training.checkpoint import replace_file, write_array
from .workers import POLL, Outcome, Task, Workers

STOP = ".stop"
"""Name of the file that tells the runs to stop."""
TAIL = 4096
"""Bytes of a log in which its last line is looked for."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is to be run.

    Attributes:
        table: name of the paper's table.
        recipe: of every run.
        data: of every run.
        labels: label counts, labelled rows over all classes.
        seeds: number of seeds, from 0.
        steps: of every run.
        device: of every run, ``cpu`` or ``cuda``.
        precision: of every run.
        folder: where everything is written.

    Raises:
        ValueError: if a value is out of range, or a label count is named twice.
    """

    table: str
    recipe: str
    data: str
    labels: tuple[int, ...]
    seeds: int
    steps: int
    device: str
    precision: str
    folder: Path

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        if self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, got {self.seeds}")
        for labels in self.labels:
            if self.labels.count(labels) > 1:
                raise ValueError(f"labels must be named once each, got {labels} twice")

    @property
    def common(self) -> dict[str, str | int]:
        """What all runs have in common."""
        names = ("recipe", "data", "steps", "device", "precision")
        return {name: getattr(self, name) for name in names}

    @property
    def runs(self) -> list[Settings]:
        """Every run: all label counts of seed 0 first, then of seed 1, and so on."""
        return [
            Settings(
                recipe=self.recipe,
                data=self.data,
                labels=labels,
                seed=seed,
                steps=self.steps,
                device=self.device,
                precision=self.precision,
            )
            for seed in range(self.seeds)
            for labels in self.labels
        ]

    def folder_of(self, run: Settings) -> Path:
        """Return the folder of one run."""
        return run_folder(self.folder, run.labels, run.seed)

    def unfinished(self) -> list[Settings]:
        """Return the runs without a result, in order."""
        finished = {(run.labels, run.seed) for run in finished_runs(self.folder)}
        return [run for run in self.runs if (run.labels, run.seed) not in finished]


def parse_labels(text: str) -> tuple[int, ...]:
    """Return the label counts in a text such as ``20,50``.

    Example:
        >>> parse_labels("20, 50")
        (20, 50)
        >>> parse_labels("20;50")
        Traceback (most recent call last):
        ValueError: labels must be whole numbers with commas between them, got '20;50'
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"labels must be whole numbers with commas between them, got {text!r}"
        ) from None


def run_sweep(sweep: Sweep, dataset: Dataset, workers: Workers) -> Iterator[Progress]:
    """Run what is not finished and write the table.

    Args:
        sweep: what to run.
        dataset: its rows; every run loads them again in its own process.
        workers: how many at a time, and where.

    Yields:
        `Progress` in steps of all runs together; a notice for each run that ends.

    Raises:
        ValueError: if labels cannot be drawn, or the folder is in use or another sweep's.
        DataError: if there are no test rows.
        Interrupted: after SIGINT or SIGTERM, once every run has stopped with a checkpoint.
    """
    recipe = find_recipe(sweep.recipe)
    for run in sweep.runs[: len(sweep.labels)]:
        choose_labels(recipe, dataset, run)
    if not len(dataset.test.labels):
        raise DataError(f"{sweep.data} has no test rows, which a table needs")
    with held(sweep.folder / "sweep.json"), obeyed() as wishes:
        _claim(sweep, recipe, dataset)
        left = {sweep.folder_of(run): run for run in sweep.unfinished()}
        failed: list[str] = []
        shown = _progress(sweep, left, _being_run(left))
        yield shown
        tasks = [_task(sweep, run, workers.threads) for run in left.values()]
        for outcomes in _perform(tasks, workers, sweep.folder / STOP, wishes):
            ended = [outcome for outcome in outcomes if not (outcome.code and wishes.stop)]
            notices = [_tell(outcome, left, failed) for outcome in ended]
            shown, before = _progress(sweep, left, notices), shown
            if notices or shown.step != before.step:
                yield shown
        write_table(sweep.folder, failed)
        if wishes.stop:
            finished = f"{len(sweep.runs) - len(left)} of {len(sweep.runs)} runs finished"
            raise Interrupted(wishes.stop, f"with {finished}; the same command goes on")
        if failed:
            yield _progress(sweep, left, [f"failed: {line}" for line in failed])


def _claim(sweep: Sweep, recipe: Recipe, dataset: Dataset) -> None:
    settings = {"table": sweep.table, **sweep.common}
    claim(sweep.folder / "sweep.json", identify(recipe, settings, dataset.sha256()), {})
    write_array(sweep.folder / "test_labels.npy", dataset.test.labels)


def _task(sweep: Sweep, run: Settings, threads: int) -> Task:
    folder = sweep.folder_of(run)
    options = {**sweep.common, "labels": run.labels, "seed": run.seed}
    recipe = str(options.pop("recipe"))
    options |= {"out": str(folder), "threads": threads, "keep": 1}
    named = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return Task(
        arguments=("train", recipe, *named, "--no-baselines"),
        folder=folder.absolute(),
        stop=sweep.folder.absolute() / STOP,
        place=Path.cwd(),
        threads=threads,
    )


def _perform(
    tasks: Sequence[Task], workers: Workers, stop: Path, wishes: Wishes
) -> Iterator[list[Outcome]]:
    """Perform tasks in another thread; yield what came back since the last look."""
    came: SimpleQueue[Outcome] = SimpleQueue()

    def perform() -> None:
        for outcome in workers.perform(tasks):
            came.put(outcome)

    stop.unlink(missing_ok=True)
    with ThreadPoolExecutor(1) as thread:
        performed = thread.submit(perform)
        try:
            while not performed.done():
                time.sleep(POLL)
                if wishes.stop and not stop.exists():
                    replace_file(stop, str(wishes.stop).encode())
                yield [came.get() for _ in range(came.qsize())]
        finally:
            if not performed.done():  # nobody looks any more
                replace_file(stop, str(signal.SIGTERM.value).encode())
    stop.unlink(missing_ok=True)
    performed.result()
    yield [came.get() for _ in range(came.qsize())]


def _tell(outcome: Outcome, left: dict[Path, Settings], failed: list[str]) -> str:
    """Return the line of a run that ended, and note whether it is done or has failed."""
    [(folder, run)] = [(f, r) for f, r in left.items() if f.absolute() == outcome.folder]
    if outcome.code:
        failed.append(f"labels {run.labels} seed {run.seed}: {outcome.reason}")
        return f"failed: {failed[-1]}"
    del left[folder]
    return str(read_run(folder, run.labels, run.seed))


def _being_run(left: Mapping[Path, Settings]) -> list[str]:
    return [f"{folder} is in use; waiting for it" for folder in left if is_held(folder)]


def _progress(sweep: Sweep, left: Mapping[Path, Settings], notices: Sequence[str]) -> Progress:
    done = sweep.steps * (len(sweep.runs) - len(left)) + sum(map(logged_step, left))
    name = f"{len(sweep.runs)} runs"
    return Progress(name, done, sweep.steps * len(sweep.runs), {}, tuple(notices))


def logged_step(folder: Path) -> int:
    """Return the last step that the log of a run has, or 0."""
    try:
        with (folder / "metrics.jsonl").open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - TAIL))
            return int(json.loads(log.read().splitlines()[-1])["step"])
    except (FileNotFoundError, IndexError, ValueError):  # no log, none yet, half a line
        return 0
