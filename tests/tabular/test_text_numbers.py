import pandas as pd
import pytest

from convergan.data import DataError
from convergan.tabular.text_numbers import is_dates, read_numbers


def text(*cells: str | None) -> pd.Series:
    return pd.Series(cells, dtype="str")


@pytest.mark.parametrize(
    ("cells", "decimal", "values"),
    [
        (["1", "2.5", "-1e3"], None, [1, 2.5, -1000]),
        (["1,5", "1.234,25", "7"], ",", [1.5, 1234.25, 7]),
        (["1,234", "1,234,567.5", "12,34,567"], ".", [1234, 1234567.5, 1234567]),
        (["1\u00a0234,5", "1\u202f234", "1 234"], ",", [1234.5, 1234, 1234]),
        (["1'234.5", "1\u2019234"], ".", [1234.5, 1234]),
        (["12%", "7.5 %"], None, [12, 7.5]),
        (["$1,200", "($5.50)"], ".", [1200, -5.5]),
        (["5,00 €", "-1.000,00 €"], ",", [5, -1000]),
        (["\u22125", "3"], None, [-5, 3]),
    ],
)
def test_numbers_are_read_as_they_are_meant(
    cells: list[str], decimal: str | None, values: list[float]
) -> None:
    found = read_numbers(text(*cells), "x", decimal)
    assert found is not None and found.values.tolist() == values


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1,5", "2"], "with a decimal comma, such as '1,5': say --decimal comma, for"),
        (["1,200"], "such as '1,200': say --decimal point or --decimal comma, for the whole"),
        (["1.200.000"], "'1.200.000': say --decimal comma"),
        (["1,5", "1.5"], "numbers of different forms, such as '1,5' and '1.5'"),
        (["5%", "0.05"], "numbers with different signs, '5%' and '0.05'"),
        (["$5", "€5"], "numbers with different signs"),
    ],
)
def test_numbers_that_may_be_others_are_refused(cells: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_numbers(text(*cells), "x")


@pytest.mark.parametrize(
    "cells",
    [
        ["a", "1"],
        ["1.2.2024"],
        ["T1", "T2"],
        ["5 kg"],
        ["10-20%"],
        *[[two, "3"] for two in ("--1", "+-5", "\u2212-5", "(-5)", "-$-5")],
    ],
)
def test_other_text_is_no_number(cells: list[str]) -> None:
    assert read_numbers(text(*cells), "x") is None


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("007", "holds leading zeros, such as '007', as codes do"),
        ("9007199254740993", "whole numbers above 2^53, such as 9007199254740993"),
        ("1.23457E+12", "'1.23457E+12', as spreadsheets shorten long numbers"),
        ("12%", "is read as numbers, without its '%'"),
    ],
)
def test_what_numbers_lose_is_told(cell: str, told: str) -> None:
    found = read_numbers(text(cell, cell), "x")
    assert found is not None and len(found.notices) == 1
    assert told in found.notices[0]


@pytest.mark.parametrize(
    ("texts", "dates"),
    [
        (["2026-01-31", "2026-02-01"], True),
        (["31.01.2026", "01.02.2026"], True),
        (["1/31/2026"], True),
        (["12:30", "08:15"], True),
        (["a-b", "c-d"], False),
        (["2026-01-31", "later"], False),
        ([], False),
    ],
)
def test_dates_are_known(texts: list[str], dates: bool) -> None:
    assert is_dates(texts) == dates


@pytest.mark.parametrize("beside", ["1.5", "2 %", "true"])
def test_marks_that_count_as_empty_are_named_and_counted(beside: str) -> None:
    found = read_numbers(text(beside, "null", "#N/A", " null", "", None), "x")
    assert found is not None and found.values.isna().tolist() == [False] + [True] * 5
    assert found.notices[0] == (
        "column 'x' holds 3 cells that count as empty: '#N/A' (1), 'null' (2)"
    )
