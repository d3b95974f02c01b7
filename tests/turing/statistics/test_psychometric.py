"""Thresholds: against a likelihood in loops, against scipy, and against simulated truth."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from bench.turing_threshold import studies
from convergan.turing.statistics.psychometric import (
    LAPSES,
    SPREADS,
    THRESHOLDS_MS,
    UNIT,
    WIDTHS,
    Grid,
    fit_threshold,
    right_probability,
)
from convergan.turing.statistics.votes import BoolArray, FloatArray, IntArray


def some_votes(
    people: int, each: int, threshold: float = 350, seed: int = 0
) -> tuple[IntArray, FloatArray, BoolArray]:
    """Votes of like people at exposures that are spread evenly."""
    rng = np.random.default_rng(seed)
    annotator = np.repeat(np.arange(people), each)
    exposures = rng.choice(np.arange(100.0, 1001, 50), people * each)
    right = rng.random(len(exposures)) < right_probability(
        exposures, np.array(threshold), 0.25, 0.02
    )
    return annotator, exposures, right


def slow_log_likelihood(
    exposures: FloatArray,
    correct: BoolArray,
    median: int,
    width: float,
    lapse: float,
    spread: float,
) -> float:
    """The log likelihood of one person's votes, written out."""
    total, weight = 0.0, 0.0
    for threshold in THRESHOLDS_MS:
        near = math.exp(
            -((math.log(threshold) - math.log(THRESHOLDS_MS[median])) ** 2) / (2 * spread**2)
        )
        product = 1.0
        for exposure, is_right in zip(exposures, correct, strict=True):
            reach = 0.5 - lapse
            middle = math.log(0.25 / (reach - 0.25))
            logistic = 1 / (1 + math.exp(-math.log(exposure / threshold) / width - middle))
            right = 0.5 + reach * logistic
            product *= right if is_right else 1 - right
        total, weight = total + near * product, weight + near
    return math.log(total / weight)


def test_the_table_is_the_likelihood_of_votes_written_out() -> None:
    annotator, exposures, correct = some_votes(3, 12)
    table = Grid(annotator, exposures, correct).table / UNIT
    for person, median, w, e, s in ((0, 40, 2, 1, 2), (1, 60, 4, 0, 1), (2, 10, 7, 2, 3)):
        mine = annotator == person
        slow = slow_log_likelihood(
            exposures[mine], correct[mine], median, WIDTHS[w], LAPSES[e], SPREADS[s]
        )
        assert table[person, median, w, e, s] == pytest.approx(slow, abs=1e-5)


def test_the_threshold_is_where_three_of_four_answers_are_right() -> None:
    for width, lapse in ((0.1, 0.0), (0.5, 0.06)):
        assert right_probability(np.array(320.0), np.array(320.0), width, lapse) == pytest.approx(
            0.75
        )
    ends = right_probability(np.array([1e-6, 1e9]), np.array(320.0), 0.3, 0.04)
    assert ends == pytest.approx([0.5, 0.96])


def test_many_votes_of_like_people_give_what_scipy_finds_without_a_grid() -> None:
    annotator, exposures, correct = some_votes(6, 500)
    found = fit_threshold(annotator, exposures, correct, draws=100, rng=np.random.default_rng(0))

    def loss(parameters: FloatArray) -> float:
        threshold, width, lapse = np.exp(parameters)
        right = right_probability(exposures, np.array(threshold), width, min(lapse, 0.06))
        return -float(np.log(np.where(correct, right, 1 - right)).sum())

    free = minimize(loss, np.log([400, 0.2, 0.02]), method="Nelder-Mead")
    assert found.ms == pytest.approx(math.exp(free.x[0]), rel=0.02)
    assert found.ms == pytest.approx(350, rel=0.06)
    assert found.interval is not None and found.interval.contains(350)
    assert found.width == pytest.approx(math.exp(free.x[1]), rel=0.4)


def test_the_study_is_between_its_people_and_each_person_keeps_their_own() -> None:
    parts = [some_votes(1, 400, threshold, seed) for seed, threshold in enumerate((200, 400, 800))]
    annotator = np.repeat(np.arange(3), 400)
    exposures, correct = (np.concatenate([part[place] for part in parts]) for place in (1, 2))
    found = fit_threshold(annotator, exposures, correct, draws=200, rng=np.random.default_rng(0))
    own = [ms for ms in found.people_ms if ms is not None]
    assert own == pytest.approx([200, 400, 800], rel=0.15)
    assert found.ms == pytest.approx(400, rel=0.1) and found.spread == 0.5
    assert found.interval is not None and found.interval.half_width > 100


def test_few_votes_are_no_threshold_of_their_own_and_one_person_has_no_interval() -> None:
    annotator, exposures, correct = some_votes(1, 19)
    found = fit_threshold(annotator, exposures, correct, draws=10, rng=np.random.default_rng(0))
    assert found.people_ms == (None,) and found.interval is None


def test_who_is_always_right_has_a_bound() -> None:
    annotator, exposures, correct = some_votes(4, 200)
    for right, outside in ((correct | True, True), (correct, False)):
        found = fit_threshold(annotator, exposures, right, draws=10, rng=np.random.default_rng(0))
        assert found.outside == outside


def test_votes_without_an_exposure_are_refused() -> None:
    annotator, exposures, correct = some_votes(1, 5)
    for wrong in (exposures * np.inf, exposures * 0):
        with pytest.raises(ValueError, match="exposures above 0 ms"):
            fit_threshold(annotator, wrong, correct, draws=1, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="needs votes"):
        fit_threshold(
            annotator[:0], exposures[:0], correct[:0], draws=1, rng=np.random.default_rng(0)
        )


def test_the_same_draws_give_the_same_interval_whatever_the_order_of_people() -> None:
    annotator, exposures, correct = some_votes(5, 60)
    order = np.argsort(-annotator, kind="stable")
    first, second = (
        fit_threshold(
            annotator, exposures[rows], correct[rows], draws=10, rng=np.random.default_rng(1)
        )
        for rows in (np.arange(len(order)), order)
    )
    assert first.ms == second.ms
    again = fit_threshold(annotator, exposures, correct, draws=10, rng=np.random.default_rng(1))
    assert again == first


@pytest.mark.slow
@pytest.mark.parametrize("truth", [200.0, 400.0, 700.0])
def test_staircases_of_50_trials_give_the_threshold_and_their_mode_does_not(truth: float) -> None:
    found = np.array(
        list(studies(truth, 50, right_probability, right_probability, count=6, draws=100)), float
    )
    fitted, holds, mode, _ = found.mean(0)
    assert fitted == pytest.approx(truth, rel=0.05) and holds >= 4 / 6
    assert abs(mode - truth) > 2 * abs(fitted - truth)
    assert mode == pytest.approx(500, abs=abs(truth - 500) * 0.95)
