"""A known time through the pages of a timed study."""

from pathlib import Path

import pytest

from faults.thresholds import missed, timed_truth


@pytest.mark.nightly  # without pages: tests/turing/statistics/test_psychometric.py
def test_a_short_study_finds_the_time_that_its_people_need(tmp_path: Path) -> None:
    found = timed_truth(tmp_path / "study", 200, people=4, trials=16)
    assert missed(found) == ""
    assert found["mode"] > 400


def test_thresholds_that_are_off_are_told() -> None:
    fine = {"truth": 200.0, "threshold": 205.0, "low": 190.0, "high": 215.0, "mode": 260.0}
    assert missed(fine) == ""
    assert "does not hold" in missed(fine | {"low": 230.0, "high": 240.0})
    assert "the mode" in missed(fine | {"threshold": 280.0})
