"""The target column: an empty cell is an unlabelled row, and labels keep their type.

The columns of a text file have no types. There, labels are integers if all are whole numbers (1.0
counts as one, 007 does not), truth values if all are True or False, and text otherwise.
"""

import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from ..data import DataError
from ..data.text_tables import one_form
from ..estimator.labels import describe_target, is_regression_target
from .naming import first_names
from .reading import Array
from .text_numbers import NO_NUMBER, SHEET_ERRORS, is_dates

Texts = list[str | None]
"""The label of each row as text, None where there is none."""

INTEGERS, TRUTH, TEXT = "integers", "truth values", "text"
WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.0*)?")


class TargetLabels(NamedTuple):
    """Labels of a table.

    Attributes:
        kind: ``integers``, ``truth values`` or ``text``.
        y: (n,) for the classifier.
        marker: value of y where a row is unlabelled.
        counts: labelled rows of each class, by its name, in the order of classes.
        point: what the text of every integer ends in, such as ``.0``; else nothing.
    """

    kind: str
    y: Array
    marker: int | str
    counts: dict[str, int]
    point: str = ""


def label_texts(cells: Any, name: str = "target", *, unlabeled: str | None = None) -> Texts:
    """Return the cells of a target column as text in one form of Unicode, without blanks around it.

    Args:
        cells: the target column.
        name: of the column, for messages.
        unlabeled: text of cells that count as empty, such as ``-1``; also if written as ``-1.0``.

    Raises:
        DataError: if a cell is neither text nor a number or truth value.
    """
    texts: Texts = []
    unlabeled = None if unlabeled is None else unicodedata.normalize("NFC", unlabeled)
    for value, there in zip(cells.tolist(), cells.notna(), strict=True):
        if there and not isinstance(value, str | bool | int | float | Decimal):
            raise DataError(
                f"target {name!r} holds values of type {type(value).__name__}, such as "
                f"{str(value)[:40]!r}; classes are text, whole numbers or truth values"
            )
        if isinstance(value, float | Decimal) and there and value == int(value):
            value = int(value)
        text = unicodedata.normalize("NFC", str(value).strip()) if there else ""
        texts.append(None if text in ("", unlabeled) else text)
    if unlabeled is not None and WHOLE.fullmatch(unlabeled):
        number = _whole(unlabeled)
        texts = [None if t and WHOLE.fullmatch(t) and _whole(t) == number else t for t in texts]
    return texts


def doubtful_labels(cells: Any, *, is_text: bool = False) -> list[str]:
    """Return notices of labels that count as one, or may be meant as one or as none.

    Args:
        cells: the target column.
        is_text: whether it is text in a file whose columns have types.
    """
    written = [value for value in cells.dropna().tolist() if isinstance(value, str)]
    texts = [value.strip() for value in written]
    notices = [*one_form(texts, "labels")[1], *_merged_labels(written, is_text=is_text)]
    if error := next((text for text in texts if text in SHEET_ERRORS), ""):
        notices.append(f"a spreadsheet's error, {error!r}, counts as a class")
    marks = {mark.casefold() for mark in NO_NUMBER}
    notices += [
        f"{text!r} counts as a class; if it marks unlabelled rows, use --unlabeled "
        f"{shlex.quote(text)}"
        for text in sorted(set(texts))
        if text.casefold() in marks
    ]
    return notices


def _merged_labels(cells: Sequence[str], *, is_text: bool) -> list[str]:
    """Return notices of labels whose spelling differs and that are one class."""
    texts = {text.strip() for text in cells} - {""}
    around = sorted({text.strip() for text in cells if text != text.strip()} & set(cells))
    notices = []
    if around:
        notices.append(
            f"labels that differ in blanks around them count as one: {first_names(around, 3)}"
        )
    if not is_text and all(WHOLE.fullmatch(text) for text in texts):
        spelled: dict[int, set[str]] = {}
        for text in texts:
            spelled.setdefault(_whole(text), set()).add(text)
        if twice := [sorted(s) for _, s in sorted(spelled.items()) if len(s) > 1]:
            same = " and ".join(map(repr, twice[0]))
            notices.append(f"labels that are one whole number count as one class: {same}")
    return notices


