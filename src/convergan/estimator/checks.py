"""Checks of arguments that several modules make, and the type of arrays."""

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
