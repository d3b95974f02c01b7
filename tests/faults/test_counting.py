"""People who count and never look."""

from pathlib import Path

import pytest

from convergan.turing.statistics.votes import HALF, INDEPENDENT
from faults.counting import counted_error, least_by_chance

pytestmark = pytest.mark.slow


def test_counting_beats_half_of_each_kind_and_no_fair_coin(tmp_path: Path) -> None:
    # Of two trials, half of each kind, the second is known; the first is a guess: 25 % wrong.
    half, fair = (
        counted_error(tmp_path / truth, "single", 40, 2, truth) for truth in (HALF, INDEPENDENT)
    )
    assert half < least_by_chance(80) < fair
