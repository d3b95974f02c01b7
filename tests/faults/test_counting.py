"""People who count and never look."""

from pathlib import Path

import pytest

from convergan.turing.statistics.votes import HALF, INDEPENDENT
from faults.counting import counted_error, least_by_chance

pytestmark = pytest.mark.nightly  # without pages: test_observers.py and test_trials.py


def test_counting_beats_half_of_each_kind_and_no_fair_coin(tmp_path: Path) -> None:
    half, fair = (
        counted_error(tmp_path / truth, "single", 12, 8, truth) for truth in (HALF, INDEPENDENT)
    )
    assert half < least_by_chance(96) < fair
