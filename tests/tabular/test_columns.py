import datetime
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convergan.data import DataError
from convergan.tabular.columns import (
    CATEGORY,
    LIST,
    NUMBER,
    doubtful_categories,
    learn_columns,
    read_features,
    suspicious_keys,
)


def test_every_kind_of_column_becomes_named_features() -> None:
    table = pd.DataFrame(
        {
            "size": [1.5, 2.0, 3.0],
            "old": pd.array([True, False, True], dtype="boolean"),
            "colour": ["red", "blue", "red"],
            "embedding": [np.array([0.0, 1.0]), np.array([2.0, 3.0]), [4.0, 5.0]],
        }
    )
    columns = learn_columns(table, list(table.columns))
    assert [column.kind for column in columns] == [NUMBER, NUMBER, CATEGORY, LIST]
    features, notices = read_features(table, columns)
    assert list(features.columns) == [
        *("size", "old", "colour=blue", "colour=red", "embedding[0]", "embedding[1]")
    ]
    assert features.to_numpy().tolist() == [
        [1.5, 1, 0, 1, 0, 1],
        [2.0, 0, 1, 0, 2, 3],
        [3.0, 1, 0, 1, 4, 5],
    ]
    assert not notices


def test_missing_values_take_the_means_that_were_learned() -> None:
    table = pd.DataFrame(
        {
            "size": [1.0, 3.0, None],
            "colour": ["red", None, "blue"],
            "embedding": [[0.0, np.nan], None, [2.0, 3.0]],
        }
    )
    columns = learn_columns(table, list(table.columns), missing="mean")
    features = read_features(table, columns).frame.to_numpy()
    assert features.tolist() == [[1, 0, 1, 0, 3], [3, 0.5, 0.5, 1, 3], [2, 1, 0, 2, 3]]
    nothing = pd.DataFrame({"size": [None], "colour": [""], "embedding": [None]})
    assert read_features(nothing, columns).frame.to_numpy().tolist() == [[2, 0.5, 0.5, 1, 3]]


def test_missing_values_are_left_to_the_classifier_and_missing_texts_are_a_category() -> None:
    table = pd.DataFrame(
        {
            "size": [1.0, 3.0, None],
            "colour": ["red", None, "blue"],
            "embedding": [[0.0, np.nan], None, [2.0, 3.0]],
            "nothing": [None, None, None],
        }
    )
    columns = learn_columns(table, list(table.columns))
    features, notices = read_features(table, columns)
    assert features.columns.tolist()[1:4] == ["colour=", "colour=blue", "colour=red"]
    nan = np.nan
    np.testing.assert_array_equal(
        features.to_numpy(),
        [[1, 0, 0, 1, 0, nan, nan], [3, 1, 0, 0, nan, nan, nan], [nan, 0, 1, 0, 2, 3, nan]],
    )
    assert notices == [
        "numbers are missing in 'size', 'embedding', 'nothing': medians stand for them"
    ]


def test_a_missing_text_is_no_category_where_none_was_missing() -> None:
    columns = learn_columns(pd.DataFrame({"colour": ["red", "blue"]}), ["colour"])
    features, notices = read_features(pd.DataFrame({"colour": ["red", None]}), columns)
    assert features.to_numpy().tolist() == [[0, 1], [0, 0]] and not notices


