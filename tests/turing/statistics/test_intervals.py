import math

import numpy as np
import pytest
from scipy.stats import binomtest

from convergan.turing.simulation.observers import Crowd
from convergan.turing.statistics.intervals import (
    Z_90,
    Interval,
    Z,
    design_effect,
    effective_votes_each,
    exact_p,
    intraclass_correlation,
    widened,
    wilson,
)

COUNTS = [(0, 1), (1, 1), (0, 10), (5, 10), (7, 10), (10, 10), (1048, 2000), (3, 2001)]


def test_the_papers_votes_are_above_chance_if_independent() -> None:
    assert exact_p(1048, 2000) == pytest.approx(0.0336, abs=5e-5)
    assert wilson(1048, 2000) == pytest.approx((0.5021, 0.5458), abs=5e-5)


@pytest.mark.parametrize(("right", "votes"), COUNTS)
def test_the_exact_test_is_that_of_scipy(right: int, votes: int) -> None:
    assert exact_p(right, votes) == pytest.approx(binomtest(right, votes).pvalue, rel=1e-10)
    assert exact_p(right, votes) == exact_p(votes - right, votes)


@pytest.mark.parametrize(("count", "votes"), COUNTS)
def test_the_interval_is_that_of_scipy(count: int, votes: int) -> None:
    level = math.erf(Z / math.sqrt(2))
    theirs = binomtest(count, votes).proportion_ci(level, method="wilson")
    assert wilson(count, votes) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_half_of_the_votes_is_certainly_no_evidence() -> None:
    assert exact_p(1000, 2000) == 1 and exact_p(0, 0) == 1


def test_intervals_of_small_counts_are_the_closed_forms() -> None:
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=5e-5)
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=5e-5)
    assert wilson(0, 10).high == pytest.approx(Z**2 / (10 + Z**2), rel=1e-12)
    assert wilson(10, 10).low == pytest.approx(1 - wilson(0, 10).high, rel=1e-12)


@pytest.mark.parametrize(("count", "votes"), [(-1, 10), (11, 10)])
def test_counts_that_cannot_be_are_refused(count: int, votes: int) -> None:
    for call in (exact_p, wilson):
        with pytest.raises(ValueError, match=f"{count} of {votes} votes"):
            call(count, votes)


def test_an_interval_of_no_votes_is_refused() -> None:
    with pytest.raises(ValueError, match="needs votes, got none"):
        wilson(0, 0)


def test_a_hundred_votes_each_widen_the_interval_from_1_8_to_4_4_points() -> None:
    effect = design_effect(100, 0.05)
    assert effect == pytest.approx(5.95)
    assert wilson(1500, 3000).half_width == pytest.approx(0.018, abs=5e-4)
    assert widened(1500, 3000, effect).half_width == pytest.approx(0.044, abs=1e-3)
    assert design_effect(100, 0) == 1 and widened(7, 10, 1) == wilson(7, 10)


def test_clustered_votes_of_the_paper_leave_the_margin_of_5_points() -> None:
    assert widened(1048, 2000, 5.95, Z_90) == pytest.approx((0.479, 0.569), abs=1e-3)


def test_unequal_numbers_of_votes_count_as_the_mean_that_a_vote_meets() -> None:
    each = np.array([10, 20, 30])
    pairs = sum(n * (n - 1) for n in each.tolist())
    assert design_effect(effective_votes_each(each), 0.3) == pytest.approx(1 + 0.3 * pairs / 60)


def test_the_correlation_of_a_crowd_is_recovered() -> None:
    rng = np.random.default_rng(0)
    for rho in (0.0, 0.05, 0.3):
        each = rng.integers(50, 150, 4000)
        right = rng.binomial(each, Crowd(0.6, rho).skills(4000, rng))
        found = intraclass_correlation(right, each)
        assert found == pytest.approx(rho, abs=0.01)


def test_the_correlation_is_that_of_the_analysis_of_variance_of_single_votes() -> None:
    rights = [np.repeat([1.0, 0.0], [7, 3]), np.repeat([1.0, 0.0], [2, 8])]
    grand = np.concatenate(rights)
    between = sum(len(r) * (r.mean() - grand.mean()) ** 2 for r in rights) / 1
    within = sum(((r - r.mean()) ** 2).sum() for r in rights) / 18
    expected = (between - within) / (between + 9 * within)
    found = intraclass_correlation(np.array([7, 2]), np.array([10, 10]))
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_correlation_cannot_be_told_of_one_annotator_or_one_vote_each() -> None:
    assert intraclass_correlation(np.array([5]), np.array([10])) is None
    assert intraclass_correlation(np.array([1, 0, 1]), np.array([1, 1, 1])) is None


def test_people_more_alike_than_chance_have_no_negative_correlation() -> None:
    assert intraclass_correlation(np.array([5, 5, 5]), np.array([10, 10, 10])) == 0
    assert intraclass_correlation(np.array([10, 10]), np.array([10, 10])) == 0


def test_an_interval_holds_its_ends() -> None:
    interval = Interval(0.4, 0.6)
    assert interval.contains(0.4) and interval.contains(0.6) and not interval.contains(0.61)
    assert interval.half_width == pytest.approx(0.1)
