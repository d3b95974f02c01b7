"""What a run does when its disk refuses, its losses are not finite, or its files go bad."""

import itertools
import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convergan.core.files import read_json
from convergan.core.signals import StopRequests
from convergan.data import Batch, DataError, Streaming, load
from convergan.recipes import find_recipe
from convergan.runs.job import Job
from convergan.runs.run import run
from convergan.runs.settings import Settings
from convergan.runs.trainer import Trainer
from convergan.training import State
from convergan.training.steps import Losses, Step
from faults.modes import Mode, mode_of
from faults.non_finite import poisoned_step, step_left_out, with_step
from faults.training import final_hash, said, train
from tests.runs.trainers import everything_on, files_of_at_most, job, log_without_times, trainer

pytestmark = pytest.mark.slow

TOY = mode_of(0).of_length(60)


def notices_of(folder: Path, *, full_between: tuple[int, int]) -> list[str]:
    """Train with a full disk between two steps; return what the user was told."""
    recipe, dataset = everything_on(), load("digits")
    told: list[str] = []
    events = trainer(recipe, folder, dataset, steps=20).run()
    for event in events:
        told += event.notices
        if event.step == full_between[0]:
            with files_of_at_most(5_000):
                for inner in events:
                    told += inner.notices
                    if inner.step == full_between[1]:
                        break
    return told


def test_a_full_disk_is_told_of_and_outlived_with_every_line_of_the_log(tmp_path: Path) -> None:
    list(trainer(everything_on(), tmp_path / "calm", load("digits"), steps=20).run())
    told = notices_of(tmp_path / "full", full_between=(5, 13))
    failed = [line for line in told if "could not be written" in line and "checkpoint" in line]
    assert [line.split(" could")[0] for line in failed] == [
        "the checkpoint of step 8",
        "the checkpoint of step 12",
    ]
    assert all("are free" in line and "step-000000004" in line for line in failed)
    assert final_hash(tmp_path / "full") == final_hash(tmp_path / "calm")
    assert log_without_times(tmp_path / "full") == log_without_times(tmp_path / "calm")


def test_the_third_checkpoint_in_a_row_that_the_disk_refuses_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="checkpoint of step 16 .*MB are free.*step-000000004"):
        notices_of(tmp_path, full_between=(5, 19))


# --- values that are not finite ------------------------------------------------------------------


def poisoned(at: tuple[int, ...]) -> Mode:
    where = "generator's loss"
    return with_step(TOY, poisoned_step, at=at, where=where, value="nan")


def test_a_step_that_is_left_out_changes_nothing_though_one_player_had_moved(
    tmp_path: Path,
) -> None:
    assert train(poisoned((7, 8, 21)), tmp_path / "run", skip=2) == 0
    assert train(with_step(TOY, step_left_out, at=(7, 8, 21)), tmp_path / "none") == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["skipped_steps"] == 3
    assert final_hash(tmp_path / "run") == final_hash(tmp_path / "none")
    skipped = [line for line in log_without_times(tmp_path / "run") if "skipped" in line]
    assert [line["step"] for line in skipped] == [7, 8, 21]


def test_more_than_so_many_in_a_row_end_the_run_with_a_report(tmp_path: Path) -> None:
    assert train(poisoned((7, 8, 9)), tmp_path / "run", skip=2) == 70
    report = json.loads((tmp_path / "run" / "non_finite.json").read_text())
    assert report["step"] == 9 and "generator: the loss is not finite" in report["reason"]
    assert len(report["rows"]["unlabeled"]) == TOY.recipe.batch_size


def test_without_leave_to_skip_the_first_ends_the_run(tmp_path: Path) -> None:
    assert train(poisoned((7,)), tmp_path / "run") == 70
    assert json.loads((tmp_path / "run" / "non_finite.json").read_text())["step"] == 7


# --- going back ----------------------------------------------------------------------------------


def test_steps_since_the_last_checkpoint_are_left_out_and_those_before_it_if_that_does_not_help(
    tmp_path: Path,
) -> None:
    assert train(poisoned((25, 27, 48)), tmp_path / "run", roll_back=3) == 0
    left_out = (*range(11, 28), *range(41, 49))
    assert train(with_step(TOY, step_left_out, at=left_out), tmp_path / "none") == 0
    assert final_hash(tmp_path / "run") == final_hash(tmp_path / "none")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert [(r["first"], r["last"]) for r in result["rolled_back"]] == [
        (21, 25),
        (11, 27),
        (41, 48),
    ]
    told = [line for line in log_without_times(tmp_path / "run") if "rolled_back_to" in line]
    assert [(line["rolled_back_to"], line["step"]) for line in told] == [
        (20, 25),
        (10, 27),
        (40, 48),
    ]
    assert all("generator: the loss is not finite" in str(line["reason"]) for line in told)
    assert any(
        "rolled back, and leaving out steps 41 to 48" in line for line in said(tmp_path / "run")
    )


def test_without_a_checkpoint_before_it_the_run_goes_back_to_its_start(tmp_path: Path) -> None:
    assert train(poisoned((7,)), tmp_path / "run", roll_back=1) == 0
    left_out = tuple(range(1, 8))
    assert train(with_step(TOY, step_left_out, at=left_out), tmp_path / "none") == 0
    assert final_hash(tmp_path / "run") == final_hash(tmp_path / "none")


