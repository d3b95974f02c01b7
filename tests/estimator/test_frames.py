import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convergan.estimator.frames import code_categories, learn_categories, most_levels

NAN = np.nan


@pytest.mark.parametrize(
    "X",
    [
        np.arange(6.0).reshape(3, 2),
        [[1.0, 2.0], [3.0, None]],
        np.array([[1, None], [2, 3]], dtype=object),
        pd.DataFrame({"a": [1, 2], "b": pd.array([True, None], dtype="boolean")}),
        np.zeros((2, 3, 4)),
        7,
        None,
    ],
)
def test_numbers_are_as_they_were(X: Any) -> None:
    assert learn_categories(X).rows is X and not learn_categories(X).categories


@pytest.mark.parametrize(
    ("cells", "levels", "codes"),
    [
        (["b", None, "a", "b"], ("a", "b"), [1, NAN, 0, 1]),
        (pd.array(["b", None, "a", "b"], dtype="string"), ("a", "b"), [1, NAN, 0, 1]),
        (pd.Categorical(["b", None, "a", "b"], ["z", "b", "a"]), ("a", "b"), [1, NAN, 0, 1]),
        (pd.Categorical([7, None, 3, 7]), (3, 7), [1, NAN, 0, 1]),
        (pd.Categorical([True, None, False, True]), (False, True), [1, NAN, 0, 1]),
    ],
)
def test_columns_of_categories_become_positions(cells: Any, levels: Any, codes: Any) -> None:
    frame = pd.DataFrame({"size": [1, 2, 3, 4], "kind": cells}, index=[5, 5, 6, 7])
    found = learn_categories(frame)
    assert found.categories == {1: levels}
    assert [type(level) for level in found.categories[1]] == [type(level) for level in levels]
    assert list(found.rows.columns) == ["size", "kind"]
    np.testing.assert_array_equal(found.rows, np.c_[[1, 2, 3, 4], codes])
    again = code_categories(frame, found.categories)
    np.testing.assert_array_equal(again.rows, found.rows)
    assert again.notice == ""


def test_objects_that_are_numbers_are_numbers() -> None:
    frame = pd.DataFrame({"a": [Decimal("1.5"), None, True], "b": ["x", "x", "y"]}, dtype=object)
    found = learn_categories(frame)
    assert found.categories == {1: ("x", "y")}
    np.testing.assert_array_equal(found.rows, [[1.5, 0], [NAN, 0], [1, 1]])
    alone = learn_categories(frame[["a"]])
    assert not alone.categories
    np.testing.assert_array_equal(alone.rows, [[1.5], [NAN], [1]])


@pytest.mark.parametrize("make", [list, lambda rows: np.array(rows, dtype=object)])
def test_rows_without_names_have_categories_too(make: Any) -> None:
    found = learn_categories(make([["a", 1.5], ["b", None], ["a", 2]]))
    assert found.categories == {0: ("a", "b")} and isinstance(found.rows, np.ndarray)
    np.testing.assert_array_equal(found.rows, [[0, 1.5], [1, NAN], [0, 2]])


def test_levels_that_were_not_there_are_told_once() -> None:
    known = {0: ("a", "b"), 1: ("x",)}
    frame = pd.DataFrame({"p": ["a", "c", "d", None], "q": ["x", "y", "x", "x"]})
    found = code_categories(frame, known)
    np.testing.assert_array_equal(found.rows, [[0, 0], [-1, -1], [-1, 0], [NAN, 0]])
    assert found.notice == (
        "column 'p' of X has categories that fit did not see, such as 'c' (3 in all); they count "
        "as none of those known"
    )


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([1.0, 2.0, "two"], "^column 'c' of X has text among numbers, 'two' in row 2: make all"),
        (
            [f"n{i}" for i in range(51)] * 2,
            "text of 51 kinds in 102 rows, such as 'n0'; at most 50",
        ),
        ([f"n{i}" for i in range(21)], "text of 21 kinds in 21 rows, such as 'n0'; at most 20"),
        ([datetime.date(2026, 1, 1)], "values of type date, such as '2026-01-01'"),
        ([[1, 2]], "values of type list, such as '.1, 2.'"),
        (pd.Categorical(pd.to_datetime(["2026-01-01"])), "categories of type Timestamp"),
    ],
)
def test_columns_that_are_neither_are_named(cells: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        learn_categories(pd.DataFrame({"c": cells}))
    assert "\n" not in str(refusal.value)


def test_a_column_keeps_its_kind() -> None:
    text, number = pd.DataFrame({"c": ["a", "b"]}), pd.DataFrame({"c": [1.0, 2.0]})
    with pytest.raises(ValueError, match="'c' of X held categories in fit, got numbers such as '1"):
        code_categories(number, {0: ("a", "b")})
    with pytest.raises(ValueError, match="'c' of X held numbers in fit, got categories such as 'a"):
        code_categories(text, {})
    assert code_categories(number, {0: (1, 2)}).rows["c"].tolist() == [0, 1]
    assert code_categories(number.to_numpy(), {0: (1, 2)}).rows.tolist() == [[0], [1]]


def test_more_levels_need_more_rows() -> None:
    assert [most_levels(cells) for cells in (5, 40, 60, 100, 1000)] == [20, 20, 30, 50, 50]
