import numpy as np
import pytest

from convergan.estimator.completion import LEAST_MISSING, learn_completion, take_all

NAN = np.nan


def test_complete_numbers_are_the_same_array() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 3))
    completion = learn_completion(rows, {})
    assert completion.apply(rows) is rows
    later = np.array([[NAN, 1.0, NAN]])
    assert completion.apply(later).tolist() == [[np.median(rows[:, 0]), 1, np.median(rows[:, 2])]]


def test_missing_cells_are_marked_where_they_are_more_than_few() -> None:
    rows = np.random.default_rng(0).normal(size=(1000, 3))
    rows[: int(1000 * LEAST_MISSING), 0] = NAN
    rows[: int(1000 * LEAST_MISSING) + 1, 1] = NAN
    completion = learn_completion(rows, {})
    assert completion.flags.tolist() == [1]
    found = completion.apply(rows)
    assert found.shape == (1000, 4) and (found[:, 3] == np.isnan(rows[:, 1])).all()
    assert (found[:10, 0] == np.median(rows[10:, 0])).all()


def test_columns_that_lack_the_same_rows_are_marked_once() -> None:
    rows = np.arange(40.0).reshape(10, 4)
    rows[:2, [0, 2]] = NAN
    rows[5, 3] = NAN
    assert learn_completion(rows, {}).flags.tolist() == [0, 3]


def test_categories_are_indicators_after_the_numbers() -> None:
    rows = np.array([[0.0, 5.0, 1.0], [2.0, 6.0, 0.0], [1.0, 7.0, NAN]])
    completion = learn_completion(rows, {0: ("a", "b", "c"), 2: (False, True)})
    assert completion.apply(rows).tolist() == [
        [5, 1, 0, 0, 0, 1, 0],
        [6, 0, 0, 1, 1, 0, 0],
        [7, 0, 1, 0, 0, 0, 1],
    ]
    unknown = np.array([[-1.0, NAN, -1.0]])
    assert completion.apply(unknown).tolist() == [[6, 0, 0, 0, 0, 0, 0]]


def test_a_column_without_values_says_nothing() -> None:
    rows = np.c_[np.arange(5.0), np.full(5, NAN)]
    assert learn_completion(rows, {}).apply(rows).tolist() == [[n, 0] for n in range(5)]


def test_models_that_take_no_missing_cells_name_the_row() -> None:
    rows = np.array([[1.0, 2.0], [NAN, 3.0]])
    assert take_all(2).apply(rows[:1]) is not None
    with pytest.raises(ValueError, match=r"contains NaN \(row 1\).*fit it again"):
        take_all(2).apply(rows)
