from array import array
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_class_weight

from convergan.estimator import encode_labels, labeled_part, labeled_rows, mask_labels
from tests.estimator.helpers import global_state

CODES = [1, -1, 0, 1, -1]


def with_marker(values: list[Any]) -> Any:
    mixed = np.empty(len(values), dtype=object)
    mixed[:] = values
    return mixed


KINDS: list[tuple[Any, Any, list[Any]]] = [
    ([9, -1, 4, 9, -1], -1, [4, 9]),
    ((9, -1, 4, 9, -1), -1, [4, 9]),
    (np.array([9, -1, 4, 9, -1], np.int8), -1, [4, 9]),
    (np.array([9.0, -1.0, 4.0, 9.0, -1.0], np.float32), -1, [4.0, 9.0]),
    (np.array([9, 7, 4, 9, 7], np.uint8), 7, [4, 9]),
    (["b", "?", "a", "b", "?"], "?", ["a", "b"]),
    (np.array(["b", "", "a", "b", ""]), "", ["a", "b"]),
    (["b", -1, "a", "b", -1], -1, ["a", "b"]),
    ([True, -1, False, True, -1], -1, [False, True]),
    (with_marker(["b", -1, "a", "b", -1]), -1, ["a", "b"]),
    (with_marker([9, "none", 4, 9, "none"]), "none", [4, 9]),
    (with_marker([np.int64(9), -1.0, np.uint8(4), 9, np.int8(-1)]), -1, [4, 9]),
    (pd.Series([9, -1, 4, 9, -1], index=[7, 7, 7, 8, 9]), -1, [4, 9]),
    (pd.Series(["b", "?", "a", "b", "?"]), "?", ["a", "b"]),
    (pd.Series(["b", "?", "a", "b", "?"], dtype="category"), "?", ["a", "b"]),
    (pd.Series([9, -1, 4, 9, -1], dtype="Int64"), -1, [4, 9]),
    (pd.Series(["b", -1, "a", "b", -1]), -1, ["a", "b"]),
    (torch.tensor([9, -1, 4, 9, -1]), -1, [4, 9]),
    (array("i", [9, -1, 4, 9, -1]), -1, [4, 9]),
    (np.array(["b", "?", "a", "b", "?"], np.dtypes.StringDType()), "?", ["a", "b"]),
]


@pytest.mark.parametrize(("y", "marker", "classes"), KINDS)
def test_every_kind_of_y_has_its_classes_in_order_without_the_marker(
    y: Any, marker: Any, classes: list[Any]
) -> None:
    found = encode_labels(y, marker)
    assert found.classes.tolist() == classes and found.classes.dtype != object
    assert [type(name) for name in found.classes.tolist()] == [type(name) for name in classes]
    assert found.codes.tolist() == CODES and found.codes.dtype == np.int64
    assert labeled_rows(y, marker).tolist() == [True, False, True, True, False]
    part = labeled_part(y, marker)
    assert part.rows.tolist() == [0, 2, 3]
    assert part.labels.tolist() == [classes[1], classes[0], classes[1]]


@pytest.mark.parametrize("y", [[-1, 1, 1], ["b", "-1", "a"], [True, False], [0.0, 2.0, 1.0]])
def test_without_a_marker_every_row_is_labeled(y: Any) -> None:
    found = encode_labels(y, None)
    assert (found.codes >= 0).all() and found.classes[found.codes].tolist() == list(y)


def test_a_truth_value_is_no_number_and_a_number_no_text() -> None:
    assert labeled_rows(np.array([True, False]), 1).all()
    assert labeled_rows([True, 1, 0], 1).tolist() == [True, False, True]
    assert labeled_rows([1, True, 0], True).tolist() == [True, False, True]
    assert labeled_rows([1, 2], "1").all()


# The traps of numpy and scikit-learn


