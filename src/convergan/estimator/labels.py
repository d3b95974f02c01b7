"""Partly labelled y: find the marker of unlabelled rows, number the classes, hide labels.

scikit-learn marks an unlabelled row by -1 in y. NumPy stores -1 in an array of text as ``'-1'``, in
one of single letters as ``'-'``, and in one of truth values as True. So each value of y is compared
with the marker by its own type, and labels are checked without the marked rows.

Paper and released code: Salimans et al. (2016), section 6, permute the rows by a seed and keep the
labels of the first few of each class; so does `mask_labels`.
"""

import operator
from typing import Any, NamedTuple

import numpy as np

from .checks import Array

MANY, HUNDREDS = 20, 100
"""Different whole numbers from which on they may be a target of regression."""
NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)
TRUTH = (bool, np.bool_)


class EncodedLabels(NamedTuple):
    """Labels as numbers.

    Attributes:
        classes: (K,) the different labels in order, never the marker.
        codes: (n,) int64 positions in ``classes``, -1 where a row is unlabelled.
    """

    classes: Array
    codes: Array


class LabeledPart(NamedTuple):
    """The labelled rows alone.

    Attributes:
        rows: (L,) int64 indices, rising.
        labels: (L,) truth values, integers, floats or text, never objects.
    """

    rows: Array
    labels: Array


def labeled_rows(y: Any, unlabeled_label: Any) -> Array:
    """Return (n,) whether each row has a label.

    A row is unlabelled if its value equals the marker; here True does not equal 1.

    Args:
        y: (n,) numbers, text, truth values or a mix, in a list, array or series.
        unlabeled_label: the marker, a number or a text; None where every row is labelled.

    Raises:
        ValueError: if y is not 1-d, holds NaN, None or infinity, or is text that holds the text
            which NumPy makes of the marker.

    Example:
        >>> labeled_rows(["ant", -1, "bee"], -1)
        array([ True, False,  True])
    """
    return _read(y, unlabeled_label)[1]


def labeled_part(y: Any, unlabeled_label: Any) -> LabeledPart:
    """Return the labelled rows of y, of one type.

    Args:
        y: (N,), the labels of all rows.
        unlabeled_label: what marks a row without one; None where all have one.

    Raises:
        ValueError: as `labeled_rows`, or if labels are continuous or of different types.

    Example:
        >>> labeled_part([True, -1, False], -1).labels
        array([ True, False])
    """
    values, labeled = _read(y, unlabeled_label)
    labels = values[labeled]
    if labels.dtype == object and len(labels):
        labels = _of_one_type(labels)
    if labels.dtype.kind == "f" and (labels != np.trunc(labels)).any():
        raise ValueError(
            "Unknown label type: continuous. Maybe you are trying to fit a classifier, which "
            "expects discrete classes on a regression target with continuous values."
        )
    return LabeledPart(np.flatnonzero(labeled), labels)


