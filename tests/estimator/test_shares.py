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
    found = choose_shares("auto", labels, 2, held_out, unlabeled, 0)
    assert found.source == "unlabeled"
    assert found.shares[1] < 0.1 < 0.1 + unlabeled.mean(axis=0)[1]


def test_an_estimate_worse_than_its_uncertainty_leaves_the_shares_alike() -> None:
    few = classifier_of(0.8, np.array([0.4, 0.6]), 500, 5)
    labels, held_out, unlabeled = few
    found = choose_shares("auto", labels, 2, held_out, unlabeled, 0)
    assert found.source == "uniform" and found.shares.tolist() == [0.5, 0.5]
    asked = choose_shares("unlabeled", labels, 2, held_out, unlabeled, 0)
    assert asked.source == "unlabeled" and (asked.deviation > 0.05).all()


def test_labels_of_a_random_draw_say_how_frequent_classes_are() -> None:
    labels = np.repeat([0, 1], [18, 2])
    held_out = unlabeled = np.full((20, 2), 0.5)
    found = choose_shares("auto", labels, 2, held_out, unlabeled, 0)
    assert found.source == "labels"
    np.testing.assert_allclose(found.shares, [19 / 22, 3 / 22])
    np.testing.assert_allclose(found.shares, label_shares(labels, 2))
    uniform = choose_shares("uniform", labels, 2, held_out, unlabeled, 0)
    assert uniform.shares.tolist() == [0.5, 0.5]


def test_without_unlabelled_rows_nothing_is_estimated() -> None:
    labels = np.array([0, 1] * 10)
    found = choose_shares("unlabeled", labels, 2, np.eye(2)[labels], np.empty((0, 2)), 0)
    assert found.source == "uniform"
