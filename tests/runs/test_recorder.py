"""Checkpoints and the log of one job: saved, resumed, gone back to, and refused by the disk."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from convergan.data import Batches
from convergan.runs.recorder import FAILED_SAVES, Recorder
from convergan.runs.roll_back import LeftOut, RollBack
from convergan.training import CheckpointError, State, checkpoint
from tests.runs.trainers import toy_job


def move(state: State, step: int) -> State:
    """Stand behind a step with weights that are no others'."""
    for player in state.players():
        for parameter in player.parameters.values():
            parameter.data.fill_(step)
    state.step = step
    return state


def saved(folder: Path) -> list[int]:
    return sorted(int(f.name.removeprefix("step-")) for f in (folder / "checkpoints").iterdir())


def steps_in_log(folder: Path) -> list[int]:
    return [
        json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().split("\n")[:-1]
    ]


def refuse(*arguments: Any, **named: Any) -> None:
    raise OSError(28, "No space left on device")


# --- save and resume -----------------------------------------------------------------------------


def test_what_was_saved_is_resumed_with_its_log_its_time_and_what_was_left_out(
    tmp_path: Path,
) -> None:
    job = toy_job(tmp_path)
    recorder, state = Recorder(job), job.start()
    assert recorder.resume(state) == (0.0, ())
    assert (tmp_path / "samples").is_dir()
    for step in (1, 2):
        assert recorder.log({"step": step, "test_error": step / 10}) == ()
    recorder.log({"step": 3, "skipped": "loss"})
    recorder.left_out = LeftOut(1, 1, (RollBack(1, 1, "loss"),))
    assert recorder.save(move(state, 3), 12.3456, must=False) == ()
    recorder.log({"step": 4, "test_error": 0.9})

    again, other = Recorder(job), job.start()
    assert again.resume(other) == (12.346, ("going on from step 3",))
    assert other.step == 3 and other.sha256() == state.sha256()
    assert again.left_out == recorder.left_out
    assert again.metrics == {"step": 2, "test_error": 0.2}  # a step that was skipped has none
    assert steps_in_log(tmp_path) == [1, 2, 3]


