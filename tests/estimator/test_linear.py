import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from convergan.estimator.linear import fit_logistic, logistic_regression, self_training
from tests.estimator.helpers import clusters, labeled_rows


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_says_what_scikit_learn_says(classes: int) -> None:
    rows, labels = clusters(classes=classes)
    model = LogisticRegression(max_iter=300).fit(rows[:30], labels[:30])
    found = fit_logistic(rows[:30], labels[:30], classes).log_probabilities(rows)
    np.testing.assert_allclose(np.exp(found), model.predict_proba(rows), atol=1e-12)


def test_fewer_rows_than_columns_are_fitted_in_their_own_space() -> None:
    chance = np.random.default_rng(0)
    rows, labels = chance.normal(size=(12, 40)), np.arange(12) % 3
    model = LogisticRegression(max_iter=3000, tol=1e-8).fit(rows, labels)
    found = fit_logistic(rows, labels, 3).log_probabilities(rows)
    np.testing.assert_allclose(np.exp(found), model.predict_proba(rows), atol=2e-3)


def test_a_class_that_no_label_has_is_improbable_and_a_single_one_is_certain() -> None:
    rows, _ = clusters()
    found = np.exp(fit_logistic(rows[:4], np.array([0, 2, 0, 2]), 3).log_probabilities(rows))
    assert found[:, 1].max() < 0.01 and np.allclose(found.sum(axis=1), 1)
    assert (
        np.exp(fit_logistic(rows[:2], np.array([1, 1]), 3).log_probabilities(rows))[:, 1].min()
        > 0.99
    )


def test_a_held_out_label_is_judged_by_what_was_fitted_without_it() -> None:
    rows, labels = clusters()
    task = labeled_rows(rows, range(9), labels[:9])
    found = logistic_regression(task)
    for row in range(9):
        others = np.setdiff1d(np.arange(9), row)
        alone = fit_logistic(rows[others], labels[others], 3).log_probabilities(rows[[row]])
        np.testing.assert_allclose(found.held_out[row], alone[0], atol=1e-12)
    np.testing.assert_array_equal(found.rows, found.opinion.log_probabilities(rows))


def test_self_training_finds_the_gap_that_two_labels_do_not_show() -> None:
    chance = np.random.default_rng(0)
    truth = np.arange(400) % 2
    rows = np.c_[3.0 * (2 * truth - 1) + chance.normal(0, 0.5, 400), chance.normal(0, 2, 400)]
    rows[:2] = [-3, -3], [3, 3]  # the labels suggest a diagonal
    task = labeled_rows(rows, [0, 1], [0, 1])
    first = logistic_regression(task)
    taught = self_training(task, first)
    wrong = [(one.rows.argmax(axis=1) != truth).mean() for one in (first, taught)]
    assert wrong[1] < wrong[0] / 2, wrong
    assert taught.held_out is first.held_out
