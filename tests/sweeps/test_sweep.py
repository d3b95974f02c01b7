"""Sweeps of real runs, each in its own process, as few and short as will do."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convergan.recipes import find_recipe
from convergan.runs.settings import Settings
from convergan.sweeps.studies import STUDIES
from convergan.sweeps.sweep import Sweep, label_sweep, logged_step, study_sweep
from convergan.sweeps.workers import Outcome, Task, perform, require
from tests.commands import Command, convergan

SMALL = ("mnist-table", "--recipe", "digits", "--data", "digits", "--device", "cpu")


def sweep(folder: Path, *more: object) -> int:
    return convergan("sweep", *SMALL, "--threads", 1, "--out", folder, *more)


def wait_until(happens: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.nightly
def test_a_failing_run_stops_no_other_and_the_same_command_with_more_seeds_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "table"
    foreign = folder / "labels-50" / "seed-0" / "chapter.txt"
    wished = ("--steps", 20, "--jobs", 2)
    assert sweep(folder, *wished, "--labels", 20, "--seeds", 1) == 0
    shown = capsys.readouterr()
    errors = json.loads((folder / "table.json").read_text())["columns"][0]["singles"]["0"]
    assert f"labels 20 seed 0: {errors:.0f} errors, " in shown.err
    assert "digits on digits, 20 steps, 1 seed; errors out of 500" in shown.out
    written = (folder / "labels-20" / "seed-0" / "result.json").stat().st_mtime_ns

    foreign.parent.mkdir(parents=True)
    foreign.write_text("do not touch")
    more = (*wished, "--labels", "20,50", "--seeds", 1, "--cluster", "local")
    assert sweep(folder, *more) == 1
    shown = capsys.readouterr()
    lines = shown.err.splitlines()
    refusal = "is not empty and not a run; choose another --out"
    assert f"labels 50 seed 0: exit code 2: {foreign.parent} {refusal}" in shown.err
    assert lines[-1] == "convergan: 1 of 2 runs failed; the same command tries them again"
    assert [path.name for path in foreign.parent.iterdir()] == ["chapter.txt"]
    page = (folder / "table.md").read_text()
    assert "| 20 | digits | 1 |" in page and "Failed: labels 50 seed 0: exit code 2: " in page

    foreign.unlink()
    assert sweep(folder, *more) == 0
    assert "Failed" not in (folder / "table.md").read_text()
    assert (folder / "labels-20" / "seed-0" / "result.json").stat().st_mtime_ns == written
    for labels in (20, 50):
        probabilities = np.load(folder / f"labels-{labels}/seed-0/test_probabilities.npy")
        assert probabilities.shape == (500, 10) and probabilities.dtype == np.float32
        wrong = int((probabilities.argmax(1) != np.load(folder / "test_labels.npy")).sum())
        result = json.loads((folder / f"labels-{labels}/seed-0/result.json").read_text())
        assert wrong == round(500 * result["test_error"])


@pytest.mark.nightly
def test_ray_runs_what_processes_of_this_machine_run(tmp_path: Path) -> None:
    """The cluster is a process of its own, as Ray keeps threads of it for as long as ours lives."""
    wished = ("--labels", "20", "--seeds", "2", "--steps", "20", "--threads", "1")
    command = [sys.executable, "-m", "convergan", "sweep", *SMALL, *wished]
    for folder, more in (("ray", ["--cluster", "ray"]), ("here", ["--jobs", "2"])):
        done = subprocess.run(
            [*command, "--out", str(tmp_path / folder), *more], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    tables = [json.loads((tmp_path / f / "table.json").read_text()) for f in ("ray", "here")]
    assert tables[0]["columns"][0]["singles"] == tables[1]["columns"][0]["singles"]


@pytest.mark.nightly
def test_a_run_that_fits_no_worker_of_ray_is_refused_at_once(tmp_path: Path) -> None:
    wished = ("--seeds", 1, "--labels", 20, "--steps", 20, "--threads", 999, "--out", "table")
    command = ("sweep", *SMALL, "--cluster", "ray", *wished)
    done = Command(*command, folder=tmp_path).result()
    assert done.returncode == 2
    assert "a run of 999 threads fits no worker of ray" in done.stderr


def test_a_cluster_whose_library_is_missing_is_refused_naming_what_to_install() -> None:
    with pytest.raises(ValueError, match=r"needs no_such: pip install 'convergan\[cluster\]'"):
        require("no_such", "tcp://host:1")


@pytest.mark.nightly
def test_a_sweep_that_was_stopped_and_then_killed_is_finished_by_the_same_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, run = tmp_path / "table", tmp_path / "table" / "labels-20" / "seed-0"
    wished = ("--labels", 20, "--seeds", 1, "--steps", 400, "--jobs", 1)

    def interrupt_this_process() -> None:
        wait_until(lambda: logged_step(run))
        for _ in range(2):  # as timeout does
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)

    thread = threading.Thread(target=interrupt_this_process)
    thread.start()
    assert sweep(folder, *wished) == 130
    thread.join()
    assert capsys.readouterr().err.splitlines()[-1] == (
        "convergan: stopped by SIGINT with 0 of 1 runs finished; the same command goes on"
    )
    assert list((run / "checkpoints").glob("step-*")) and not (run / "result.json").exists()
    assert not (folder / ".stop").exists()

    arguments = ("sweep", *SMALL, "--threads", 1, "--out", folder, *wished)
    killed = Command(*arguments, folder=tmp_path)
    before = logged_step(run)
    wait_until(lambda: logged_step(run) > before)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert sweep(folder, *wished) == 0
    assert json.loads((run / "result.json").read_text())["steps"] == 400
    assert "| 20 | digits | 1 |" in (folder / "table.md").read_text()


def plan(folder: Path, labels: tuple[int, ...] = (20, 50), seeds: int = 2) -> Sweep:
    shared = Settings(recipe="digits", data="digits", labels=0, seed=0, steps=20, device="cpu")
    return label_sweep("mnist-table", shared, labels=labels, seeds=range(seeds), folder=folder)


def test_all_label_counts_of_a_seed_come_before_the_next_seed(tmp_path: Path) -> None:
    runs = [(run.seed, run.labels) for run in plan(tmp_path).runs]
    assert runs == [(0, 20), (0, 50), (1, 20), (1, 50)]


def study_plan(
    folder: Path, *data: str, seeds: int | None = None, steps: int | None = None
) -> Sweep:
    wished = {"device": "cpu", "precision": "float32"}
    study = STUDIES["collapse"]
    numbers = None if seeds is None else range(seeds)
    return study_sweep(study, data=data, seeds=numbers, steps=steps, folder=folder, **wished)


def test_all_arms_of_a_study_come_before_the_next_seed_and_have_seeds_of_their_own(
    tmp_path: Path,
) -> None:
    runs = study_plan(tmp_path, "ring", "stacked-mnist").runs
    assert [run.seed for run in runs] == [0] * 18 + [1] * 18 + [2] * 9 + [3] * 9 + [4] * 9
    assert {run.data for run in runs[36:]} == {"ring"}
    assert [run.recipe for run in runs[:2]] == ["toy", "toy-feature-matching"]
    assert {run.recipe for run in runs[9:18]} == {
        name for name in (arm.recipe for arm in STUDIES["collapse"].arms) if "stacked" in name
    }
    assert len(study_plan(tmp_path, "stacked-mnist", seeds=3).runs) == 3 * 9


def test_runs_of_a_study_are_as_long_as_their_recipes_or_as_asked(tmp_path: Path) -> None:
    own = study_plan(tmp_path, "ring", "stacked-mnist")
    assert {run.steps == find_recipe(run.recipe).steps for run in own.runs} == {True}
    assert "steps" not in own.common
    short = study_plan(tmp_path, "ring", steps=7)
    assert {run.steps for run in short.runs} == {7} and short.common["steps"] == 7
    assert own.common["data"] == "ring,stacked-mnist"


def test_a_run_of_a_study_lies_in_a_folder_of_its_recipe_and_data(tmp_path: Path) -> None:
    sweep = study_plan(tmp_path, "ring", "grid", seeds=1)
    folders = [sweep.folder_of(run) for run in sweep.runs]
    assert folders[1] == tmp_path / "toy-feature-matching-on-ring" / "seed-0"
    assert len(set(folders)) == len(sweep.runs) == 18


def test_a_log_that_ends_in_half_a_line_has_no_step_yet(tmp_path: Path) -> None:
    assert logged_step(tmp_path) == 0
    log = tmp_path / "metrics.jsonl"
    log.write_text("")
    assert logged_step(tmp_path) == 0
    log.write_text(json.dumps({"step": 50, "padding": "x" * 5000}) + "\n" + '{"step": 100}\n')
    assert logged_step(tmp_path) == 100
    log.write_text('{"step": 50}\n{"step": 1')
    assert logged_step(tmp_path) == 0


def task(folder: Path, *arguments: str) -> Task:
    return Task(arguments, folder, folder / ".stop", folder, 1)


def test_a_task_that_is_to_stop_before_it_starts_is_not_started(tmp_path: Path) -> None:
    (tmp_path / ".stop").write_text(str(signal.SIGTERM.value))
    outcome = perform(task(tmp_path, "train", "digits", "--out", "run"))
    assert outcome == Outcome(tmp_path, -signal.SIGTERM, "not started")
    assert [path.name for path in tmp_path.iterdir()] == [".stop"]