def encode_labels(y: Any, unlabeled_label: Any) -> EncodedLabels:
    """Number the classes of y.

    Args:
        y: (N,), the labels of all rows.
        unlabeled_label: what marks a row without one; None where all have one.

    Raises:
        ValueError: as `labeled_part`, or if fewer than two classes are left, or labels look like a
            target of regression, see `is_regression_target`.

    Example:
        >>> encode_labels(["bee", -1, "ant", "bee"], -1).codes
        array([ 1, -1,  0,  1])
    """
    part = labeled_part(y, unlabeled_label)
    count = len(_as_array(y))
    if not len(part.rows):
        raise ValueError(f"y has no labeled row: all {count} rows are {unlabeled_label!r}")
    classes, numbers, counts = np.unique(part.labels, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        message = f"y must have at least two classes, got 1 class, {classes.tolist()[0]!r}"
        if unlabeled_label is not None:
            message += (
                f"; rows equal to unlabeled_label={unlabeled_label!r} count as unlabeled, so "
                "labels {-1, 1} clash with a marker of -1: use unlabeled_label=None or another one"
            )
        raise ValueError(message)
    if is_regression_target(classes, counts):
        raise ValueError(
            f"y looks like a target of regression: {describe_target(counts)}; make few classes of "
            "them, or use a regressor; if each is a class, give them as text"
        )
    codes = np.full(count, -1, dtype=np.int64)
    codes[part.rows] = numbers
    return EncodedLabels(classes, codes)


def is_regression_target(classes: Array, counts: Array) -> bool:
    """Return whether labels are whole numbers of which too many stand alone to be classes.

    There are more than 20, not one after the other, and two thirds have one row; or there are 100
    and more of which a tenth have one. Classes that have several rows each pass, whatever their
    number, as do those that are numbered without gaps, and text.

    Args:
        classes: (K,) different labels, rising.
        counts: (K,) rows of each.

    Example:
        >>> prices = np.arange(0, 3000, 10)
        >>> [is_regression_target(prices, np.full(300, rows)) for rows in (1, 3)]
        [True, False]
    """
    if classes.dtype.kind not in "iuf" or len(classes) <= MANY:
        return False
    alone = (counts == 1).mean()
    has_gaps = float(classes[-1]) - float(classes[0]) >= len(classes)
    return bool(has_gaps and (alone > 2 / 3 or (len(classes) >= HUNDREDS and alone > 0.1)))


def describe_target(counts: Array) -> str:
    """Return what makes a target look like one of regression; arguments as above."""
    return (
        f"{len(counts):,} different numbers, {int((counts == 1).sum()):,} of them in one row each"
    )


def mask_labels(
    y: Any,
    n_per_class: int,
    *,
    random_state: int | np.random.Generator,
    unlabeled_label: Any = -1,
) -> Array:
    """Keep the labels of a few rows of each class and mark all others.

    Args:
        y: as for `labeled_rows`; marked rows stay marked.
        n_per_class: labels to keep of each class. For one seed, larger sets contain smaller ones.
        random_state: seed, or a generator.
        unlabeled_label: the marker, a number or a text.

    Returns:
        (n,) a new array of a type that holds all labels and the marker: that of y if possible, else
        a wider one, or objects where marker and labels differ in kind, as -1 and text do.

    Raises:
        ValueError: as `encode_labels`, or if a class has fewer labelled rows.

    Example:
        >>> mask_labels([0, 1, 0, 1, 0], 1, random_state=0).tolist()
        [-1, -1, 0, 1, -1]
        >>> mask_labels(["ant", "bee", "ant"], 1, random_state=0).dtype
        dtype('O')
    """
    if operator.index(n_per_class) < 1:
        raise ValueError(f"n_per_class must be 1 or more, got {n_per_class}")
    classes, codes = encode_labels(y, unlabeled_label)
    order = np.random.default_rng(random_state).permutation(np.flatnonzero(codes >= 0))
    kept = np.full_like(codes, -1)
    for number, name in enumerate(classes.tolist()):
        own = order[codes[order] == number]
        if len(own) < n_per_class:
            raise ValueError(
                f"class {name!r} has {len(own)} labeled rows, n_per_class={n_per_class} were "
                "asked for"
            )
        kept[own[:n_per_class]] = number
    return decode_labels(classes, kept, unlabeled_label)


def decode_labels(classes: Array, codes: Array, unlabeled_label: Any) -> Array:
    """Return labels for codes and the marker for -1, in a type that holds both unchanged.

    Args:
        classes: (K,) as in `EncodedLabels`.
        codes: (n,) likewise.
        unlabeled_label: the marker, a number or a text.
    """
    if unlabeled_label is None:
        raise ValueError("unlabeled_label must be a number or a text to mark rows with, got None")
    y = np.full(len(codes), unlabeled_label, dtype=_safe_type(classes, unlabeled_label))
    y[codes >= 0] = classes[codes[codes >= 0]]
    return y


def _as_array(y: Any) -> Array:
    """Return y as an array; numbers in a list with text stay numbers."""
    values = np.array(y, dtype=object) if isinstance(y, list | tuple) else np.asarray(y)
    if values.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {values.shape} instead.")
    return values.astype(object) if values.dtype.kind == "T" else values


def _read(y: Any, marker: Any) -> tuple[Array, Array]:
    """Return y as an array, and which rows are not the marker."""
    if marker is not None and (not isinstance(marker, (str, *NUMBERS)) or marker != marker):
        raise ValueError(f"unlabeled_label must be a number, a text or None, got {marker!r}")
    values = _as_array(y)
    if values.dtype.kind not in "biufUO":
        raise ValueError(f"Unknown label type: {values.dtype}. Use integers, text or truth values.")
    _require_present(values, marker)
    _require_no_text_of(marker, values)
    if marker is None or not len(values):
        return values, np.ones(len(values), dtype=bool)
    if values.dtype == object:
        return values, np.array([not _is_marker(value, marker) for value in values])
    if not _same_kind(values[0], marker):
        return values, np.ones(len(values), dtype=bool)
    with np.errstate(over="ignore"):  # a marker beyond the range of y equals none of its values
        labeled: Array = values != marker
    return values, labeled


def _is_marker(value: Any, marker: Any) -> bool:
    return _same_kind(value, marker) and bool(value == marker)


def _same_kind(value: Any, marker: Any) -> bool:
    """Return whether both are text, both truth values or both other numbers."""
    if isinstance(value, str) or isinstance(marker, str):
        return isinstance(value, str) and isinstance(marker, str)
    same_truth = isinstance(value, TRUTH) == isinstance(marker, TRUTH)
    return isinstance(value, NUMBERS) and same_truth


def _require_present(values: Array, marker: Any) -> None:
    if values.dtype.kind == "f":
        missing, infinite = np.isnan(values), np.isinf(values)
    elif values.dtype == object:
        missing = np.array([value is None or not _equals_itself(value) for value in values], bool)
        infinite = np.array(
            [isinstance(value, float | np.floating) and np.isinf(value) for value in values], bool
        )
    else:
        return
    hint = "" if marker is None else f"; mark unlabeled rows with {marker!r}"
    if missing.any():
        raise ValueError(f"Input y contains NaN (row {missing.argmax()}){hint}")
    if infinite.any():
        raise ValueError(
            f"Input y contains infinity or a value too large (row {infinite.argmax()}){hint}"
        )


def _equals_itself(value: Any) -> bool:
    try:
        return bool(value == value)
    except (TypeError, ValueError):  # the missing value of pandas, or an array in the array
        return isinstance(value, np.ndarray)


def _require_no_text_of(marker: Any, values: Array) -> None:
    """Refuse text that equals a number for a marker as NumPy writes it among text."""
    if marker is None or isinstance(marker, str) or values.dtype.kind not in "UO":
        return
    texts = [str(marker)]
    if values.dtype.kind == "U":  # NumPy cuts text to the length of an array's longest
        texts = [texts[0][:length] for length in range(1, len(texts[0]) + 1)]
    for text in texts:
        found = np.array([isinstance(value, str) and value == text for value in values], bool)
        if found.any():
            raise ValueError(
                f"y is text and holds {text!r} (row {found.argmax()}), which NumPy makes of "
                f"unlabeled_label={marker!r} among text: use unlabeled_label={text!r}, or an array "
                "of objects as mask_labels returns; if it is a class, use unlabeled_label=None or "
                "another marker"
            )


def _of_one_type(labels: Array) -> Array:
    """Return an array of objects as one of text, integers or truth values."""
    plain = all(isinstance(label, (str, *NUMBERS)) for label in labels)
    if plain and all(_same_kind(label, labels[0]) for label in labels):
        found = np.array(labels.tolist())
        if found.dtype != object and found.tolist() == labels.tolist():
            return found
    names = " and ".join(sorted({type(label).__name__ for label in labels}))
    raise ValueError(
        f"Unknown label type: {names}. Labels must be all text, all integers or all truth values."
    )


def _safe_type(classes: Array, marker: Any) -> np.dtype[Any]:
    """Return the type that holds every class and the marker unchanged."""
    if not _same_kind(classes[0], marker):
        return np.dtype(object)
    wide = np.promote_types(classes.dtype, np.min_scalar_type(marker))
    kept = np.concatenate([classes.astype(wide), np.array([marker]).astype(wide)])
    return wide if kept.tolist() == [*classes.tolist(), marker] else np.dtype(object)
