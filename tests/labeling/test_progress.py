import numpy as np
import pytest

from convergan.labeling.progress import (
    EARLY,
    MORE,
    PAYS,
    SMALL,
    STOP,
    look_ahead,
    measure,
)
from convergan.labeling.store import Refit


def refits(errors: dict[int, float], sample: int) -> tuple[list[Refit], dict[str, str]]:
    """Refits that get a share of the sample wrong, those of a smaller one among the others."""
    names = [f"{n}.png" for n in range(sample)]
    found = [
        Refit(labels, {n: "b" if k < round(error * sample) else "a" for k, n in enumerate(names)})
        for labels, error in errors.items()
    ]
    return found, dict.fromkeys(names, "a")


def test_the_error_has_the_interval_of_clopper_and_pearson() -> None:
    found = measure(*refits({10: 0.5, 20: 0.1}, 20))
    assert [(p.labels, p.wrong, p.sample) for p in found.points] == [(10, 10, 20), (20, 2, 20)]
    assert found.points[1].error == 0.1
    assert found.points[1].low == pytest.approx(0.01235, abs=1e-5)
    assert found.points[1].high == pytest.approx(0.31698, abs=1e-5)


def test_a_class_that_could_not_be_held_out_is_wrong() -> None:
    found = measure([Refit(2, {"x": None, "y": "a"})], {"x": "b", "y": "a"})
    assert found.points[0].wrong == 1


def test_refits_that_did_not_predict_the_whole_sample_are_left_out() -> None:
    found = measure([Refit(2, {"x": "a"}), Refit(4, {"x": "a", "y": "a"})], {"x": "a", "y": "a"})
    assert [point.labels for point in found.points] == [4]
    assert measure([Refit(2, {"x": "a"})], {}).points == []


def test_it_is_too_early_with_few_items_or_few_refits() -> None:
    few_items = measure(*refits({10: 0.5, 20: 0.4, 30: 0.3, 40: 0.3}, 10))
    assert few_items.advice == EARLY and "10 more" in few_items.text
    few_refits = measure(*refits({10: 0.5, 20: 0.4}, 30))
    assert few_refits.advice == EARLY and few_refits.forecast is None


def test_a_steep_curve_on_a_large_sample_says_go_on() -> None:
    found = measure(*refits({10: 0.8, 20: 0.5, 30: 0.36, 40: 0.29}, 1000))
    assert found.advice == PAYS and "More labels pay" in found.text
    assert found.forecast is not None and found.forecast.low > 0.01
    assert found.forecast.error < 0.29


def test_a_flat_curve_on_a_large_sample_says_stop() -> None:
    found = measure(*refits({40: 0.10, 60: 0.10, 80: 0.10, 100: 0.10}, 400))
    assert found.advice == STOP and "hardly pay" in found.text
    few = measure(*refits({40: 0.0, 60: 0.0, 80: 0.0, 100: 0.0}, 40))
    assert few.advice == SMALL  # 40 right ones in a row do not show that all are


def test_a_fall_that_is_smaller_than_the_interval_would_not_be_seen() -> None:
    found = measure(*refits({40: 0.2, 60: 0.17, 80: 0.15, 100: 0.14}, 100))
    assert found.advice == SMALL and "would not see" in found.text


def test_the_forecast_follows_a_power_law() -> None:
    counts = np.array([10, 20, 40, 80])
    size = 4000
    errors = 0.05 + 2.0 / counts
    wrong = np.arange(size) < np.round(errors * size)[:, None]
    found = look_ahead(counts, wrong, seed=0)
    assert found.error == pytest.approx(0.05 + 2.0 / (80 + MORE), abs=0.004)
    assert found.low <= found.gain <= found.high
    assert found.gain == pytest.approx(2.0 / 80 - 2.0 / 100, abs=0.002)
    assert found.curve[0][0] == 10 and found.curve[-1][0] == 80 + MORE


def test_the_forecast_says_the_same_twice_and_never_rises() -> None:
    chance = np.random.default_rng(0)
    wrong = chance.random((5, 30)) < 0.3
    counts = np.array([10, 20, 30, 40, 50])
    found = look_ahead(counts, wrong, seed=0)
    assert found == look_ahead(counts, wrong, seed=0)
    errors = [error for _, error in found.curve]
    assert all(a >= b >= 0 for a, b in zip(errors, errors[1:], strict=False))
