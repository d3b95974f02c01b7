"""Callbacks of runs: every step once, through stops; and nothing of a run depends on them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from convergan.core.progress import Progress
from convergan.core.signals import StopRequests
from convergan.data import load
from convergan.recipes import find_recipe
from convergan.runs import run as run_module
from convergan.runs import tracking, trainer
from convergan.runs.run import run
from convergan.runs.settings import Settings
from convergan.runs.tracking import Tracking, key_of
from convergan.runs.trainer import Trainer
from convergan.training import CallbackError, NonFiniteError, State
from tests.runs.trainers import toy_job


class Sink:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        torch.rand(3)
        self.told.append(progress)

    def steps(self) -> list[int]:
        return [progress.step for progress in self.told]


@pytest.fixture(autouse=True)
def log_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "LOG_EVERY", 1)


def trained(folder: Path, *callbacks: Any, until: int | None = None, **changes: Any) -> Path:
    """Train twelve steps with checkpoints every four, or abandon the run after some, as a kill."""
    job = toy_job(folder)
    recipe = replace(job.recipe, checkpoint_every=4, evaluate_every=6, **changes)
    job = replace(job, recipe=recipe, callbacks=callbacks)
    for progress in Trainer(job, StopRequests()).run():
        if progress.step == until:
            break
    return folder


def result(folder: Path) -> str:
    found: str = json.loads((folder / "result.json").read_text())["state_sha256"]
    return found


def test_a_callback_gets_the_lines_of_the_log_and_the_pictures_and_changes_no_bit(
    tmp_path: Path,
) -> None:
    sink = Sink()
    with_one, without = trained(tmp_path / "one", sink), trained(tmp_path / "none")
    assert result(with_one) == result(without) and not (without / tracking.FILE).exists()
    lines = [json.loads(line) for line in (with_one / "metrics.jsonl").read_text().splitlines()]
    assert [{"step": p.step} | p.metrics for p in sink.told] == lines
    assert sink.steps() == list(range(1, 13)) and {p.method for p in sink.told} == {"GAN"}
    pictures = {p.step: p.picture.name for p in sink.told if p.picture}
    assert pictures == {6: "step-000000006.png", 12: "step-000000012.png"}


def test_after_a_kill_no_step_is_told_twice_though_it_is_taken_again(tmp_path: Path) -> None:
    first, second, late = Sink(), Sink(), Sink()
    trained(tmp_path, first, until=7)
    assert first.steps() == list(range(1, 8))
    trained(tmp_path, second, until=9)
    assert second.steps() == [8, 9]  # steps 5 to 7 were taken again
    trained(tmp_path, second, late)
    assert second.steps() == list(range(8, 13))
    assert late.steps() == [9, 10, 11, 12]  # the second Sink is another one, after checkpoint 8
    whole = trained(tmp_path / "whole")
    assert result(tmp_path) == result(whole)


def test_a_kill_within_a_callback_costs_a_line_and_brings_none_twice(tmp_path: Path) -> None:
    class Dies(Sink):
        def __call__(self, progress: Progress) -> None:
            super().__call__(progress)
            if progress.step == 6:
                raise KeyboardInterrupt

    sink = Dies()
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, sink)
    trained(tmp_path, sink)
    assert sink.steps() == list(range(1, 13))


def test_a_callback_that_fails_ends_the_run_by_name_and_the_run_goes_on_without_it(
    tmp_path: Path,
) -> None:
    def broken(progress: Progress) -> None:
        if progress.step == 6:
            raise OSError("no network")

    with pytest.raises(CallbackError, match=r"broken failed after step 6 of GAN: OSError: no net"):
        trained(tmp_path, broken)
    assert result(trained(tmp_path)) == result(trained(tmp_path / "whole"))


def test_going_back_says_what_callbacks_keep_of_the_way_that_is_given_up(tmp_path: Path) -> None:
    job, sink = toy_job(tmp_path), Sink()
    step = job.recipe.step

    def not_finite(state: State, *more: Any) -> Any:
        if state.step == 6:
            raise NonFiniteError("made up")
        return step(state, *more)

    recipe = replace(job.recipe, checkpoint_every=4, evaluate_every=12, step=not_finite)
    job = replace(job, recipe=recipe, callbacks=(sink,), roll_back=1)
    told = [notice for p in Trainer(job, StopRequests()).run() for notice in p.notices]
    assert "what Sink got of steps 5 to 7 is of the way that is given up" in told
    assert sink.steps() == list(range(1, 13))
    assert sink.told[6].metrics.keys() == {"seconds"}  # step 7 is left out


def test_a_full_disk_is_told_and_the_callback_called_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path, value: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(tracking, "write_json", refuse)
    sink = Sink()
    [notice] = Tracking(tmp_path, [sink]).tell(Progress("GAN", 50, 100, {}))
    assert "no space left" in notice and "may be logged twice" in notice and sink.steps() == [50]


def test_the_key_of_a_folder_stays_and_another_folder_has_another(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert key_of(tmp_path) == key_of(tmp_path) != key_of(tmp_path / "other")


@pytest.mark.slow
def test_run_hands_callbacks_on_to_the_twin_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_baselines", lambda *given: {})
    sink, data = Sink(), load("digits")
    settings = Settings(recipe="digits", data="digits", labels=50, seed=0, steps=2, device="cpu")
    list(run(find_recipe("digits"), data, settings, tmp_path, callbacks=[sink]))
    assert [(p.method, p.step) for p in sink.told] == [
        *(("GAN", 1), ("GAN", 2)),
        *(("supervised twin", 1), ("supervised twin", 2)),
    ]
    assert list(run(find_recipe("digits"), data, settings, tmp_path, callbacks=[sink])) == []
