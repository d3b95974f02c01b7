from typing import Any

import numpy as np
import pytest

from convergan.estimator.checks import Array
from convergan.estimator.shares import choose_shares, estimate_shares, label_shares


def classifier_of(accuracy: float, shares: Array, rows: int, each: int, seed: int = 0) -> Any:
    """Held-out and unlabelled probabilities of a classifier that is so often right."""
    chance = np.random.default_rng(seed)
    classes = len(shares)

    def judge(labels: Array) -> Array:
        right = chance.random(len(labels)) < accuracy
        other = (labels + chance.integers(1, classes, len(labels))) % classes
        said = np.eye(classes)[np.where(right, labels, other)]
        found: Array = 0.9 * said + 0.1 / classes
        return found

    labels = np.repeat(np.arange(classes), each)
    return labels, judge(labels), judge(chance.choice(classes, rows, p=shares))


@pytest.mark.parametrize("shares", [[0.1, 0.9], [0.5, 0.5], [0.02, 0.98], [0.7, 0.2, 0.1]])
def test_with_many_labels_the_shares_are_found_though_the_classifier_errs(
    shares: list[float],
) -> None:
    labels, held_out, unlabeled = classifier_of(0.85, np.array(shares), 20_000, 500)
    drawn = estimate_shares(labels, held_out, unlabeled, 0)
    assert np.allclose(drawn.sum(axis=1), 1) and (drawn >= 0).all()
    np.testing.assert_allclose(drawn.mean(axis=0), shares, atol=0.04)
    counted = np.bincount(unlabeled.argmax(axis=1)) / len(unlabeled)
    assert abs(counted - shares).max() > 0.04 or shares == [0.5, 0.5]


def test_the_uncertainty_falls_with_the_number_of_labels() -> None:
    found = []
    for each in (5, 50, 500):
        labels, held_out, unlabeled = classifier_of(0.85, np.array([0.2, 0.8]), 5000, each)
        drawn = estimate_shares(labels, held_out, unlabeled, 0)
        found.append(drawn.std(axis=0)[0])
    assert found[0] > found[1] > 2 * found[2]


def test_a_rare_class_is_not_predicted_as_often_as_errors_find_it() -> None:
    labels, held_out, unlabeled = classifier_of(0.9, np.array([129 / 130, 1 / 130]), 5000, 10)
    found = choose_shares("auto", labels, 2, labels, held_out, unlabeled, 0)
    assert found.source == "unlabeled"
    assert found.shares[1] < 0.1 < 0.1 + unlabeled.mean(axis=0)[1]


def test_an_estimate_worse_than_its_uncertainty_leaves_the_shares_alike() -> None:
    few = classifier_of(0.8, np.array([0.4, 0.6]), 500, 5)
    labels, held_out, unlabeled = few
    found = choose_shares("auto", labels, 2, labels, held_out, unlabeled, 0)
    assert found.source == "uniform" and found.shares.tolist() == [0.5, 0.5]
    asked = choose_shares("unlabeled", labels, 2, labels, held_out, unlabeled, 0)
    assert asked.source == "unlabeled" and (asked.deviation > 0.05).all()


def test_labels_of_a_random_draw_say_how_frequent_classes_are() -> None:
    labels = np.repeat([0, 1], [18, 2])
    held_out = unlabeled = np.full((20, 2), 0.5)
    found = choose_shares("auto", labels, 2, labels, held_out, unlabeled, 0)
    assert found.source == "labels"
    np.testing.assert_allclose(found.shares, [19 / 22, 3 / 22])
    np.testing.assert_allclose(found.shares, label_shares(labels, 2))
    uniform = choose_shares("uniform", labels, 2, labels, held_out, unlabeled, 0)
    assert uniform.shares.tolist() == [0.5, 0.5]


def test_without_unlabelled_rows_nothing_is_estimated() -> None:
    labels = np.array([0, 1] * 10)
    found = choose_shares("unlabeled", labels, 2, labels, np.eye(2)[labels], np.empty((0, 2)), 0)
    assert found.source == "uniform"


def test_a_class_that_could_not_be_held_out_leaves_the_shares_alike() -> None:
    labels, judged = np.array([0, 1, 1]), np.full((2, 2), 0.5)
    found = choose_shares("unlabeled", labels, 2, labels[1:], judged, np.full((9, 2), 0.5), 0)
    assert found.source == "uniform"


def test_no_class_is_rarer_than_the_labels_prove() -> None:
    labels, held_out, unlabeled = classifier_of(0.9, np.array([1.0, 0.0]), 990, 5)
    for prior in ("auto", "unlabeled"):
        found = choose_shares(prior, labels, 2, labels, held_out, unlabeled, 0)
        assert found.source == "unlabeled"
        assert found.shares[1] >= 5 / 1000 / (1 + 5 / 1000)


def test_an_estimate_does_not_make_right_labels_wrong() -> None:
    labels = np.repeat([0, 1], 6)
    sure = np.array([0.07, 0.003, 0.05, 0.09, 0.005, 0.06])  # of the other class
    held_out = np.concatenate([np.stack([1 - sure, sure], 1), np.stack([sure, 1 - sure], 1)])
    unlabeled = np.stack([np.full(1000, 0.97), np.full(1000, 0.03)], 1)
    alone = estimate_shares(labels, held_out, unlabeled, 0).mean(axis=0)
    assert alone[1] < 0.001  # which calls all but one row of class 1 class 0

    found = choose_shares("auto", labels, 2, labels, held_out, unlabeled, 0)
    wrong = (held_out * found.shares).argmax(axis=1) != labels
    assert found.source == "unlabeled" and found.shares[1] < 0.1
    assert wrong[labels == 1].sum() <= 3 and not wrong[labels == 0].any()
