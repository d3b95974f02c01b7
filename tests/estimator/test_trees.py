import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from convergan.estimator.trees import (
    LEAST_IN_LEAF,
    TREES,
    VOTES,
    Trees,
    extra_trees,
    taught_trees,
)
from tests.estimator.helpers import clusters, labeled_rows


@pytest.mark.parametrize("classes", [2, 3])
def test_arrays_say_what_the_trees_of_scikit_learn_say(classes: int) -> None:
    rows, labels = clusters(rows=3000, classes=classes)
    task = labeled_rows(rows, range(40), labels[:40])
    model = ExtraTreesClassifier(TREES, bootstrap=True, random_state=0).fit(rows[:40], labels[:40])
    wanted = (model.predict_proba(rows) * VOTES + 1 / classes) / (VOTES + 1)
    found = extra_trees(task)
    np.testing.assert_allclose(np.exp(found.rows), wanted, atol=1e-6)
    np.testing.assert_array_equal(found.rows, found.opinion.log_probabilities(rows))


def test_a_label_is_judged_by_trees_that_did_not_see_it() -> None:
    rows, labels = clusters()
    labels = labels.copy()
    labels[0] = (labels[0] + 1) % 3  # one that only a tree which saw it gets right
    found = extra_trees(labeled_rows(rows, range(30), labels[:30]))
    assert found.rows[0].argmax() == labels[0] and found.held_out[0].argmax() != labels[0]
    assert (found.held_out.argmax(axis=1) == labels[:30]).mean() > 0.8
    assert np.allclose(np.exp(found.held_out).sum(axis=1), 1)


def test_taught_trees_are_those_of_a_regression_on_soft_labels() -> None:
    rows, labels = clusters()
    soft = np.full((90, 3), 0.1) + 0.7 * np.eye(3)[labels]
    model = ExtraTreesRegressor(
        TREES, min_samples_leaf=LEAST_IN_LEAF, max_features="sqrt", random_state=5
    ).fit(rows, soft)
    found = np.exp(taught_trees(rows, soft, seed=5).log_probabilities(rows))
    np.testing.assert_allclose(found, model.predict(rows), atol=1e-5)


def test_one_row_and_many_have_the_same_bits() -> None:
    rows, labels = clusters(rows=1500)
    trees = taught_trees(rows, np.eye(3)[labels], seed=0)
    whole = trees.log_probabilities(rows)
    np.testing.assert_array_equal(trees.log_probabilities(rows[7:8]), whole[7:8])
    np.testing.assert_array_equal(trees.log_probabilities(rows[1400:]), whole[1400:])


def test_a_row_at_a_threshold_goes_left_and_the_next_float32_goes_right() -> None:
    at = np.float32(0.1)
    after = np.nextafter(at, np.float32(1))
    shares = np.array([[[0, 0], [1, 0], [0, 1]]], dtype=np.float32)
    children = np.array([[[1, 2], [1, 1], [2, 2]]])
    for threshold in (float(at), float(at) + 1e-10, float(at) - 1e-10):
        thresholds = np.array([[threshold, np.inf, np.inf]])
        stump = Trees(np.zeros((1, 3), dtype=np.int64), thresholds, children, shares, 1, 1e6)
        said = stump.log_probabilities(np.array([[at], [after]], dtype=np.float64))
        wanted = np.array([at, after], dtype=np.float64) > threshold
        assert (said.argmax(axis=1) == wanted).all()
