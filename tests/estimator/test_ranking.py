from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from convergan.estimator import mask_labels, rank_for_labeling
from convergan.estimator.ranking import MOST_CANDIDATES

Array = np.ndarray[Any, Any]


def cloud(rows: int, seed: int = 0) -> tuple[Array, Array]:
    chance = np.random.default_rng(seed)
    return chance.dirichlet(np.ones(3), rows), chance.normal(size=(rows, 4))


def ranked_slowly(probabilities: Array, features: Array, count: int, known: list[int]) -> list[int]:
    """Try every row each time, and add up what is left."""
    rows = range(len(features))
    top = np.sort(probabilities, axis=1)
    weights = 1 - top[:, -1] + top[:, -2]
    taken: list[int] = []
    for _ in range(count):
        left = {}
        for row in rows:
            if row not in taken and row not in known:
                centres = [*known, *taken, row]
                left[row] = sum(
                    weights[i]
                    * min(float(((features[i] - features[j]) ** 2).sum()) for j in centres)
                    for i in rows
                    if i not in known
                )
        taken.append(min(left, key=lambda row: left[row]))
    return taken


@pytest.mark.parametrize("known", [[], [3, 11, 20]])
def test_the_order_is_that_of_the_slow_loop(known: list[int]) -> None:
    probabilities, features = cloud(30)
    found = rank_for_labeling(probabilities, features, count=6, labeled=known)
    assert found.tolist() == ranked_slowly(probabilities, features, 6, known)
    assert found.dtype == np.int64


def test_shorter_lists_are_beginnings_of_longer_ones_and_calls_agree() -> None:
    probabilities, features = cloud(200)
    longest = rank_for_labeling(probabilities, features, count=50)
    assert len(set(longest.tolist())) == 50
    for count in (1, 7, 50):
        again = rank_for_labeling(probabilities, features, count=count)
        assert again.tolist() == longest[:count].tolist()


def test_one_row_of_each_unsure_group_comes_first_and_sure_rows_last() -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=(40, 2))
    features = noise + np.repeat([[0, 0], [9, 0], [0, 9], [9, 9]], 10, axis=0)
    probabilities = np.full((40, 2), 0.5)
    probabilities[30:] = 1, 0
    first = rank_for_labeling(probabilities, features, count=3)
    assert sorted(first // 10) == [0, 1, 2]


def test_a_group_with_a_label_waits() -> None:
    features = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    found = rank_for_labeling(np.full((6, 2), 0.5), features, count=1, labeled=[1])
    assert found.tolist() == [4]


def test_an_outlier_comes_later_than_the_middle_of_a_crowd() -> None:
    features = np.concatenate([np.random.default_rng(0).normal(size=(200, 2)), [[6.0, 6.0]]])
    found = rank_for_labeling(np.full((201, 2), 0.5), features, count=1)
    assert np.square(features[found]).sum() < 0.1


def test_more_doubt_makes_a_row_more_worth_a_label() -> None:
    features = np.array([[0.0], [9.0]])
    for unsure in (0, 1):
        probabilities = np.array([[0.9, 0.1], [0.9, 0.1]])
        probabilities[unsure] = 0.6, 0.4
        assert rank_for_labeling(probabilities, features, count=1).tolist() == [unsure]


def test_rows_without_a_doubt_are_ranked_by_what_they_stand_for() -> None:
    features = np.array([[9.0], [0.0], [0.1], [0.2]])
    found = rank_for_labeling(np.eye(2)[[0, 1, 1, 1]], features, count=4)
    assert found[:2].tolist() == [3, 0] and sorted(found) == [0, 1, 2, 3]


def test_order_and_unit_of_the_rows_do_not_matter() -> None:
    probabilities, features = cloud(100)
    order = np.random.default_rng(1).permutation(100)
    found = rank_for_labeling(probabilities, features, count=9)
    moved = rank_for_labeling(probabilities[order], 8 * features[order], count=9)
    assert order[moved].tolist() == found.tolist()


def test_only_candidates_are_ranked_and_in_any_order() -> None:
    probabilities, features = cloud(50)
    found = rank_for_labeling(
        probabilities, features, count=8, candidates=[9, 3, 4, 40, 41, 1, 2, 0]
    )
    assert sorted(found) == [0, 1, 2, 3, 4, 9, 40, 41]
    alone = rank_for_labeling(probabilities[::2], features[::2], count=5)
    even = rank_for_labeling(probabilities, features, count=5, candidates=np.arange(0, 50, 2))
    assert even.tolist() == (2 * alone).tolist()


def test_of_many_rows_the_least_sure_are_looked_at() -> None:
    probabilities = np.tile([0.9, 0.1], (MOST_CANDIDATES + 500, 1))
    probabilities[500:] = 0.5
    features = np.random.default_rng(0).normal(size=(MOST_CANDIDATES + 500, 2))
    assert rank_for_labeling(probabilities, features, count=20).min() >= 500


def test_labels_of_ranked_rows_teach_more_than_labels_of_random_rows() -> None:
    X, y = load_digits(return_X_y=True)
    X, errors = X / 16, {"ranked": 0.0, "random": 0.0}
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(X))
        pool, test = order[:1200], order[1200:]
        known = np.flatnonzero(mask_labels(y[pool], 1, random_state=seed) >= 0)
        first = LogisticRegression(max_iter=500).fit(X[pool][known], y[pool][known])
        ranked = rank_for_labeling(first.predict_proba(X[pool]), X[pool], count=20, labeled=known)
        for name, more in (("ranked", ranked), ("random", np.arange(20))):
            rows = pool[np.concatenate([known, more])]
            model = LogisticRegression(max_iter=500).fit(X[rows], y[rows])
            errors[name] += float(1 - model.score(X[test], y[test])) / 3
    assert errors["ranked"] < 0.7 * errors["random"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities": np.ones((5, 1))}, r"must be \(n, K\), K at least 2, got \(5, 1\)"),
        ({"features": np.ones((4, 2))}, r"features must be \(5, F\) as probabilities are"),
        ({"features": np.ones(5)}, r"features must be \(5, F\)"),
        ({"features": np.full((5, 1), np.nan)}, "features must be finite, row 0 is not"),
        ({"probabilities": np.full((5, 2), np.inf)}, "probabilities must be finite, row 0 is not"),
        ({"count": 0}, "count must be from 1 to the 5 candidates, got 0"),
        ({"count": 6}, "count must be from 1 to the 5 candidates, got 6"),
        ({"labeled": [1, 2], "count": 4}, "count must be from 1 to the 3 candidates, got 4"),
        ({"candidates": [1, 1]}, "candidates must name no row twice"),
        ({"candidates": [1, 5]}, "candidates must be from 0 to 4, got 1 to 5"),
        ({"candidates": [-1]}, "candidates must be from 0 to 4, got -1 to -1"),
        ({"candidates": [True] * 5}, "candidates must be indices of rows, got bool"),
        ({"candidates": [1, 2], "labeled": [2]}, "candidate 2 is labeled already"),
    ],
)
def test_what_cannot_be_ranked_is_refused(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "probabilities": np.full((5, 2), 0.5),
        "features": np.ones((5, 2)),
        "count": 1,
    }
    with pytest.raises(ValueError, match=message):
        rank_for_labeling(**arguments | change)