def test_one_more_than_so_many_ends_the_run(tmp_path: Path) -> None:
    assert train(poisoned((25, 27, 48)), tmp_path / "run", roll_back=2) == 70
    assert json.loads((tmp_path / "run" / "non_finite.json").read_text())["step"] == 48
    assert (
        "step 48: " in said(tmp_path / "run")[-1]
        and "back before it: 2" in said(tmp_path / "run")[-1]
    )


def fragile_step(state: State, batch: Batch, chance: torch.Generator, *, step: Step) -> Losses:
    """Take a step; three are not finite, where those before them were taken or left out rightly."""
    [taken, *_] = [int(of["step"]) for of in state.generator.optimizer.state.values()]
    at = {24: 25, 21: 27, 30: 48}.get(taken, 0)  # 21 to 25 are left out, 11 to 27, 41 to 48
    where = "generator's loss"
    return poisoned_step(state, batch, chance, step=step, at=(at,), where=where, value="nan")


def train_with_kills(job: Job, chance: random.Random) -> int:
    """Train to the end, left as a kill would time and again; return how often."""
    for kills in itertools.count():
        requests, left = StopRequests(), chance.randrange(2, 40)
        for event in Trainer(job, requests).run():
            requests.save = chance.random() < 0.3
            if event.step > 10 and not (left := left - 1):
                break
        else:
            return kills
    raise AssertionError


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kills_and_checkpoints_anywhere_change_no_bit_and_no_line_of_a_run_that_rolls_back(
    tmp_path: Path, seed: int
) -> None:
    fragile = with_step(TOY, fragile_step)
    assert train(fragile, tmp_path / "calm", roll_back=3) == 0
    started = job(fragile.recipe, tmp_path / "run", TOY.dataset, 60)
    assert train_with_kills(replace(started, keep=1, roll_back=3), random.Random(seed)) >= 4
    assert final_hash(tmp_path / "run") == final_hash(tmp_path / "calm")
    assert log_without_times(tmp_path / "run") == log_without_times(tmp_path / "calm")
    told, others = (read_json(tmp_path / n / "result.json")["rolled_back"] for n in ("calm", "run"))
    assert told == others and [r["first"] for r in told] == [21, 11, 41]


# --- files that go bad ---------------------------------------------------------------------------


def images(folder: Path, count: int = 40) -> Path:
    chance = np.random.default_rng(0)
    for number in range(count):
        file = folder / "labeled" / "ab"[number % 2] / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = chance.integers(0, 256, (9, 7, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
    return folder


def test_a_file_that_goes_bad_in_mid_run_ends_it_with_its_name_and_a_checkpoint(
    tmp_path: Path,
) -> None:
    folder = images(tmp_path / "images")
    recipe = replace(everything_on(), side=8, batch_size=10, neighbors=None)
    recipe = replace(recipe, step=mode_of(1).recipe.step)
    dataset = load(str(folder), 8, streaming=Streaming(2))
    events = trainer(recipe, tmp_path / "run", dataset, steps=20).run()
    with pytest.raises(DataError, match=r"step \d+: .*png cannot be read any more.*step-0000000"):
        for event in events:
            if event.step == 5:
                for file in folder.rglob("*.png"):
                    os.truncate(file, 30)
    newest = max((tmp_path / "run" / "checkpoints").iterdir()).name
    assert int(newest.removeprefix("step-")) >= 5


def test_a_test_file_that_goes_bad_leaves_no_step_saved_without_its_line_in_the_log(
    tmp_path: Path,
) -> None:
    folder = images(tmp_path / "images")
    shutil.copytree(folder / "labeled", folder / "test")
    recipe = replace(everything_on(), side=8, batch_size=10, neighbors=None)
    recipe = replace(recipe, step=mode_of(1).recipe.step)
    dataset = load(str(folder), 8, streaming=Streaming(2))
    list(trainer(recipe, tmp_path / "calm", dataset, steps=7).run())
    events = trainer(recipe, tmp_path / "run", dataset, steps=7).run()
    with pytest.raises(DataError, match=r"step 5: .*png cannot be read any more.*step-000000004"):
        for event in events:
            if event.step == 4:  # the next one is followed by an evaluation
                (folder / "test").rename(folder / "away")
    (folder / "away").rename(folder / "test")
    list(trainer(recipe, tmp_path / "run", dataset, steps=7).run())
    assert log_without_times(tmp_path / "run") == log_without_times(tmp_path / "calm")
    assert final_hash(tmp_path / "run") == final_hash(tmp_path / "calm")


def test_images_are_not_streamed_to_a_recipe_that_would_hold_them_all(tmp_path: Path) -> None:
    folder = images(tmp_path / "images")
    recipe = replace(find_recipe("mnist-graph"), side=8, batch_size=10)
    dataset = load(str(folder), 8, streaming=Streaming(0))
    chosen = Settings(recipe="mine", data="d", labels=4, seed=0, steps=1, device="cpu")
    with pytest.raises(ValueError, match="recipe mine looks at all rows at once.*leave out --str"):
        list(run(recipe, dataset, chosen, tmp_path / "run"))
    assert not (tmp_path / "run").exists()
