"""Lines that the disk refuses wait; what a failed write has left is written over."""

import json
from pathlib import Path

import pytest

from convergan.runs.log import RunLog
from convergan.training import CheckpointError
from tests.runs.trainers import files_of_at_most


def steps(file: Path) -> list[int]:
    return [json.loads(line)["step"] for line in file.read_text().splitlines()]


def test_lines_that_the_disk_refuses_come_once_it_takes_them_in_order_and_once(
    tmp_path: Path,
) -> None:
    log = RunLog(tmp_path / "metrics.jsonl")
    assert log.add({"step": 1}) == ()
    with files_of_at_most(17):  # a line and a half
        [notice] = log.add({"step": 2})
        assert "1 lines of" in notice and "File too large" in notice
        [notice] = log.add({"step": 3})
        assert "2 lines of" in notice
        with pytest.raises(OSError, match="File too large"):
            log.sync()
    assert log.add({"step": 4}) == ()
    assert steps(log.file) == [1, 2, 3, 4]


def test_going_back_to_a_mark_leaves_its_lines_and_goes_on_behind_them(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "metrics.jsonl")
    log.add({"step": 1})
    synced = log.sync()
    log.add({"step": 2})
    log = RunLog(log.file)
    log.require_beginning(synced)
    assert log.cut_back(synced) == [{"step": 1}]
    log.add({"step": 5})
    assert steps(log.file) == [1, 5]


@pytest.mark.parametrize(
    "change", [{"log_bytes": 3}, {"log_bytes": "13"}, {"log_bytes": -1}, {"log_sha256": None}]
)
def test_another_log_than_that_of_the_mark_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    log = RunLog(tmp_path / "metrics.jsonl")
    log.add({"step": 1})
    with pytest.raises(CheckpointError, match="is not the log that the checkpoint"):
        log.require_beginning(log.sync() | change)
