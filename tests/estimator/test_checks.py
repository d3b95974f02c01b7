"""Arguments that are refused, each with its name and its value."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convergan.estimator.checks import (
    require_finite,
    require_integer,
    require_no_infinity,
    require_numbers,
)


def test_integers_of_python_and_numpy_are_taken_from_the_least_on() -> None:
    require_integer("folds", 1)
    require_integer("folds", np.int64(2), least=2)
    require_integer("folds", 0, least=0)


@pytest.mark.parametrize("value", [1, True, 2.0, np.float64(3), "3", None])
def test_what_is_no_integer_or_too_small_is_refused(value: Any) -> None:
    message = f"folds must be an integer of 2 or more, got {value!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        require_integer("folds", value, least=2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_row_that_is_not_finite_is_named(value: float) -> None:
    rows = np.zeros((4, 3))
    require_finite("X", rows)
    rows[2:, 1] = value
    with pytest.raises(ValueError, match="^X must be finite, row 2 is not$"):
        require_finite("X", rows)


def test_the_first_infinite_cell_is_named_and_missing_ones_pass() -> None:
    rows = np.full((4, 3), np.nan)
    require_no_infinity(rows, None)
    rows[2, 1], rows[3, 0] = -np.inf, np.inf
    with pytest.raises(ValueError, match=r"infinity or a value too large \(row 2, column 1; count"):
        require_no_infinity(rows, None)
    with pytest.raises(ValueError, match=r"\(row 2, column 'b'; counted from 0\)"):
        require_no_infinity(rows, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ma.masked_array([[1.0], [2.0]], mask=[[True], [False]]), "X has masked cells"),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), "X holds dates or times"),
        (np.array([[3]], dtype="timedelta64[s]"), "X holds dates or times"),
        (pd.DataFrame({"a": [1.0], "b": pd.to_datetime(["2020-01-01"])}), "X holds dates or"),
        (pd.Series(pd.to_datetime(["2020-01-01"])), "X holds dates or times"),
    ],
)
def test_what_is_more_than_numbers_is_refused(rows: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_numbers("X", rows)


@pytest.mark.parametrize(
    "rows",
    [
        [[1.0]],
        np.array([["a"]], dtype=object),
        np.ma.masked_array([[1.0]], mask=[[False]]),
        pd.DataFrame({"a": [1], "b": ["x"], "c": pd.Categorical(["y"])}),
        None,
    ],
)
def test_numbers_and_what_others_check_pass(rows: Any) -> None:
    require_numbers("X", rows)