@pytest.mark.parametrize(("labels", "stored"), [(["ant", "bee", "ant"], "-1"), ("aba", "-")])
def test_a_marker_that_numpy_has_made_text_of_is_refused_with_the_way_out(
    labels: Any, stored: str
) -> None:
    y = np.array(list(labels))
    y[1] = -1
    assert y[1] == stored
    y[0] = "bee"[: y.itemsize // 4]
    with pytest.raises(
        ValueError, match=rf"holds '{stored}' \(row 1\).*unlabeled_label='{stored}'"
    ):
        encode_labels(y, -1)
    assert encode_labels(y, stored).codes.tolist()[1] == -1


def test_text_of_the_marker_read_from_a_file_is_refused_in_arrays_of_objects_as_well() -> None:
    with pytest.raises(ValueError, match=r"holds '-1' \(row 2\)"):
        encode_labels(pd.Series(["ant", "bee", "-1"]), -1)
    assert encode_labels(pd.Series(["+", "-"]), -1).classes.tolist() == ["+", "-"]  # cannot be cut
    assert encode_labels(np.array(["+", "-"]), None).classes.tolist() == ["+", "-"]


def test_a_marker_stored_among_truth_values_or_bytes_is_lost_and_mask_labels_avoids_it() -> None:
    truth = np.array([True, False])
    truth[1] = -1
    assert truth.all()  # what goes wrong
    masked = mask_labels([True, False] * 3, 1, random_state=0)
    assert sorted(masked.tolist()) == [-1] * 4 + [False, True]
    assert {type(value) for value in masked.tolist()} == {int, bool}
    small = np.array([255, 0, 255, 0], np.uint8)
    with pytest.raises(OverflowError):
        small[0] = -1
    assert np.array([-1]).astype(np.uint8)[0] == 255  # what goes wrong
    masked = mask_labels(small, 1, random_state=0)
    assert masked.dtype == np.int16 and sorted(masked.tolist()) == [-1, -1, 0, 255]


def test_a_mix_that_numpy_cannot_sort_is_compared_row_by_row() -> None:
    y = with_marker(["b", -1, "a"])
    with pytest.raises(TypeError):
        np.unique(y)
    assert encode_labels(y, -1).codes.tolist() == [1, -1, 0]


def test_encoders_weights_and_strata_take_the_marker_for_a_class_unless_it_is_taken_out() -> None:
    y = np.array([-1] * 6 + [3, 3, 5, 5])
    assert LabelEncoder().fit(y).classes_.tolist() == [-1, 3, 5]
    part = labeled_part(y, -1)
    assert LabelEncoder().fit(part.labels).classes_.tolist() == [3, 5]
    weights = compute_class_weight("balanced", classes=np.unique(part.labels), y=part.labels)
    assert weights.tolist() == [1, 1]
    _, test = train_test_split(part.rows, stratify=part.labels, test_size=2, random_state=0)
    assert y[test].tolist() in ([3, 5], [5, 3])


def test_codes_are_what_scikit_learn_takes_for_text_that_it_refuses() -> None:
    y = mask_labels(["ant", "bee"] * 10, 2, random_state=0)
    X = np.repeat([[0.0], [9.0]], 10, axis=1).T.reshape(20, 1)
    with pytest.raises(ValueError, match="Unknown label type"):
        LabelSpreading().fit(X, y)
    classes, codes = encode_labels(y, -1)
    found = LabelSpreading().fit(X, codes)
    assert found.classes_.tolist() == [0, 1] and len(classes) == 2
    tree = SelfTrainingClassifier(DecisionTreeClassifier(random_state=0)).fit(X, codes)
    assert tree.classes_.tolist() == [0, 1]


# What is refused


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.5, 1.25, -1, 2], "^Unknown label type: continuous"),
        (np.array([0.5, 1.0]), "^Unknown label type: continuous"),
        (["a", 1, "b", -1], "^Unknown label type: int and str"),
        ([Decimal(1), Decimal(2)], "^Unknown label type: Decimal"),
        ([b"a", b"b"], "^Unknown label type: bytes"),
        (np.array([b"a", b"b"]), r"^Unknown label type: \|S1"),
        (np.array(["2020", "2021"], "M8[Y]"), "^Unknown label type: datetime64"),
        (np.array([1j, 2]), "^Unknown label type: complex"),
        ([[1], [2, 3]], "^Unknown label type: list"),
        ([2**80, 1], "^Unknown label type: int"),
        ([2**63 + 1, -5], "^Unknown label type: int"),  # numpy would round both
        ([True, 2, 0], "^Unknown label type: bool and int"),
        (np.zeros((3, 2), int), r"^y should be a 1d array, got an array of shape \(3, 2\)"),
        ([[0], [1]], r"^y should be a 1d array, got an array of shape \(2, 1\)"),
        (pd.DataFrame({"y": [0, 1]}), r"^y should be a 1d array, got an array of shape \(2, 1\)"),
        (7, r"^y should be a 1d array, got an array of shape \(\)"),
        ("text", r"^y should be a 1d array, got an array of shape \(\)"),
        (np.array([0, 1, np.nan]), r"^Input y contains NaN \(row 2\); mark unlabeled rows with -1"),
        ([0, None, 1], r"^Input y contains NaN \(row 1\)"),
        (["a", "b", float("nan")], r"^Input y contains NaN \(row 2\)"),
        (pd.Series(["a", "b", None]), r"^Input y contains NaN \(row 2\)"),
        (pd.Series([True, False, None], dtype="boolean"), r"^Input y contains NaN \(row 2\)"),
        (pd.Series([1, 2, None], dtype="Int64"), r"^Input y contains NaN \(row 2\)"),
        (np.array([0, 1, np.inf]), r"^Input y contains infinity or a value too large \(row 2\)"),
        ([0, 1, -np.inf, "a"], r"^Input y contains infinity or a value too large \(row 2\)"),
        ([-1, -1], "^y has no labeled row: all 2 rows are -1"),
        ([], "^y has no labeled row"),
        ([-1, 1, 1], r"got 1 class, 1; .*labels \{-1, 1\} clash with a marker of -1"),
    ],
)
def test_what_cannot_be_labels_is_refused_in_the_words_of_scikit_learn(
    y: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        encode_labels(y, -1)
    assert "\n" not in str(caught.value)


def test_numbers_that_look_like_regression_are_refused() -> None:
    target = load_diabetes().target.astype(int)
    with pytest.raises(ValueError, match="y looks like a target of regression: 214 different num"):
        encode_labels(target, -1)
    few = np.where(np.arange(442) < 60, target, -1)
    with pytest.raises(ValueError, match="give them as text$"):
        encode_labels(few, -1)
    assert len(encode_labels(target.astype(str), None).classes) == 214


@pytest.mark.parametrize(
    "y",
    [
        np.repeat(1000 * np.arange(150), 2),  # 150 classes that are named by numbers
        np.arange(150),  # a label a class, numbered without gaps
        np.random.default_rng(0).choice(7 * np.arange(32), 64),  # drawn without looking at classes
        np.random.default_rng(0).integers(0, 500, 20),
    ],
)
def test_many_classes_are_no_regression(y: Any) -> None:
    assert encode_labels(y, None).classes.tolist() == sorted(set(y.tolist()))


def test_one_class_without_a_marker_gets_no_hint_at_it() -> None:
    with pytest.raises(ValueError, match="two classes, got 1 class, 'a'$"):
        encode_labels(["a", "a"], None)


@pytest.mark.parametrize("marker", [float("nan"), b"?", [], np.array([1, 2]), 1j])
def test_a_marker_that_equals_nothing_is_refused(marker: Any) -> None:
    with pytest.raises(ValueError, match="unlabeled_label must be a number, a text or None"):
        encode_labels([0, 1], marker)


# Which labels are kept

LABELS: list[tuple[Any, Any, Any]] = [
    (np.arange(60, dtype=np.int32) % 3, -1, np.int32),
    (np.arange(60, dtype=np.uint64) % 3 + np.uint64(2**63), -1, object),
    (np.arange(60, dtype=np.float32) % 3, -1, np.float32),
    (np.arange(60, dtype=np.float16) % 3, -999_999, np.float64),
    (np.arange(60) % 3 + 2**60, -0.5, object),
    (np.array(["a", "b", "c"] * 20), "unknown", np.dtype("U7")),
    (np.array(["a", "b", "c"] * 20), -1, object),
    (np.arange(60) % 2 == 0, -1, object),
    (pd.Series(["a", "b", "c"] * 20), -1, object),
    (np.arange(60) % 3, "?", object),
]


@pytest.mark.parametrize(("y", "marker", "kind"), LABELS)
def test_masks_hold_labels_and_marker_unchanged_whatever_the_type(
    y: Any, marker: Any, kind: Any
) -> None:
    masked = mask_labels(y, 4, random_state=0, unlabeled_label=marker)
    assert masked.dtype == kind
    labeled = labeled_rows(masked, marker)
    values, kept = np.asarray(y).tolist(), masked.tolist()
    assert [kept[row] for row in np.flatnonzero(labeled)] == [
        values[row] for row in np.flatnonzero(labeled)
    ]
    assert all(kept[row] == marker for row in np.flatnonzero(~labeled))
    classes, codes = encode_labels(masked, marker)
    assert np.bincount(codes[codes >= 0]).tolist() == [4] * len(classes)
    assert classes.tolist() == sorted(set(values))


def test_more_labels_of_a_seed_contain_fewer() -> None:
    y = np.arange(90) % 3
    sets = [set(labeled_part(mask_labels(y, n, random_state=1), -1).rows) for n in (1, 5, 10, 30)]
    assert sets[0] < sets[1] < sets[2] < sets[3]


def test_the_draw_depends_on_the_seed_alone_and_not_on_how_classes_are_named() -> None:
    y, state = np.arange(60) % 3, global_state()
    first, again, other = (mask_labels(y, 3, random_state=seed) for seed in (4, 4, 5))
    assert first.tolist() == again.tolist() != other.tolist()
    named = mask_labels(np.array(["x", "y", "z"])[y], 3, random_state=4)
    assert (labeled_rows(named, -1) == labeled_rows(first, -1)).all()
    assert global_state() == state


def test_rows_are_drawn_equally_often() -> None:
    y = np.arange(60) % 3
    masks = [mask_labels(y, 10, random_state=seed) >= 0 for seed in range(400)]
    drawn = np.sum(masks, axis=0)
    assert 150 < drawn.min() and drawn.max() < 250  # binomial of 400 and a half, deviation 10


def test_marked_rows_stay_marked_and_y_is_not_written_to() -> None:
    y = np.where(np.arange(60) < 30, np.arange(60) % 3, -1)
    before = y.copy()
    masked = mask_labels(y, 10, random_state=0)
    assert masked.tolist() == y.tolist() == before.tolist() and masked is not y
    masked[:] = 7
    assert (y == before).all()


@pytest.mark.parametrize(
    ("y", "count", "marker", "message"),
    [
        (["ant", "bee", "ant"], 2, -1, "class 'bee' has 1 labeled rows, n_per_class=2 were asked"),
        ([0, 1], 0, -1, "n_per_class must be 1 or more, got 0"),
        ([0, 1], 1, None, "unlabeled_label must be a number or a text to mark rows with, got None"),
        ([0, 0], 1, -1, "at least two classes"),
    ],
)
def test_a_class_too_small_is_named_and_other_mistakes_are_too(
    y: Any, count: int, marker: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        mask_labels(y, count, random_state=0, unlabeled_label=marker)


def test_a_count_that_is_no_integer_is_refused() -> None:
    with pytest.raises(TypeError):
        mask_labels([0, 1], 1.5, random_state=0)  # type: ignore[arg-type]
