"""The target column: an empty cell is an unlabelled row, and labels keep their kind.

A file of text has no kinds. There, labels that are all whole numbers, also written as 1.0, are
integers; True and False are truth values; anything else is text, 007 as well.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..data import DataError

Array = np.ndarray[Any, Any]
Texts = list[str | None]
"""A label's spelling for each row, None where there is none."""

INTEGERS, TRUTH, TEXT = "integers", "truth values", "text"
WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.0*)?")


class Labels(NamedTuple):
    """Labels of a table.

    Attributes:
        kind: ``integers``, ``truth values`` or ``text``.
        y: (n,) for the classifier.
        marker: what y has where a row is unlabelled.
        counts: labelled rows of each class, by its spelling, in the order of classes.
    """

    kind: str
    y: Array
    marker: int | str
    counts: dict[str, int]


def spell(cells: Any, *, unlabeled: str | None = None) -> Texts:
    """Return labels as they are written; of whole numbers, the number alone.

    Args:
        cells: the target column.
        unlabeled: spelling of cells that are to count as empty, such as ``-1``.
    """
    texts: Texts = []
    for value in cells.tolist():
        given = isinstance(value, str | bool | int | float) and value == value
        text = str(value).strip() if given else ""
        texts.append(None if text in ("", unlabeled) else text)
    if unlabeled is not None and WHOLE.fullmatch(unlabeled):
        number = _whole(unlabeled)
        texts = [None if t and WHOLE.fullmatch(t) and _whole(t) == number else t for t in texts]
    return texts


def learn_labels(texts: Texts, name: str, *, is_text: bool) -> Labels:
    """Return the labels of a target column.

    Args:
        texts: of `spell`.
        name: of the column, for messages.
        is_text: whether the column is of text in a file that knows kinds.

    Raises:
        DataError: if no row is labelled, or labels are of fewer than two classes or numbers that
            are not whole.

    Example:
        >>> learn_labels(["1", None, "2.0"], "kind", is_text=False).y.tolist()
        [1, -1, 2]
    """
    known = [text for text in texts if text is not None]
    if not known:
        raise DataError(f"target {name!r} is empty in all {len(texts):,} rows: label a few first")
    kind = TEXT if is_text else _kind(known, name)
    known = [canonical(text, kind) for text in known]
    classes = _in_order(set(known), kind)
    if len(classes) < 2:
        raise DataError(
            f"target {name!r} must have at least two classes, all {len(known):,} labelled rows are "
            f"{classes[0]!r}"
        )
    counted = Counter(known)
    marker: int | str = "" if kind == TEXT else -1
    if kind == INTEGERS and "-1" in classes:
        marker = min(map(int, classes)) - 1
    values: list[Any] = [_value(text, kind, marker) for text in texts]
    y = np.array(values, dtype=object if kind != INTEGERS else np.int64)
    return Labels(kind, y, marker, {spelled: counted[spelled] for spelled in classes})


def canonical(text: str, kind: str) -> str:
    """Return the one spelling of a label: of a whole number without point."""
    return str(_whole(text)) if kind == INTEGERS and WHOLE.fullmatch(text) else text


def _whole(text: str) -> int:
    return int(text.split(".")[0])


def _kind(known: Sequence[str], name: str) -> str:
    if all(WHOLE.fullmatch(text) for text in known):
        return INTEGERS
    if set(known) <= {"True", "False"}:
        return TRUTH
    broken = [text for text in known if _is_broken(text)]
    if broken and all(_is_broken(text) or WHOLE.fullmatch(text) for text in known):
        raise DataError(
            f"target {name!r} holds numbers that are not whole, such as {broken[0]}; classes are "
            "text, whole numbers or truth values"
        )
    return TEXT


def _is_broken(text: str) -> bool:
    try:
        return not float(text).is_integer()
    except ValueError:
        return False


def _in_order(classes: set[str], kind: str) -> list[str]:
    return sorted(classes, key=int) if kind == INTEGERS else sorted(classes)


def _value(text: str | None, kind: str, marker: int | str) -> int | bool | str:
    if text is None:
        return marker
    if kind == INTEGERS:
        return _whole(text)
    return text == "True" if kind == TRUTH else text
