"""The figures of a simulated study, computed again outside by scipy and NumPy alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import binomtest, bootstrap, norm

from convergan.turing.results.analysis import analyse
from convergan.turing.simulation.observers import Crowd, Learner
from tests.turing.known_studies import DESIGN, votes_of

RNG = np.random.default_rng(5)
VOTES = votes_of([*Crowd(0.6, 0.05).people(24, RNG)], seed=3)
FOUND = analyse(VOTES, DESIGN, draws=4000)
COUNTED = {person.alias for person in FOUND.annotators if person.counts}
ROWS = ~VOTES.attention & np.isin(np.array(VOTES.annotators)[VOTES.annotator], list(COUNTED))
RIGHT, WHO = (VOTES.generated == VOTES.said_generated)[ROWS], VOTES.annotator[ROWS]


def test_error_binomial_test_and_wilsons_interval_are_scipys() -> None:
    assert FOUND.result is not None
    error = FOUND.result.error
    assert error.error == pytest.approx(1 - RIGHT.mean(), rel=1e-12)
    test = binomtest(int(RIGHT.sum()), len(RIGHT), 0.5)
    assert FOUND.result.pooled_p == pytest.approx(test.pvalue, rel=1e-9)
    wilson = binomtest(error.wrong, error.votes).proportion_ci(method="wilson")
    assert list(error.pooled) == pytest.approx([wilson.low, wilson.high], abs=2e-6)  # z is 1.96


def test_the_interval_over_annotators_is_that_of_scipys_bootstrap_of_people() -> None:
    assert FOUND.result is not None and FOUND.result.error.interval is not None
    people = np.unique(WHO)
    wrong = np.array([(~RIGHT)[WHO == person].sum() for person in people])
    votes = np.array([(WHO == person).sum() for person in people])
    again = bootstrap(
        (wrong, votes),
        lambda w, v, axis: w.sum(axis) / v.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=4000,
        method="percentile",
        random_state=np.random.default_rng(1),
    ).confidence_interval
    # Two sets of 4,000 draws: ends differ by chance, about 2 % of the width.
    width = again.high - again.low
    assert list(FOUND.result.error.interval) == pytest.approx(
        [again.low, again.high], abs=0.08 * width
    )


def test_sensitivity_and_bias_are_those_of_the_normal_distribution() -> None:
    assert FOUND.result is not None
    said, truth = VOTES.said_generated[ROWS], VOTES.generated[ROWS]
    hit, alarm = (
        (said[truth == kind].sum() + 0.5) / ((truth == kind).sum() + 1) for kind in (True, False)
    )
    z_hit, z_alarm = norm.ppf([hit, alarm])
    assert FOUND.result.d_prime == pytest.approx(z_hit - z_alarm, rel=1e-9)
    assert FOUND.result.criterion == pytest.approx(-(z_hit + z_alarm) / 2, abs=1e-9)


def test_learning_is_the_slope_of_a_logistic_regression() -> None:
    design = replace(DESIGN, feedback="on")
    votes = votes_of([Learner(1.5)] * 30, design)
    found = analyse(votes, design, draws=50)
    counted = {person.alias for person in found.annotators if person.counts}
    rows = ~votes.attention & np.isin(np.array(votes.annotators)[votes.annotator], list(counted))
    trial, right = votes.trial[rows] / 100, votes.correct[rows]

    def loss(line: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        chance = expit(line[0] + line[1] * trial)
        return -float(np.log(np.where(right, chance, 1 - chance)).sum())

    slope = minimize(loss, [0.0, 0.0]).x[1]
    # Ours has half a right and half a wrong vote more, which draws the slope to 0 a little.
    assert found.learning.arms[0].slope == pytest.approx(slope, rel=0.01)
