import numpy as np
import pytest

from convergan.estimator.linear import Linear
from convergan.estimator.opinions import (
    FOLDS,
    FOLDS_OF_MANY,
    MANY,
    Reduced,
    as_tensor,
    assign_folds,
    leading_axes,
    log_softmax,
)
from tests.estimator.helpers import clusters, labeled_rows


def test_folds_are_of_one_size_and_hold_out_each_class_little_by_little() -> None:
    labels = np.repeat([0, 1, 2], [20, 10, 5])
    folds = assign_folds(labels, seed=3)
    assert sorted(set(folds)) == list(range(FOLDS))
    assert np.ptp(np.bincount(folds)) <= 1
    for number, most in ((0, 2), (1, 1), (2, 1)):
        assert np.bincount(folds[labels == number]).max() == most
    assert (folds == assign_folds(labels, seed=3)).all()
    assert (folds != assign_folds(labels, seed=4)).any()


def test_few_labels_are_held_out_one_by_one_and_many_in_few_folds() -> None:
    assert sorted(assign_folds(np.array([0, 1, 0]), 0)) == [0, 1, 2]
    assert assign_folds(np.zeros(MANY + 1, dtype=np.int64), 0).max() == FOLDS_OF_MANY - 1


def test_what_is_left_of_a_fold_has_neither_its_labels_nor_fewer_rows() -> None:
    rows, labels = clusters()
    task = labeled_rows(rows, range(30), labels[:30])
    seen = np.zeros(30, dtype=np.int64)
    for held, kept in task.without_labels():
        seen += held
        assert len(kept.rows) == 90
        assert not np.intersect1d(kept.labeled, task.labeled[held]).size
        assert len(kept.labels) == len(kept.labeled) == 30 - held.sum()
        assert (kept.given == rows[kept.labeled]).all()
    assert (seen == 1).all()


def test_the_softmax_is_that_of_torch_and_takes_large_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 300, (5, 4))
    wanted = as_tensor(logits).log_softmax(dim=1).numpy()
    np.testing.assert_allclose(log_softmax(logits), wanted, atol=1e-10)


@pytest.mark.parametrize("count", [1, 2])
def test_leading_axes_are_those_of_the_largest_variance(count: int) -> None:
    chance = np.random.default_rng(0)
    axes = leading_axes(chance.normal(size=(500, 3)) * [1, 9, 3], count)
    spanned = np.diag([0.0, 1.0, float(count > 1)])
    np.testing.assert_allclose(axes @ axes.T, spanned, atol=0.03)
    assert axes.flags.c_contiguous and axes.dtype == np.float64


def test_an_opinion_of_components_is_given_them() -> None:
    chance = np.random.default_rng(0)
    axes, linear = chance.normal(size=(5, 2)), Linear(chance.normal(size=(2, 3)), np.zeros(3))
    rows = chance.normal(size=(4, 5))
    np.testing.assert_array_equal(
        Reduced(axes, linear).log_probabilities(rows), linear.log_probabilities(rows @ axes)
    )
