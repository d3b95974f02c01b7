"""All runs of a table: several arms, several seeds, one folder each.

The arms are the label counts of one of the paper's tables, or the recipes of a study. The folder
holds ``sweep.json`` (what the runs have in common), a run folder such as ``labels-100/seed-3/`` or
``toy-on-ring/seed-3/`` for each, and the table as ``table.md``, ``.csv``, ``.json`` and ``.html``.
Finished runs are not run again and others go on, so the same command finishes what was stopped.
"""

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ..core.environment import note_environment
from ..core.files import read_json, replace_file, write_array
from ..core.html import Picture
from ..core.progress import Progress
from ..core.signals import Interrupted, StopRequests, handle_signals
from ..data import DataError, Dataset
from ..recipes import code_of, describe_training, find_recipe, name_without
from ..recipes.without import WITHOUT
from ..runs.code import compare_code, note_changed_code
from ..runs.folder import claim_identity, is_locked, locked, read_description
from ..runs.settings import Settings, choose_labels
from .label_table import errors_line, label_table
from .results import (
    FinishedRun,
    Place,
    SweepTable,
    finished_runs,
    place_by_labels,
    place_by_recipe,
    write_page,
    write_table,
)
from .studies import RecipeStudy
from .study_table import draw_study, figures_line, study_table
from .workers import POLL, Outcome, Task, Workers

STOP = ".stop"
"""Name of the file that tells the runs to stop."""
TAIL = 4096
"""Bytes of a log in which its last line is looked for."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is to be run, see `label_sweep` and `study_sweep`.

    Attributes:
        runs: every run, in the order in which they start.
        common: the table's name, and settings that all runs share, now and whenever runs are added.
        folder: where everything is written.
        place: from the settings of a run to its folder below ``folder``.
        line_of: from a finished run to the line that is shown.
        make_table: from ``folder`` to the table of what is there, finished or not.
        draw: from ``folder`` to pictures, which it writes there.
        needs_test_rows: keep the test rows' labels for the table, and refuse data without any.
        baselines: fit the baselines of ``train`` beside each run of a whole recipe.
        more: arguments of ``train`` for every run, that are no part of what it is.
    """

    runs: tuple[Settings, ...]
    common: Mapping[str, Any]
    folder: Path
    place: Place
    line_of: Callable[[FinishedRun], str]
    make_table: Callable[[Path], SweepTable]
    draw: Callable[[Path], list[Picture]]
    needs_test_rows: bool
    baselines: bool = False
    more: tuple[str, ...] = ()

    def folder_of(self, run: Settings) -> Path:
        """Return the folder of one run."""
        return self.folder / self.place(asdict(run))

    def unfinished(self) -> list[Settings]:
        """Return the runs without a result, in order."""
        finished = {run.folder for run in finished_runs(self.folder, self.place)}
        return [run for run in self.runs if self.folder_of(run) not in finished]


def label_sweep(
    table: str,
    shared: Settings,
    *,
    labels: Sequence[int],
    seeds: Sequence[int],
    folder: Path,
    without: Sequence[str] = (),
    baselines: bool = False,
) -> Sweep:
    """Return a sweep over label counts: all of them with the first seed, then with the next.

    Args:
        table: name of the paper's table.
        shared: settings of every run, whose ``labels`` and ``seed`` are not used.
        labels: label counts, labelled rows over all classes.
        seeds: of the runs.
        folder: where everything is written.
        without: ablations, each the parts that it leaves out with commas between them; they are
            run on the same labels and seeds.
        baselines: fit the baselines of ``train`` beside each run of the whole recipe.

    Raises:
        ValueError: if a seed, a label count or an ablation is named twice.
    """
    _require_once("seeds", seeds)
    _require_once("labels", labels)
    recipes = [shared.recipe, *(name_without(shared.recipe, parts) for parts in without)]
    _require_once("recipes", recipes)
    runs = tuple(
        replace(shared, recipe=recipe, labels=n, seed=seed)
        for seed in seeds
        for n in labels
        for recipe in recipes
    )
    names = ("recipe", "data", "steps", "device", "precision")
    return Sweep(
        runs=runs,
        common={"table": table, **{name: getattr(shared, name) for name in names}},
        folder=folder,
        place=place_by_labels,
        line_of=errors_line,
        make_table=label_table,
        draw=lambda folder: [],
        needs_test_rows=True,
        baselines=baselines,
    )