def parse_labels(texts: Texts, name: str, *, is_text: bool) -> TargetLabels:
    """Return the labels of a target column.

    Args:
        texts: of `label_texts`.
        name: of the column, for messages.
        is_text: whether the column is text in a file whose columns have types.

    Raises:
        DataError: if no row is labelled, or labels are of fewer than two classes, dates, numbers
            that are not whole or a target of regression.

    Example:
        >>> parse_labels(["1", None, "2.0"], "kind", is_text=False).y.tolist()
        [1, -1, 2]
    """
    known = [text for text in texts if text is not None]
    if not known:
        raise DataError(f"target {name!r} is empty in all {len(texts):,} rows: label a few first")
    kind = TEXT if is_text else _kind(known, name)
    ends = {text.partition(".")[1] + text.partition(".")[2] for text in known}
    point = ends.pop() if kind == INTEGERS and len(ends) == 1 else ""
    known = [canonical_label(text, kind) for text in known]
    classes = _in_order(set(known), kind)
    if len(classes) < 2:
        raise DataError(
            f"target {name!r} must have at least two classes, all {len(known):,} labelled rows are "
            f"{classes[0]!r}"
        )
    counted = Counter(known)
    _require_classes({label: counted[label] for label in classes}, kind, name)
    marker: int | str = "" if kind == TEXT else -1
    if kind == INTEGERS and "-1" in classes:
        marker = min(map(int, classes)) - 1
    values: list[Any] = [_value(text, kind, marker) for text in texts]
    y = np.array(values, dtype=object if kind != INTEGERS else np.int64)
    return TargetLabels(kind, y, marker, {label: counted[label] for label in classes}, point)


def canonical_label(text: str, kind: str) -> str:
    """Return a label as `TargetLabels` names its class: whole numbers without a point."""
    return str(_whole(text)) if kind == INTEGERS and WHOLE.fullmatch(text) else text


def _whole(text: str) -> int:
    return int(text.split(".")[0])


def _kind(known: Sequence[str], name: str) -> str:
    if all(WHOLE.fullmatch(text) for text in known):
        return INTEGERS
    if set(known) <= {"True", "False"}:
        return TRUTH
    fractions = [text for text in known if _is_fraction(text)]
    if fractions and all(_is_fraction(text) or WHOLE.fullmatch(text) for text in known):
        raise DataError(
            f"target {name!r} holds numbers that are not whole, such as {fractions[0]}; classes "
            "are text, whole numbers or truth values"
        )
    return TEXT


def _is_fraction(text: str) -> bool:
    try:
        return not float(text).is_integer()
    except ValueError:
        return False


def _require_classes(counts: dict[str, int], kind: str, name: str) -> None:
    """Refuse dates, and numbers that look like a target of regression."""
    classes = list(counts)
    if kind == TEXT and is_dates(classes):
        raise DataError(
            f"target {name!r} holds dates or times, such as {classes[0]!r}; make classes of them, "
            "such as the month"
        )
    rows = np.array(list(counts.values()))
    if kind == INTEGERS and is_regression_target(np.array(classes, dtype=np.int64), rows):
        raise DataError(
            f"target {name!r} looks like one of regression: {describe_target(rows)}; make few "
            "classes of them, or use a regressor; if each is a class, write text before its number"
        )


def _in_order(classes: set[str], kind: str) -> list[str]:
    return sorted(classes, key=int) if kind == INTEGERS else sorted(classes)


def _value(text: str | None, kind: str, marker: int | str) -> int | bool | str:
    if text is None:
        return marker
    if kind == INTEGERS:
        return _whole(text)
    return text == "True" if kind == TRUTH else text
