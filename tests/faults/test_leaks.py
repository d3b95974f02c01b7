"""What tells a generated image beside its pixels: nothing, and leaks that are put in are found."""

from pathlib import Path

import numpy as np
import pytest

from faults.leaks import areas, audit, differing_replies, telling, telling_twice

pytestmark = pytest.mark.slow
# What is nightly here is row 16 of the fault table as well, which is tried in every run.


@pytest.mark.nightly
def test_nothing_but_pixels_tells_what_is_generated(tmp_path: Path) -> None:
    told, found = telling_twice(tmp_path, 4, length=50)
    assert told == set() and len(found) == 2


@pytest.mark.nightly
@pytest.mark.parametrize("leak", ["header", "identifier"])
def test_a_build_that_leaks_is_found(tmp_path: Path, leak: str) -> None:
    found = audit(tmp_path / "study", 4, leak, 0.95, length=50)
    assert max(area.area for area in found.values()) > 0.9


@pytest.mark.nightly
def test_replies_to_right_and_wrong_answers_are_the_same_bytes(tmp_path: Path) -> None:
    assert differing_replies(tmp_path / "study", 6) == 0


@pytest.mark.nightly
def test_the_areas_interval_holds_a_half_for_noise_and_not_for_a_hint() -> None:
    rng = np.random.default_rng(0)
    generated = np.concatenate([rng.permutation(np.arange(80) < 40) for _ in range(5)])
    sessions = np.repeat(np.arange(5), 80)
    x = rng.standard_normal((400, 5))
    assert telling(areas(x, generated, sessions, 0.95)) == set()
    x[:, 2] += generated
    told = areas(x, generated, sessions, 0.95)
    assert telling(told) == set(told)
    assert all(area.low > 0.55 for area in told.values())