def test_a_category_that_was_not_there_is_none_of_those_that_were() -> None:
    columns = learn_columns(pd.DataFrame({"colour": ["red", "blue"]}), ["colour"])
    features, notices = read_features(pd.DataFrame({"colour": ["red", "pink"]}), columns)
    assert features.to_numpy().tolist() == [[0, 1], [0, 0]]
    assert notices == [
        "column 'colour' has categories that were not there when the model was fitted, such as "
        "'pink' (1 in all); they count as none of those known"
    ]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            [1.0, None],
            "'x' has no value in row 1 .*--missing median, or fit without it, with --drop x",
        ),
        ([1.0, np.inf], "'x' is infinite in row 1"),
        (["a", None], "'x' has no value in row 1"),
        (
            [f"name {number}" for number in range(51)] * 2,
            "text of 51 kinds, such as 'name 0'; at most 50",
        ),
        (["1", "2", "two"], "'x' has text among numbers, 'two' in row 2"),
        (
            [f"name {number}" for number in range(21)],
            "text of 21 kinds, such as 'name 0'; at most 20",
        ),
        ([datetime.date(2026, 1, 1)], "values of type date, such as '2026-01-01'"),
        (pd.to_datetime(["2026-01-01"]), "values of type Timestamp"),
        ([[1.0, 2.0], [1.0]], "lists of 2 numbers, that of row 1 .* has 1"),
        ([["a", "b"]], r"flat lists of numbers, that of row 0 .* is \"\['a', 'b'\]\""),
    ],
)
def test_columns_that_no_features_can_be_made_of_are_named(cells: Any, message: str) -> None:
    table = pd.DataFrame({"x": cells})
    with pytest.raises(DataError, match=message):
        read_features(table, learn_columns(table, ["x"], missing="refuse"))


def test_a_column_without_any_value_has_no_mean() -> None:
    with pytest.raises(DataError, match="'x' has no values; fit without it"):
        learn_columns(pd.DataFrame({"x": [None, None]}), ["x"], missing="mean")


def test_a_column_of_another_kind_than_was_fitted_is_refused() -> None:
    columns = learn_columns(pd.DataFrame({"x": [1.0, 2.0]}), ["x"])
    with pytest.raises(DataError, match="'x' holds numbers, got categories: 'two' in row 1"):
        read_features(pd.DataFrame({"x": ["1", "two"]}), columns)


def test_whole_numbers_that_only_rise_are_noticed() -> None:
    table = pd.DataFrame({"id": range(30), "time": np.arange(30) / 7, "size": [1, 2, 3] * 10})
    columns = learn_columns(table, list(table.columns))
    assert suspicious_keys(table, columns) == [
        "column 'id' rises from row to row as a key does; if it is one, "
        "fit without it, with --drop id"
    ]


def test_categories_are_one_in_either_form_of_unicode_and_without_blanks() -> None:
    table = pd.DataFrame({"x": ["süß", "su\u0308ß ", "hör"]})
    columns = learn_columns(table, ["x"])
    assert columns[0].categories == ("hör", "süß")
    assert read_features(table, columns).frame.to_numpy().tolist() == [[0, 1], [0, 1], [1, 0]]
    old = [replace(columns[0], categories=("ho\u0308r", "süß "))]
    assert read_features(table, old).frame.to_numpy().tolist() == [[0, 1], [0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["#REF!", "a"], "column 'x' holds a spreadsheet's error, '#REF!', as a category"),
        (["10 mg", "20 mg"], "column 'x' looks like numbers of mg, such as '10 mg'"),
        (["1", "2"], "column 'x' is text that looks like numbers, such as '1'"),
        (["Red", "red"], "categories of column 'x' that differ in case"),
        (["Q1", "Q2", "3rd"], ""),
    ],
)
def test_categories_that_may_be_something_else_are_told(cells: list[str], told: str) -> None:
    columns = learn_columns(pd.DataFrame({"x": cells}), ["x"])
    notices = doubtful_categories(columns)
    assert notices == [] if not told else (len(notices) == 1 and told in notices[0])


@pytest.mark.parametrize("cells", [["2026-01-31", "2026-02-01"], ["12:30", "08:15"]])
def test_dates_are_no_categories(cells: list[str]) -> None:
    with pytest.raises(DataError, match="column 'x' holds dates or times, such as"):
        learn_columns(pd.DataFrame({"x": cells}), ["x"])


def test_numbers_must_be_in_the_unit_that_was_fitted_to() -> None:
    table = pd.DataFrame({"x": [12.0, 7.0]})
    columns = learn_columns(table, ["x"], signs={"x": "%"})
    assert read_features(table, columns, {"x": "%"}).frame["x"].tolist() == [12, 7]
    with pytest.raises(DataError, match="had numbers with '%' where .* has numbers without a sign"):
        read_features(table, columns)
