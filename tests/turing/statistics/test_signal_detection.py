import numpy as np
import pytest
from scipy.stats import norm

from convergan.turing.results.estimates import confusion_counts
from convergan.turing.simulation.observers import Observer
from convergan.turing.statistics.signal_detection import sensitivity
from tests.turing.known_studies import DESIGN, votes_of


@pytest.mark.parametrize(
    ("hits", "alarms", "d_prime", "criterion"),
    [(40, 10, 1.642, 0.0), (25, 25, 0.0, 0.0), (50, 0, 4.668, 0.0)],
)
def test_counts_have_the_sensitivity_of_the_closed_form(
    hits: int, alarms: int, d_prime: float, criterion: float
) -> None:
    found = sensitivity(hits, 50, alarms, 50)
    assert found == pytest.approx((d_prime, criterion), abs=5e-4)


def test_who_always_says_generated_is_biased_and_not_sensitive() -> None:
    found = sensitivity(50, 50, 50, 50)
    assert found.d_prime == 0 and found.criterion < -2


def test_the_formula_holds_cell_by_cell() -> None:
    hits, alarms = np.array([3, 9]), np.array([4, 1])
    found = sensitivity(hits, 10, alarms, 12)
    for i in range(2):
        hit, alarm = norm.ppf((hits[i] + 0.5) / 11), norm.ppf((alarms[i] + 0.5) / 13)
        assert found.d_prime[i] == pytest.approx(hit - alarm, rel=1e-12)
        assert found.criterion[i] == pytest.approx(-(hit + alarm) / 2, rel=1e-12)


def test_exchanging_the_answers_exchanges_the_signs() -> None:
    there, back = sensitivity(40, 50, 20, 50), sensitivity(10, 50, 30, 50)
    assert back == pytest.approx((-there.d_prime, -there.criterion), rel=1e-12)


def test_of_pairs_sensitivity_is_divided_by_the_root_of_2() -> None:
    one, two = sensitivity(40, 50, 20, 50), sensitivity(40, 50, 20, 50, pairs=True)
    assert two.d_prime == pytest.approx(one.d_prime / np.sqrt(2), rel=1e-12)
    assert two.criterion == one.criterion


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize(("d_prime", "criterion"), [(0.0, 0.0), (1.0, 0.3), (2.0, -0.5)])
def test_a_simulated_observer_is_recovered(pairs: bool, d_prime: float, criterion: float) -> None:
    votes = votes_of([Observer(d_prime, criterion, pairs)] * 100, DESIGN)
    found = sensitivity(*confusion_counts(votes).sum(0), pairs=pairs)
    assert found == pytest.approx((d_prime, criterion), abs=0.07)
