"""The file of results and the table that is made from it."""

from pathlib import Path

import pytest

from faults import studies
from faults.rows import Line, Row, Trial, markdown, read_lines
from faults.studies import on_both


def fail(trial: int, folder: Path) -> Trial:
    return Trial("a hole", 10, "a step", {"p99 ms": 28.25})


ROW = Row(number=3, fault="holes", holds="nothing falls in", ci=2, full=4, perform=fail)


def test_the_table_is_made_from_lines_new_old_and_half(tmp_path: Path) -> None:
    file = tmp_path / "faults.jsonl"
    old = b'{"row": 3, "trial": 1, "seconds": 2.0, "found": {"injected": "", "times": 5}}\n'
    file.write_bytes(old + Line(3, 0, 1.5, fail(0, tmp_path)).as_json_line() + b'{"row": 3, "tr')
    table = markdown([ROW], read_lines(file)).splitlines()
    assert table[2] == "| 3 | holes | 15 | 1 | - | 4 | nothing falls in |"
    assert table[4:] == ["* row 3: p99 ms 28.25", "* row 3, trial 0, a hole: a step"]


def test_odd_trials_are_on_postgresql_or_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def perform(trial: int, folder: Path, server: str | None) -> Trial:
        return Trial(f"on {server}", 7, "", {"sent": trial})

    found = on_both(perform)
    assert found(2, tmp_path) == Trial("on None, SQLite", 7, "", {"sent, SQLite": 2})
    monkeypatch.setattr(studies, "POSTGRESQL", "there")
    assert found(3, tmp_path) == Trial("on there, PostgreSQL", 7, "", {"sent, PostgreSQL": 3})
    monkeypatch.setattr(studies, "POSTGRESQL", None)
    assert found(3, tmp_path).times == 0
