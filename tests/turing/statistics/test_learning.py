import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from convergan.turing.simulation.observers import Learner
from convergan.turing.statistics.annotator_bootstrap import rng_for
from convergan.turing.statistics.learning import Learning, learning, logistic_slopes

RNG = np.random.default_rng(0)


def drawn(learner: Learner, people: int, trials: int, seed: int) -> Learning:
    """The figures of a study whose second half of people has feedback."""
    annotator, trial = np.indices((people, trials)).reshape(2, -1)
    feedback = annotator >= people // 2
    slope = np.where(feedback, learner.slope, learner.without)
    right = np.random.default_rng(seed).random(annotator.size) < expit(
        learner.start + slope * trial / 100
    )
    rng = rng_for(seed, "learning")
    return learning(annotator, trial, right, feedback, draws=300, rng=rng)


def test_slopes_are_those_of_a_general_minimiser() -> None:
    votes = RNG.integers(0, 9, (3, 20)).astype(float)
    right = np.floor(votes * RNG.random((3, 20)))
    x = np.arange(20) / 100
    for row, slope in enumerate(logistic_slopes(right, votes)):
        good, bad = right[row] + 0.5 / 20, votes[row] - right[row] + 0.5 / 20

        def loss(w: np.ndarray, good: np.ndarray = good, bad: np.ndarray = bad) -> float:
            odds = w[0] + w[1] * x
            return float((good * np.logaddexp(0, -odds) + bad * np.logaddexp(0, odds)).sum())

        assert slope == pytest.approx(minimize(loss, [0.0, 0.0], tol=1e-12).x[1], abs=1e-4)


def test_exchanging_right_and_wrong_changes_the_sign() -> None:
    votes = RNG.integers(1, 9, (5, 30)).astype(float)
    right = np.floor(votes * RNG.random((5, 30)))
    there, back = logistic_slopes(right, votes), logistic_slopes(votes - right, votes)
    assert back == pytest.approx(-there, abs=1e-8)


def test_a_slope_is_of_100_trials_whatever_the_length_of_a_session() -> None:
    for trials in (50, 100, 300):
        votes = np.full((1, trials), 1e6)
        right = votes * expit(0.3 + 0.7 * np.arange(trials) / 100)
        assert logistic_slopes(right, votes) == pytest.approx([0.7], abs=1e-4)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_slopes_are_finite_where_all_answers_are_alike(share: float) -> None:
    votes = np.full((1, 50), 40.0)
    assert logistic_slopes(share * votes, votes) == pytest.approx([0.0], abs=1e-6)


def test_slopes_are_finite_where_trials_are_parted_cleanly() -> None:
    right = np.where(np.arange(50) < 25, 0.0, 40.0)[None]
    assert np.isfinite(logistic_slopes(right, np.full((1, 50), 40.0))).all()
    assert logistic_slopes(right, np.full((1, 50), 40.0))[0] > 10


def test_a_single_trial_has_no_slope() -> None:
    assert logistic_slopes(np.ones((2, 1)), np.ones((2, 1))).tolist() == [0.0, 0.0]


def test_many_rows_are_what_each_row_is_alone() -> None:
    votes = np.full((1203, 10), 5.0)
    right = RNG.integers(0, 6, votes.shape).astype(float)
    found = logistic_slopes(right, votes)
    for row in (0, 499, 500, 1202):
        assert found[row] == pytest.approx(logistic_slopes(right[[row]], votes[[row]])[0], abs=1e-8)


def test_feedback_that_teaches_is_found_with_its_sign_and_size() -> None:
    found = drawn(Learner(slope=1.0, without=0.1), people=200, trials=100, seed=0)
    assert found.difference == pytest.approx(0.9, abs=0.2)
    assert found.interval is not None and found.interval.low > 0
    without, told = found.arms
    assert (without.feedback, told.feedback) == (False, True)
    assert without.slope == pytest.approx(0.1, abs=0.15)
    assert told.slope == pytest.approx(1.0, abs=0.15)


def test_exchanged_arms_exchange_the_sign_and_no_more() -> None:
    annotator, trial = np.indices((12, 40)).reshape(2, -1)
    right = RNG.random(annotator.size) < 0.6
    feedback = annotator % 2 == 1
    there, back = (
        learning(annotator, trial, right, told, draws=200, rng=rng_for(0, "learning"))
        for told in (feedback, ~feedback)
    )
    assert there.difference is not None and there.interval is not None
    assert back.difference == -there.difference
    assert back.interval is not None
    assert back.interval == pytest.approx((-there.interval.high, -there.interval.low), abs=1e-9)


@pytest.mark.slow
def test_where_nobody_learns_the_interval_covers_0_in_nine_of_ten_studies() -> None:
    held = []
    for seed in range(200):
        interval = drawn(Learner(slope=0.0), people=40, trials=60, seed=seed).interval
        assert interval is not None
        held.append(interval.contains(0))
    assert np.mean(held) >= 0.90


def test_the_curve_is_of_bins_whose_votes_add_up() -> None:
    found = drawn(Learner(slope=0.0, start=50), people=4, trials=95, seed=0)
    for arm in found.arms:
        assert arm.curve[0].first == 1 and arm.curve[-1].last == 95
        assert [point.first for point in arm.curve[1:]] == [p.last + 1 for p in arm.curve[:-1]]
        assert sum(point.votes for point in arm.curve) == 2 * 95
        assert all(point.error == 0 and point.interval == (0, 0) for point in arm.curve)


def test_one_arm_has_no_difference_and_one_annotator_no_interval() -> None:
    trial = np.arange(20)
    zero, rng = np.zeros(20, int), rng_for(0, "learning")
    found = learning(zero, trial, trial % 2 == 0, zero > 0, draws=50, rng=rng)
    assert found.difference is None and found.interval is None
    assert found.arms[0].interval is None and found.arms[0].curve[0].interval is None


def test_no_votes_are_no_arms() -> None:
    none = np.zeros(0, int)
    found = learning(none, none, none > 0, none > 0, draws=50, rng=rng_for(0, "learning"))
    assert found == Learning((), None, None)
