"""Labels that are values."""

from typing import Any

import pytest

from convergan.data import DataError
from convergan.data.label_values import number_labels


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        ([3, 10, -1, None, 3], ("3", "10"), [0, 1, -1, -1, 0]),
        ([1.0, float("nan"), 0.0], ("0", "1"), [1, -1, 0]),
        (["dog", " cat ", "", None], ("cat", "dog"), [1, 0, -1, -1]),
        (["caf\u00e9", "cafe\u0301"], ("caf\u00e9",), [0, 0]),
        ([True, False, None], ("False", "True"), [1, 0, -1]),
        ([None, None], (), [-1, -1]),
    ],
)
def test_values_become_numbers_of_their_sorted_classes(
    labels: list[Any], classes: tuple[str, ...], numbers: list[int]
) -> None:
    assert number_labels([labels, labels], None, "t") == (classes, [numbers, numbers])


def test_labels_that_are_numbers_of_names_stay(tmp_path: object) -> None:
    names = ["b", "a", "c"]
    assert number_labels([[2, None, 0], [1]], names, "t") == (("b", "a", "c"), [[2, -1, 0], [1]])


@pytest.mark.parametrize(
    ("splits", "reason"),
    [
        ([["a", "b"], ["a", "c"]], "classes to measure on that none is learned from: c"),
        ([[1, "a"]], "several types: int, str"),
        ([[True, 2]], "several types: bool, int"),
        ([[0.5]], "0.5, labels are text or whole numbers"),
        ([[[1, 2]]], r"\[1, 2\], labels are text"),
    ],
)
def test_what_is_no_label_is_refused(splits: list[list[Any]], reason: str) -> None:
    with pytest.raises(DataError, match=f"^t has .*{reason}"):
        number_labels(splits, None, "t")
