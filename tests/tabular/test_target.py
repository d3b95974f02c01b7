from typing import Any

import pandas as pd
import pytest

from convergan.data import DataError
from convergan.estimator import encode_labels
from convergan.tabular.target import (
    INTEGERS,
    TEXT,
    TRUTH,
    doubtful_labels,
    label_texts,
    parse_labels,
)


@pytest.mark.parametrize(
    ("cells", "kind", "classes"),
    [
        (["ant", "", "bee", "NA"], TEXT, ["NA", "ant", "bee"]),
        (["1", "", "2.0", "1.0"], INTEGERS, [1, 2]),
        (["10", "", "9", "-1"], INTEGERS, [-1, 9, 10]),
        (["007", "", "8", "7"], TEXT, ["007", "7", "8"]),
        (["True", "", "False", None], TRUTH, [False, True]),
        (["true", "", "False"], TEXT, ["False", "true"]),
        (["1.5", "", "one"], TEXT, ["1.5", "one"]),
    ],
)
def test_labels_of_text_files_are_of_the_plainest_kind(
    cells: list[str], kind: str, classes: list[Any]
) -> None:
    labels = parse_labels(label_texts(pd.Series(cells)), "kind", is_text=False)
    assert labels.kind == kind
    encoded = encode_labels(labels.y, labels.marker)
    assert encoded.classes.tolist() == classes
    assert (encoded.codes < 0).tolist() == [not cell for cell in cells]
    assert list(labels.counts) == list(map(str, classes))


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (pd.array([1, None, 2], dtype="Int64"), INTEGERS),
        (pd.array([1.0, None, 2.0], dtype="Float64"), INTEGERS),
        (pd.array([True, None, False], dtype="boolean"), TRUTH),
        (pd.Categorical(["a", None, "b"]), TEXT),
    ],
)
def test_labels_of_typed_columns_keep_their_kind(cells: Any, kind: str) -> None:
    labels = parse_labels(label_texts(pd.Series(cells)), "kind", is_text=False)
    assert labels.kind == kind
    assert encode_labels(labels.y, labels.marker).codes[1] == -1


def test_numbers_that_are_stored_as_text_stay_text() -> None:
    labels = parse_labels(label_texts(pd.Series(["1", "2"], dtype="string")), "kind", is_text=True)
    assert labels.kind == TEXT and labels.y.tolist() == ["1", "2"]


def test_a_label_may_stand_for_none() -> None:
    assert label_texts(pd.Series(["1", "-1", "-1.0", " "]), unlabeled="-1") == [
        "1",
        None,
        None,
        None,
    ]
    assert label_texts(pd.Series(["a", "?"]), unlabeled="?") == ["a", None]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["", ""], "is empty in all 2 rows"),
        (["a", "", "a"], "at least two classes, all 2 labelled rows are 'a'"),
        (["1", "1.0"], "all 2 labelled rows are '1'"),
        (["2026-01-31", "", "2026-02-01"], "'kind' holds dates or times, such as '2026-01-31'"),
        ([str(7 * n) for n in range(30)], "regression: 30 different numbers, 30 of them in one"),
        (["1.5", "2"], "numbers that are not whole, such as 1.5"),
    ],
)
def test_targets_that_are_no_classes_are_refused(cells: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_labels(label_texts(pd.Series(cells)), "kind", is_text=False)


@pytest.mark.parametrize("cells", [["20-30", "30-40"], ["1/2", "3/4"], ["3:1", "v2.0"]])
def test_ranges_and_ratios_are_no_dates(cells: list[str]) -> None:
    labels = parse_labels(label_texts(pd.Series(cells)), "kind", is_text=False)
    assert list(labels.counts) == sorted(cells)


def test_many_classes_of_several_labels_are_no_regression() -> None:
    cells = pd.Series([str(7 * number) for number in range(150)] * 2)
    assert len(parse_labels(label_texts(cells), "kind", is_text=False).counts) == 150


@pytest.mark.parametrize(
    ("cells", "point"),
    [
        (["1.0", "2.0", None], ".0"),
        (["1.", "-1."], "."),
        (["1", "2"], ""),
        (["1.0", "2"], ""),
        (["1.0", "2.00"], ""),
        (["1.0", "a"], ""),
    ],
)
def test_the_spelling_of_whole_numbers_is_known_where_all_share_it(
    cells: list[str | None], point: str
) -> None:
    texts = label_texts(pd.Series(cells, dtype="object"))
    assert parse_labels(texts, "kind", is_text=False).point == point


@pytest.mark.parametrize(
    ("cells", "is_text", "told"),
    [
        (
            ["1.0", "1", "2"],
            False,
            ["labels that are one whole number count as one class: '1' and '1.0'"],
        ),
        (["1.0", "1", "2"], True, []),
        (["1.0", "1", "a"], False, []),
        (["a ", "a", " b"], False, ["labels that differ in blanks around them count as one: 'a'"]),
    ],
)
def test_labels_that_become_one_class_are_told(
    cells: list[str], is_text: bool, told: list[str]
) -> None:
    assert doubtful_labels(pd.Series(cells), is_text=is_text) == told


def test_every_mark_that_may_mean_no_label_is_told() -> None:
    told = doubtful_labels(pd.Series(["a", "NULL", "?", "Null", "b"]))
    assert [line.rpartition(" ")[2] for line in told[-3:]] == ["'?'", "NULL", "Null"]