def test_without_a_checkpoint_the_log_begins_anew(tmp_path: Path) -> None:
    job = toy_job(tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    recorder = Recorder(job)
    assert recorder.newest() == "no checkpoint yet"
    assert recorder.resume(job.start()) == (0.0, ())
    assert not (tmp_path / "metrics.jsonl").exists() and recorder.metrics == {}


def test_a_damaged_checkpoint_is_told_of_and_the_one_before_is_taken(tmp_path: Path) -> None:
    job = toy_job(tmp_path)
    recorder, state = Recorder(job), job.start()
    recorder.resume(state)
    for step in (10, 20):
        recorder.save(move(state, step), float(step), must=True)
    assert recorder.newest().endswith(
        "the last good checkpoint is " + str(tmp_path / "checkpoints" / "step-000000020")
    )
    [tensors] = (tmp_path / "checkpoints" / "step-000000020").glob("*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-1])
    seconds, (refused, going_on) = Recorder(job).resume(state)
    assert seconds == 10.0 and state.step == 10
    assert refused.startswith("refused: ") and "step-000000020" in refused
    assert going_on == "going on from step 10"


@pytest.mark.parametrize("change", ["identity", "log"])
def test_checkpoints_of_which_none_can_be_used_are_refused(tmp_path: Path, change: str) -> None:
    job = toy_job(tmp_path)
    recorder, state = Recorder(job), job.start()
    recorder.resume(state)
    recorder.log({"step": 1})
    recorder.save(move(state, 1), 1.0, must=True)
    if change == "identity":
        job = replace(job, identity="another")
    else:
        (tmp_path / "metrics.jsonl").write_text('{"step": 7}\n')
    with pytest.raises(CheckpointError, match="can be used: .*; remove the folder to start anew"):
        Recorder(job).resume(job.start())
    assert saved(tmp_path) == [1] and steps_in_log(tmp_path) == [1 if change == "identity" else 7]


@pytest.mark.parametrize(("roll_back", "left"), [(0, [3, 4]), (1, [2, 3, 4])])
def test_one_more_checkpoint_is_kept_for_each_time_that_the_run_may_go_back(
    tmp_path: Path, roll_back: int, left: list[int]
) -> None:
    job = replace(toy_job(tmp_path), roll_back=roll_back)
    recorder, state = Recorder(job), job.start()
    recorder.resume(state)
    for step in (1, 2, 3, 4):
        recorder.save(move(state, step), 0.0, must=True)
    assert saved(tmp_path) == left


# --- going back ----------------------------------------------------------------------------------


def test_going_back_leaves_nothing_of_the_way_that_is_given_up(tmp_path: Path) -> None:
    job = replace(toy_job(tmp_path), keep=9)
    recorder, state = Recorder(job), job.start()
    recorder.resume(state)
    hashes = {}
    for step in (10, 20, 30):
        recorder.log({"step": step, "found": float(step)})
        recorder.left_out = LeftOut(skipped=step // 10, skipped_in_a_row=1)
        recorder.save(move(state, step), float(step), must=True)
        hashes[step] = state.sha256()
    made = RollBack(21, 34, "loss")
    assert recorder.go_back(move(state, 34), LeftOut(9, 9, (made,))) == ("going on from step 20",)
    assert state.step == 20 and state.sha256() == hashes[20]
    assert saved(tmp_path) == [10, 20] and steps_in_log(tmp_path) == [10, 20]
    assert recorder.metrics == {"step": 20, "found": 20.0}
    assert recorder.left_out == LeftOut(2, 1, (made,))


def test_without_a_checkpoint_before_it_the_run_goes_back_to_its_start(tmp_path: Path) -> None:
    job = toy_job(tmp_path)
    recorder, state = Recorder(job), job.start()
    start = state.sha256()
    recorder.resume(state)
    recorder.metrics = {"step": 10}
    recorder.save(move(state, 10), 1.0, must=True)
    recorder.go_back(move(state, 15), LeftOut(rolled_back=(RollBack(1, 15, "loss"),)))
    assert state.step == 0 and state.sha256() == start
    assert saved(tmp_path) == [] and recorder.metrics == {}
    assert recorder.left_out == LeftOut(0, 0, (RollBack(1, 15, "loss"),))


# --- a disk that refuses -------------------------------------------------------------------------


def test_a_disk_may_refuse_two_checkpoints_in_a_row_and_not_a_third(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = toy_job(tmp_path)
    recorder, state = Recorder(job), job.start()
    recorder.resume(state)
    save = checkpoint.save
    refused = [True] * (FAILED_SAVES - 1)
    for step, full in enumerate([*refused, False, *refused], 1):
        monkeypatch.setattr(checkpoint, "save", refuse if full else save)
        notices = recorder.save(move(state, step), 0.0, must=False)
        assert len(notices) == full
    [notice] = notices
    assert notice.startswith(f"the checkpoint of step {2 * FAILED_SAVES - 1} could not be written")
    assert "No space left on device" in notice and " MB are free; " in notice
    size = sum(tensor.nbytes for tensor in state.tensors().values()) / 1e6
    assert f"it needs {size:.1f} MB" in notice
    assert notice.endswith(f"step-{FAILED_SAVES:09d}") and saved(tmp_path) == [FAILED_SAVES]
    with pytest.raises(OSError, match="the checkpoint of step 99 could not be written"):
        recorder.save(move(state, 99), 0.0, must=False)


def test_a_checkpoint_that_must_be_written_may_not_be_refused_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = toy_job(tmp_path)
    recorder, state = Recorder(job), job.start()
    recorder.resume(state)
    monkeypatch.setattr(checkpoint, "save", refuse)
    with pytest.raises(OSError, match="are free; no checkpoint yet"):
        recorder.save(move(state, 1), 0.0, must=True)


# --- a step that is not finite -------------------------------------------------------------------


def test_a_report_names_the_rows_of_the_step(tmp_path: Path) -> None:
    recorder = Recorder(toy_job(tmp_path))
    recorder.metrics = {"step": 4, "found": 2.0}
    rows, none = torch.zeros(12, 2), torch.empty(0, dtype=torch.int64)
    batches = Batches(
        rows, none, none, batch_size=4, seed=0, device=torch.device("cpu"), kinds=("unlabeled",)
    )
    recorder.report_non_finite(5, "generator: the loss is not finite", batches)
    assert json.loads((tmp_path / "non_finite.json").read_text()) == {
        "step": 5,
        "reason": "generator: the loss is not finite",
        "rows": {"labeled": [], "unlabeled": batches.rows(5)[1].tolist(), "matching": []},
        "before": {"step": 4, "found": 2.0},
    }
    assert len(batches.rows(5)[1]) == 4
