import math
import tracemalloc

import numpy as np
import pytest

from convergan.turing.simulation.observers import Crowd
from convergan.turing.statistics.annotator_bootstrap import (
    CHUNK,
    crossed_sums,
    percentiles,
    resampled_sums,
    rng_for,
    weights,
)
from convergan.turing.statistics.intervals import Interval, wilson
from convergan.turing.statistics.votes import IntArray

CROWD = Crowd(skill=0.5, rho=0.05)


def interval_of(right: IntArray, votes: IntArray, draws: int, seed: int = 0) -> Interval:
    sums = resampled_sums(np.stack([right, votes], 1), draws, rng_for(seed, "test"))
    return percentiles(sums[:, 0] / sums[:, 1])


def test_each_resampled_study_has_as_many_annotators() -> None:
    drawn = np.concatenate(list(weights(7, 2 * CHUNK + 3, rng_for(0, "test"))))
    assert drawn.shape == (2 * CHUNK + 3, 7)
    assert set(drawn.sum(1)) == {7}
    assert drawn.mean(0) == pytest.approx(np.ones(7), abs=0.15)


def test_sums_are_those_of_a_slow_loop() -> None:
    counts = np.array([[1, 10], [2, 20], [3, 30]])
    sums = resampled_sums(counts, 300, rng_for(1, "test"))
    drawn = np.concatenate(list(weights(3, 300, rng_for(1, "test"))))
    for row, times in zip(sums, drawn, strict=True):
        slow = sum(int(t) * counts[who] for who, t in enumerate(times))
        np.testing.assert_array_equal(row, slow)


def test_crossed_sums_are_those_of_a_slow_loop() -> None:
    annotator, image = np.array([0, 0, 1, 1, 2]), np.array([5, 9, 5, 5, 7])
    value = np.array([1, 2, 3, 4, 5])
    sums = crossed_sums(annotator, image, [value], 300, rng_for(1, "test"))
    rng = rng_for(1, "test")
    pairs = zip(weights(3, 300, rng), weights(3, 300, rng), strict=True)
    place = {5: 0, 7: 1, 9: 2}
    slow = [
        sum(w[a] * v[place[i]] * x for a, i, x in zip(annotator, image, value, strict=True))
        for who, what in pairs
        for w, v in zip(who, what, strict=True)
    ]
    np.testing.assert_array_equal(sums[:, 0], slow)


def test_the_same_seed_draws_the_same_bits_and_another_one_others() -> None:
    right, votes = np.arange(20), np.full(20, 30)
    assert interval_of(right, votes, 1000) == interval_of(right, votes, 1000)
    assert interval_of(right, votes, 1000) != interval_of(right, votes, 1000, seed=1)
    first, second = rng_for(0, "a").random(), rng_for(0, "b").random()
    assert first != second


def test_identical_annotators_have_an_interval_of_no_width() -> None:
    assert interval_of(np.full(10, 3), np.full(10, 12), 1000) == (0.25, 0.25)


@pytest.mark.parametrize("votes", [200, 1000])
def test_with_one_vote_each_the_width_is_wilsons(votes: int) -> None:
    right = (np.arange(votes) < 0.6 * votes).astype(int)
    found = interval_of(right, np.ones(votes, int), 10_000)
    assert found.half_width == pytest.approx(wilson(0.6 * votes, votes).half_width, rel=0.05)


def test_fewer_than_two_annotators_or_images_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 2 or more, got 1"):
        resampled_sums(np.array([[1, 2]]), 10, rng_for(0, "test"))
    one = np.zeros(3, int)
    with pytest.raises(ValueError, match="annotators and images, got 3 and 1"):
        crossed_sums(np.arange(3), one, [one], 10, rng_for(0, "test"))


def test_what_is_no_number_is_left_out_of_percentiles() -> None:
    values = np.array([math.nan, *np.linspace(0, 1, 101)])
    assert percentiles(values) == pytest.approx((0.025, 0.975))
    assert percentiles(values, 0.90) == pytest.approx((0.05, 0.95))


def covered(right: IntArray, each: int, draws: int) -> float:
    """The share of studies (rows) whose interval over annotators holds the crowd's skill."""
    votes = np.full(right.shape[1], each)
    held = [
        interval_of(row, votes, draws, seed).contains(CROWD.skill) for seed, row in enumerate(right)
    ]
    return float(np.mean(held))


@pytest.mark.parametrize(("people", "expected"), [(15, 0.92), (30, 0.94)])
def test_over_annotators_the_truth_is_covered_where_pooled_votes_miss_it(
    people: int, expected: float
) -> None:
    studies, rng = 600, np.random.default_rng(people)
    right = rng.binomial(100, CROWD.skills(studies * people, rng)).reshape(studies, people)
    pooled = [wilson(int(x), 100 * people).contains(CROWD.skill) for x in right.sum(1)]
    error = 3 * math.sqrt(0.25 / studies)
    assert np.mean(pooled) == pytest.approx(0.57, abs=error)
    assert covered(right, 100, 1000) == pytest.approx(expected, abs=3 * math.sqrt(0.06 / studies))


def test_the_crossed_interval_is_conservative() -> None:
    studies, people, images, rng = 150, 30, 100, np.random.default_rng(0)
    who, what = np.indices((people, images)).reshape(2, -1)
    held = []
    for study in range(studies):
        right = rng.random((people, images)) < CROWD.skills(people, rng)[:, None]
        columns = [right.ravel().astype(np.int64), np.ones(right.size, np.int64)]
        sums = crossed_sums(who, what, columns, 500, rng_for(study, "test"))
        held.append(percentiles(sums[:, 0] / sums[:, 1]).contains(CROWD.skill))
    assert np.mean(held) >= 0.94  # 97 % but for 2 binomial errors


def test_a_large_study_needs_little_memory() -> None:
    counts = np.ones((1000, 4), np.int64)
    tracemalloc.start()
    resampled_sums(counts, 10_000, rng_for(0, "test"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
