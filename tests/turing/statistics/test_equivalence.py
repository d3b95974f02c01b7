import numpy as np
import pytest
from scipy.stats import binomtest

from convergan.turing.statistics.equivalence import Equivalence, two_one_sided_p
from convergan.turing.statistics.intervals import Z_90, Interval, widened


def test_the_papers_votes_are_equivalent_if_independent_and_not_if_clustered() -> None:
    p = two_one_sided_p(1048, 2000, 0.05)
    assert p == pytest.approx(0.010, abs=5e-4)
    independent = Equivalence(0.05, p, widened(1048, 2000, 1.0, Z_90))
    clustered = Equivalence(0.05, p, widened(1048, 2000, 5.95, Z_90))
    assert independent.shown and not clustered.shown


@pytest.mark.parametrize(("count", "votes"), [(48, 100), (1048, 2000), (0, 5), (60, 60)])
def test_the_tests_are_those_of_scipy(count: int, votes: int) -> None:
    below = binomtest(count, votes, 0.6, alternative="less").pvalue
    above = binomtest(count, votes, 0.4, alternative="greater").pvalue
    assert two_one_sided_p(count, votes, 0.1) == pytest.approx(max(below, above), rel=1e-10)


def test_right_and_wrong_votes_give_the_same_p() -> None:
    assert two_one_sided_p(480, 1000, 0.05) == pytest.approx(two_one_sided_p(520, 1000, 0.05))


def test_few_votes_show_nothing_however_close_to_half() -> None:
    p = two_one_sided_p(10, 20, 0.05)
    assert p > 0.3 and not Equivalence(0.05, p, Interval(0.5, 0.5)).shown


def test_one_annotator_shows_nothing() -> None:
    found = Equivalence(0.05, 0.0001, None)
    assert not found.shown and "not shown" in found.sentence()


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        (Interval(0.46, 0.54), True),
        (Interval(0.45, 0.54), False),
        (Interval(0.46, 0.55), False),
        (Interval(0.60, 0.61), False),
    ],
)
def test_it_is_shown_where_the_interval_is_within_the_margin(
    interval: Interval, shown: bool
) -> None:
    found = Equivalence(0.05, 0.001, interval)
    assert found.shown == shown
    assert (": shown (" in found.sentence()) == shown


def test_no_sentence_calls_images_indistinguishable() -> None:
    for interval in (Interval(0.49, 0.51), Interval(0.4, 0.6), None):
        assert "indistinguishable" not in Equivalence(0.05, 0.001, interval).sentence()


def test_at_the_edge_of_the_margin_at_most_one_study_in_twenty_shows_it() -> None:
    count = np.random.default_rng(0).binomial(500, 0.55, 2000)
    shown = [two_one_sided_p(int(x), 500, 0.05) < 0.05 for x in count]
    assert np.mean(shown) < 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5
