import numpy as np
import pytest

from convergan.turing.simulation.observers import StaircaseObserver, Stimulus
from convergan.turing.statistics.staircase import (
    MAX_MS,
    MIN_MS,
    START_MS,
    block_of,
    modal_exposure,
    next_exposure,
    time_score,
)

OBSERVER = StaircaseObserver(threshold_ms=420)


def climbed(up_ms: float, down_ms: float, trials: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Exposures and right answers of an observer on a staircase, after 500 trials of burn-in."""
    rng, exposure, exposures, rights = np.random.default_rng(0), START_MS, [], []
    for _ in range(trials + 500):
        right = bool(rng.random() < OBSERVER.right(Stimulus(True, 0, exposure, False)))
        exposures.append(exposure)
        rights.append(right)
        exposure = next_exposure(exposure, right, up_ms=up_ms, down_ms=down_ms)
    return np.array(exposures[500:]), np.array(rights[500:])


def test_our_steps_rest_where_75_percent_are_right() -> None:
    exposures, rights = climbed(up_ms=30, down_ms=10)
    assert rights.mean() == pytest.approx(0.75, abs=0.01)
    assert modal_exposure(exposures) == pytest.approx(OBSERVER.threshold_ms, abs=25)


def test_the_printed_steps_end_at_the_floor() -> None:
    exposures, rights = climbed(up_ms=10, down_ms=30)
    assert modal_exposure(exposures) == MIN_MS
    assert np.mean(exposures <= MIN_MS + 20) > 0.8 and rights.mean() < 0.6


def test_default_steps_are_ours() -> None:
    assert next_exposure(500, True) == 490 and next_exposure(500, False) == 530


def test_exposures_stay_within_their_range() -> None:
    assert next_exposure(MIN_MS, True) == MIN_MS
    assert next_exposure(MAX_MS, False) == MAX_MS
    assert next_exposure(MAX_MS - 5, False) == MAX_MS


def test_the_mode_of_equal_counts_is_their_mean() -> None:
    assert modal_exposure([500, 500, 490, 490, 100]) == 495


def test_the_score_is_the_mean_of_the_blocks_modes() -> None:
    exposures = np.array([500.0, 500, 490, 300, 300, 310, 400])
    assert time_score(exposures, np.array([0, 0, 0, 1, 1, 1, 2])) == 400


def test_blocks_are_equally_long_but_for_the_last() -> None:
    assert np.bincount(block_of(np.arange(472), 472)).tolist() == [157, 157, 158]
    assert block_of(np.arange(2), 2).tolist() == [0, 1]