def study_sweep(
    study: RecipeStudy,
    *,
    data: Sequence[str],
    seeds: Sequence[int] | None,
    steps: int | None,
    device: str,
    precision: str,
    folder: Path,
) -> Sweep:
    """Return a sweep over the recipes of a study: all of them with seed 0 first, and so on.

    Args:
        study: whose arms to run.
        data: sources; the arms on others are left out.
        seeds: of every arm; None for the number of each, from 0.
        steps: of every run; None for those of each recipe.
        device: of every run, ``cpu`` or ``cuda``.
        precision: of every run.
        folder: where everything is written.

    Raises:
        ValueError: if there is no arm on one of ``data``, or a seed or source is named twice.
    """
    _require_once("seeds", seeds or ())
    _require_once("data", data)
    arms = [arm for source in data for arm in study.arms_on(source)]
    every = range(max(arm.seeds for arm in arms)) if seeds is None else seeds
    runs = [
        Settings(
            recipe=arm.recipe,
            data=arm.data,
            labels=find_recipe(arm.recipe).labels,
            seed=seed,
            steps=find_recipe(arm.recipe).steps if steps is None else steps,
            device=device,
            precision=precision,
        )
        for seed in every
        for arm in arms
        if seeds is not None or seed < arm.seeds
    ]
    common = {
        "table": study.name,
        "data": ",".join(data),
        "device": device,
        "precision": precision,
        **({} if steps is None else {"steps": steps}),
    }
    return Sweep(
        runs=tuple(runs),
        common=common,
        folder=folder,
        place=place_by_recipe,
        line_of=figures_line,
        make_table=partial(study_table, study=study),
        draw=partial(draw_study, study=study),
        needs_test_rows=False,
    )


def _require_once(kind: str, named: Sequence[object]) -> None:
    for each in named:
        if named.count(each) > 1:
            raise ValueError(f"{kind} must be named once each, got {each} twice")


def run_sweep(
    sweep: Sweep,
    datasets: Mapping[str, Dataset],
    workers: Workers,
    *,
    allow_changed_code: bool = False,
    words: Sequence[str] = (),
) -> Iterator[Progress]:
    """Run what is not finished and write the table.

    Args:
        sweep: what to run.
        datasets: by source, of all runs; every run loads its own again in its own process.
        workers: how many at a time, and where.
        allow_changed_code: go on where the user's code is other than the sweep was begun with.
        words: of the command line, for the page; none where there is none.

    Yields:
        `Progress` in steps of all runs together; a notice for each run that ends.

    Raises:
        ValueError: if labels cannot be drawn, or the folder is in use, another sweep's or of other
            code.
        DataError: if there are no test rows.
        Interrupted: after SIGINT or SIGTERM, once every run has stopped with a checkpoint.
    """
    for run in sweep.runs:
        choose_labels(find_recipe(run.recipe), datasets[run.data], run)
    if sweep.needs_test_rows:
        _require_test_rows(datasets)
    with locked(sweep.folder / "sweep.json"), handle_signals() as requests:
        told = _claim_folder(sweep, datasets, allow_changed_code)
        left = {sweep.folder_of(run): run for run in sweep.unfinished()}
        if words and left:
            note_environment(sweep.folder, words)
        failed: list[str] = []
        held = [f"{folder} is in use; waiting for it" for folder in left if is_locked(folder)]
        shown = _progress(sweep, left, [*filter(None, [told]), *held])
        yield shown
        tasks = [_task(sweep, run, workers.threads) for run in left.values()]
        for outcomes in _perform_in_thread(tasks, workers, sweep.folder / STOP, requests):
            ended = [outcome for outcome in outcomes if not (outcome.code and requests.stop)]
            notices = [_note_outcome(sweep, outcome, left, failed) for outcome in ended]
            shown, before = _progress(sweep, left, notices), shown
            if notices or shown.step != before.step:
                yield shown
        table = sweep.make_table(sweep.folder)
        write_table(sweep.folder, table, failed)
        write_page(sweep.folder, table, failed, sweep.draw(sweep.folder))
        if requests.stop:
            finished = f"{len(sweep.runs) - len(left)} of {len(sweep.runs)} runs finished"
            raise Interrupted(requests.stop, f"with {finished}; the same command goes on")
        if failed:
            yield _progress(sweep, left, [f"failed: {line}" for line in failed])


