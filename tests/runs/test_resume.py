"""Stopped and continued is the same as never stopped, to the bit."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.small import small
from convergan.core.signals import Interrupted, StopRequests
from convergan.data import Dataset, load
from convergan.recipes import RECIPES, Recipe, find_recipe
from convergan.sweeps.sweep import logged_step
from convergan.training import NonFiniteError, supervised_step
from convergan.training.steps import Losses
from faults.training import final_hash
from tests.commands import Command
from tests.runs.trainers import STEPS, everything_on, log_without_times, trainer


def finish(recipe: Recipe, folder: Path, dataset: Dataset, stop_at: int | None = None) -> None:
    requests = StopRequests()
    for event in trainer(recipe, folder, dataset, requests=requests).run():
        if event.step + 1 == stop_at:
            requests.stop = signal.SIGTERM


@pytest.mark.slow
def test_a_run_stopped_at_any_step_ends_in_the_same_state(tmp_path: Path) -> None:
    dataset = load("digits")
    finish(everything_on(), tmp_path / "calm", dataset)
    for step in range(1, STEPS):
        folder = tmp_path / f"stopped-{step}"
        with pytest.raises(Interrupted, match=f"after step {step};"):
            finish(everything_on(), folder, dataset, stop_at=step)
        finish(everything_on(), folder, dataset)
        assert final_hash(folder) == final_hash(tmp_path / "calm")
        assert log_without_times(folder) == log_without_times(tmp_path / "calm")


def test_a_supervised_twin_goes_on_though_its_generator_never_steps(tmp_path: Path) -> None:
    dataset = load("digits")
    twin = replace(everything_on(), step=supervised_step, neighbors=None)
    finish(twin, tmp_path / "calm", dataset)
    with pytest.raises(Interrupted):
        finish(twin, tmp_path / "stopped", dataset, stop_at=6)
    finish(twin, tmp_path / "stopped", dataset)
    assert final_hash(tmp_path / "stopped") == final_hash(tmp_path / "calm")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.nightly) if name == "imagenet" else name
        for name in sorted(RECIPES)
    ],
)
def test_every_recipe_takes_two_steps_and_resumes_between_them(name: str, tmp_path: Path) -> None:
    recipe, dataset = small(replace(find_recipe(name), checkpoint_every=1))
    hashes = []
    for folder, stops in ((tmp_path / "calm", [None]), (tmp_path / "stopped", [1, None])):
        for stop in stops:
            requests = StopRequests()
            requests.stop = signal.SIGINT if stop else None
            try:
                list(trainer(recipe, folder, dataset, 2, requests).run())
            except Interrupted as interrupted:
                assert interrupted.number == signal.SIGINT
        hashes.append(final_hash(folder))
    assert hashes[0] == hashes[1]


@pytest.mark.slow
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path: Path) -> None:
    dataset = load("digits")
    finish(everything_on(), tmp_path / "calm", dataset)
    folder = tmp_path / "damaged"
    with pytest.raises(Interrupted):
        finish(everything_on(), folder, dataset, stop_at=6)
    newest = max((folder / "checkpoints").iterdir())
    (newest / "tensors.safetensors").write_bytes(b"no tensors")
    events = list(trainer(everything_on(), folder, dataset).run())
    assert any(str(newest) in notice for notice in events[0].notices)
    assert "going on from step 4" in events[0].notices
    assert final_hash(folder) == final_hash(tmp_path / "calm")


@pytest.mark.slow
def test_measuring_does_not_change_the_run(tmp_path: Path) -> None:
    dataset = load("digits")
    often = replace(everything_on(), evaluate_every=1)
    finish(everything_on(), tmp_path / "seldom", dataset)
    finish(often, tmp_path / "often", dataset)
    assert final_hash(tmp_path / "seldom") == final_hash(tmp_path / "often")


def test_a_step_that_is_not_finite_names_the_last_good_checkpoint(tmp_path: Path) -> None:
    recipe = everything_on()

    def breaks_at_step_six(*arguments: object) -> Losses:
        state = arguments[0]
        if state.step == 5:  # type: ignore[attr-defined]
            raise NonFiniteError("discriminator: the loss is not finite")
        return recipe.step(*arguments)  # type: ignore[arg-type]

    broken = replace(recipe, step=breaks_at_step_six)
    with pytest.raises(NonFiniteError, match=r"step 6: .*last good checkpoint is .*step-000000004"):
        finish(broken, tmp_path, load("digits"))


def command_for(folder: Path, steps: int) -> list[str]:
    options = ["--no-baselines", "--threads", "1", "--steps", str(steps)]
    return ["train", "digits", *options, "--out", str(folder)]


def wait_for_step(step: int, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while logged_step(folder) < step and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.slow
def test_sigterm_writes_a_checkpoint_and_exits_with_143(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "convergan", *command_for(tmp_path / "run", steps=5000)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_step(1, tmp_path / "run")
    process.terminate()
    process.terminate()  # as timeout does: together they are one
    assert process.wait(timeout=60) == 143
    assert list((tmp_path / "run" / "checkpoints").glob("step-*"))


@pytest.mark.nightly
def test_a_killed_run_ends_in_the_same_state(tmp_path: Path) -> None:
    calm, shaken = (command_for(tmp_path / name, steps=900) for name in ("calm", "shaken"))
    assert Command(*calm, folder=tmp_path).wait() == 0
    for step in (250, 600):
        process = Command(*shaken, folder=tmp_path)
        wait_for_step(step, tmp_path / "shaken")
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert Command(*shaken, folder=tmp_path).wait() == 0
    assert final_hash(tmp_path / "shaken") == final_hash(tmp_path / "calm")
