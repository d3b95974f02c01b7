import numpy as np
import pytest
from scipy.special import log_softmax

from convergan.estimator.checks import Array
from convergan.estimator.linear import Linear
from convergan.estimator.opinions import Evidence, assign_folds
from convergan.estimator.pool import (
    DEVIATION,
    PRIOR,
    TREES,
    Pool,
    fit_powers,
    pooled_held_out,
    usual_powers,
)


def test_a_pool_multiplies_probabilities_raised_to_their_powers() -> None:
    chance = np.random.default_rng(0)
    first, second = (Linear(chance.normal(size=(2, 3)), chance.normal(size=3)) for _ in range(2))
    rows, offset = chance.normal(size=(5, 2)), np.array([0.3, -0.2, 0.1])
    pool = Pool(("a", "b"), (first, second), np.array([2.0, 0.5]), offset)
    one, two = (np.exp(opinion.log_probabilities(rows)) for opinion in (first, second))
    wanted = one**2 * two**0.5 * np.exp(offset)
    wanted /= wanted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.exp(pool.log_probabilities(rows)), wanted)


def test_powers_have_the_greatest_likelihood_with_their_prior() -> None:
    chance = np.random.default_rng(3)
    logs = log_softmax(chance.normal(0, 2, (3, 60, 4)), axis=2)
    labels = logs[0].argmax(axis=1)
    labels[::3] = chance.integers(0, 4, 20)
    usual = np.array([0.4, 0.5, 0.0])
    found = fit_powers(logs, labels, usual)

    def loss(powers: Array) -> float:
        pooled = log_softmax(np.tensordot(powers, logs, axes=1), axis=1)
        likelihood = sum(pooled[row, label] for row, label in enumerate(labels))
        return float(-likelihood + sum(((powers - usual) / DEVIATION) ** 2) / 2)

    assert found[0] > 0.3 and found[1] < 0.5 and (found >= 0).all()
    for step in 0.02 * np.vstack([np.eye(3), -np.eye(3)]):
        assert loss(found) <= loss(np.maximum(found + step, 0)) + 1e-9


def test_many_labels_overrule_the_prior_and_none_leave_it() -> None:
    chance = np.random.default_rng(0)
    truth = log_softmax(chance.normal(0, 1.5, (4000, 3)), axis=1)
    labels = (chance.random((4000, 1)) > np.exp(truth).cumsum(axis=1)).sum(axis=1)
    noise = log_softmax(chance.normal(0, 1.5, (2, 4000, 3)), axis=2)
    usual = np.array([0.5, 0.5, 0.1])
    powers = fit_powers(np.stack([truth, *noise]), labels, usual)
    np.testing.assert_allclose(powers, [1, 0, 0], atol=0.1)
    silent = fit_powers(np.zeros((3, 5, 2)), np.zeros(5, int), usual)
    np.testing.assert_allclose(silent, usual)


@pytest.mark.parametrize(
    ("counts", "size", "random"),
    [
        ([5, 5], 0.0, 0.0),
        ([2, 2, 2], np.log(2 / 5), 0.0),
        ([1, 9], 0.0, 1.0),
        ([2, 3], np.log(0.5), 0),
    ],
)
def test_the_prior_follows_the_number_of_labels_and_how_they_were_drawn(
    counts: list[int], size: float, random: float
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    [found] = usual_powers(labels, (TREES,))
    mean = PRIOR[TREES]
    assert found == pytest.approx(max(0, mean.level + mean.slope * size + mean.random * random))


def test_held_out_predictions_use_no_power_that_their_labels_chose() -> None:
    chance = np.random.default_rng(1)
    labels = np.arange(12) % 2
    logs = log_softmax(chance.normal(0, 1, (12, 2)), axis=1)
    opinion = Linear(np.zeros((1, 2)), np.zeros(2))
    folds = assign_folds(labels, 0)
    found = pooled_held_out({TREES: Evidence(opinion, logs, logs)}, labels, folds)
    usual = usual_powers(labels, (TREES,))
    for row in range(12):
        others = folds != folds[row]
        [power] = fit_powers(logs[None, others], labels[others], usual)
        np.testing.assert_allclose(found[row], log_softmax(power * logs[row]), atol=1e-9)