def _require_test_rows(datasets: Mapping[str, Dataset]) -> None:
    for source, dataset in datasets.items():
        if not len(dataset.test.labels):
            raise DataError(f"{source} has no test rows, which a table needs")


def _claim_folder(sweep: Sweep, datasets: Mapping[str, Dataset], allow_changed_code: bool) -> str:
    """Make the folder this sweep's, or see that it is; return what the user should know."""
    recipes = sorted({run.recipe for run in sweep.runs})
    code = {file: sha256 for name in recipes for file, sha256 in code_of(name).items()}
    identity = {
        "settings": dict(sweep.common),
        "recipes": {name: describe_training(find_recipe(name)) for name in recipes},
        "data_sha256": {source: dataset.sha256() for source, dataset in datasets.items()},
        **({"code": code} if code else {}),
    }
    file = sweep.folder / "sweep.json"
    claim_identity(file, identity, {})
    told = compare_code(sweep.folder, read_description(file), code, allow=allow_changed_code)
    if told and sweep.unfinished():
        note_changed_code(file, code)
    if sweep.needs_test_rows:
        write_array(sweep.folder / "test_labels.npy", datasets[sweep.runs[0].data].test.labels)
    return told


def _task(sweep: Sweep, run: Settings, threads: int) -> Task:
    folder = sweep.folder_of(run)
    options = asdict(run)
    recipe = str(options.pop("recipe"))
    options |= {"out": str(folder), "threads": threads, "keep": 1}
    named = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    baselines = sweep.baselines and WITHOUT not in recipe
    named.append("--baselines" if baselines else "--no-baselines")
    return Task(
        arguments=("train", recipe, *named, *sweep.more),
        folder=folder.absolute(),
        stop=sweep.folder.absolute() / STOP,
        place=Path.cwd(),
        threads=threads,
    )


def _perform_in_thread(
    tasks: Sequence[Task], workers: Workers, stop: Path, requests: StopRequests
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
                if requests.stop and not stop.exists():
                    replace_file(stop, str(requests.stop).encode())
                yield [came.get() for _ in range(came.qsize())]
        finally:
            if not performed.done():  # nobody looks any more
                replace_file(stop, str(signal.SIGTERM.value).encode())
    stop.unlink(missing_ok=True)
    performed.result()
    yield [came.get() for _ in range(came.qsize())]


def _note_outcome(
    sweep: Sweep, outcome: Outcome, left: dict[Path, Settings], failed: list[str]
) -> str:
    """Return the line of a run that ended, and note whether it is done or has failed."""
    [(folder, run)] = [(f, r) for f, r in left.items() if f.absolute() == outcome.folder]
    if outcome.code:
        name = folder.relative_to(sweep.folder).as_posix().replace("-", " ").replace("/", " ")
        failed.append(f"{name}: {outcome.reason}")
        return f"failed: {failed[-1]}"
    del left[folder]
    finished = FinishedRun(folder, asdict(run), read_json(folder / "result.json"))
    return sweep.line_of(finished)


def _progress(sweep: Sweep, left: Mapping[Path, Settings], notices: Sequence[str]) -> Progress:
    total = sum(run.steps for run in sweep.runs)
    done = total - sum(run.steps for run in left.values()) + sum(map(logged_step, left))
    return Progress(f"{len(sweep.runs)} runs", done, total, {}, tuple(notices))


def logged_step(folder: Path) -> int:
    """Return the last step that the log of a run has, or 0."""
    try:
        with (folder / "metrics.jsonl").open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - TAIL))
            return int(json.loads(log.read().splitlines()[-1])["step"])
    except (FileNotFoundError, IndexError, ValueError):  # no log, none yet, half a line
        return 0
