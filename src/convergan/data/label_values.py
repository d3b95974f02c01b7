"""Labels that are values, such as text or whole numbers, to classes and their numbers."""

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

from .decoding import DataError, some

NO_LABEL = ("-1", "-1.0")
"""Texts that count as no label, as the number does; ``-1.0`` is what pandas writes beside gaps."""
NO_LABEL_NOTE = "-1 counts as no label"


def number_labels(
    splits: Sequence[Sequence[Any]], names: Sequence[str] | None, source: str
) -> tuple[tuple[str, ...], list[list[int]]]:
    """Number the labels of several splits by the classes of the first.

    Args:
        splits: their labels: text, whole numbers, also as floating point, or truth values. Nothing,
            NaN, an empty text and -1, also as text, are no label.
        names: of the classes, where labels are their numbers already.
        source: for messages.

    Returns:
        The class names, sorted, and the labels of each split as numbers, -1 where there is none.

    Raises:
        DataError: if a value is none of these, or a later split has a class that the first lacks.

    Example:
        >>> number_labels([["dog", "cat", ""], ["cat"]], None, "pets")
        (('cat', 'dog'), [[1, 0, -1], [0]])
    """
    if names is not None:
        found = [[-1 if label is None else int(label) for label in split] for split in splits]
        return tuple(names), found
    plain = [[_plain(value, source) for value in split] for split in splits]
    kinds = sorted({type(v).__name__ for split in plain for v in split if v is not None})
    if len(kinds) > 1:
        raise DataError(f"{source} has labels of several types: {', '.join(kinds)}")
    values = sorted({value for value in plain[0] if value is not None})
    numbers = {value: number for number, value in enumerate(values)} | {None: -1}
    unknown = sorted({v for split in plain[1:] for v in split if v not in numbers})
    if unknown:
        lacking = some([str(value) for value in unknown])
        raise DataError(f"{source} has classes to measure on that none is learned from: {lacking}")
    classes = tuple(str(value) for value in values)
    return classes, [[numbers[value] for value in split] for split in plain]


def _plain(value: Any, source: str) -> Any:
    """Return a label as text, int or bool, None for no label."""
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if not value.is_integer():
            raise DataError(f"{source} has {value!r}, labels are text or whole numbers")
        value = int(value)
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", value.strip())
        return None if text in ("", *NO_LABEL) else text
    if value is None or value is True or value is False:
        return value
    if not isinstance(value, int):
        raise DataError(f"{source} has {value!r:.80}, labels are text or whole numbers")
    return None if value == -1 else value
