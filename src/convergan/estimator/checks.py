"""Checks of arguments that several modules make, and the type of arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def require_integer(name: str, value: Any, least: int = 1) -> None:
    """Refuse what is no integer or is too small.

    Raises:
        ValueError: for truth values, floats and text as well.
    """
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_integer or value < least:
        raise ValueError(f"{name} must be an integer of {least} or more, got {value!r}")


def require_finite(name: str, rows: Array) -> None:
    """Refuse rows (n, A) with NaN or infinity.

    Raises:
        ValueError: naming the first such row.
    """
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise ValueError(f"{name} must be finite, row {finite.argmin()} is not")


def require_no_infinity(rows: Array, columns: Sequence[Any] | None) -> None:
    """Refuse rows (n, A) of X with an infinite cell; missing ones pass.

    Args:
        rows: of float64.
        columns: names, or None where columns are counted.

    Raises:
        ValueError: naming the first such row and column.
    """
    infinite = np.isinf(rows)
    if infinite.any():
        row, place = np.argwhere(infinite)[0].tolist()
        column = place if columns is None else repr(columns[place])
        raise ValueError(
            f"Input X contains infinity or a value too large (row {row}, column {column}; counted "
            "from 0): give a number, or NaN where there is none"
        )


def require_numbers(name: str, rows: Any) -> None:
    """Refuse arrays that would be taken for numbers and mean more.

    Raises:
        ValueError: if they hold dates or times, or cells that a mask hides.
    """
    if np.ma.is_masked(rows):
        raise ValueError(
            f"{name} has masked cells, whose mask would be lost; fill them, or leave their rows out"
        )
    # A frame has a type for each column, an array or a series one; pandas' own types are no dates.
    types = np.atleast_1d(np.asarray(getattr(rows, "dtypes", getattr(rows, "dtype", None)), object))
    if any(isinstance(one, np.dtype) and one.kind in "mM" for one in types):
        raise ValueError(
            f"{name} holds dates or times; give what matters of them as numbers, such as the month"
        )
