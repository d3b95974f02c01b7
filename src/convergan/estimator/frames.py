"""Rows as a user has them, with columns of text among numbers, as numbers alone.

A column of categories becomes one of positions among its levels, see
`convergan.estimator.completion` for what becomes of these.

Paper and released code: not in Salimans et al. (2016).
"""

import sys
from collections.abc import Mapping
from numbers import Number
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .checks import Array

Frame: TypeAlias = Any
"""A frame of pandas, which has no types to check."""
Level = str | bool | int | float
MOST_LEVELS = 50
"""Levels of a column of categories, at most; each becomes a feature."""
ALWAYS = 20
"""So many may be there in any table; more must be found in two rows each, on average."""


class CodedRows(NamedTuple):
    """Rows as numbers.

    Attributes:
        rows: as given where there are no categories, else a frame or array of numbers in which
            those are positions of their levels, NaN where missing, -1 where unknown.
        categories: by column, its levels in order.
        notice: of levels that are unknown, or an empty text.
    """

    rows: Any
    categories: dict[int, tuple[Level, ...]]
    notice: str


def most_levels(cells: int) -> int:
    """Return how many levels a column of so many cells may have."""
    return min(MOST_LEVELS, max(ALWAYS, cells // 2))


def learn_categories(X: Any) -> CodedRows:
    """Find columns of categories and number their levels.

    They are columns of text, and those that pandas or polars call categorical. Truth values are
    numbers.

    Args:
        X: a frame of pandas or polars, an array, or a list of rows.

    Raises:
        ValueError: naming the first column that is neither numbers nor few categories.
    """
    frame = _as_frame(X)
    if frame is None:
        return CodedRows(X, {}, "")
    categories = {}
    for place, name in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        if _is_category(cells, name):
            categories[place] = _levels(cells, name)
    return _code(X, frame, categories)


def code_categories(X: Any, categories: Mapping[int, tuple[Level, ...]]) -> CodedRows:
    """Number the cells of columns by levels that were learned.

    Raises:
        ValueError: naming the first column that is of another kind than it was.
    """
    frame = _as_frame(X, always=bool(categories))
    if frame is None:
        return CodedRows(X, {}, "")
    for place, name in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        was_text = any(isinstance(level, str) for level in categories.get(place, ()))
        is_category = _is_category(cells, name)
        refused = not is_category if was_text else is_category and place not in categories
        if refused and cells.notna().any():
            kinds = ("categories", "numbers") if was_text else ("numbers", "categories")
            example = cells[cells.notna()].iloc[0]
            raise ValueError(
                f"column {name!r} of X held {kinds[0]} in fit, got {kinds[1]} such as "
                f"{str(example)[:40]!r}"
            )
    return _code(X, frame, categories)


def _as_frame(X: Any, *, always: bool = False) -> Frame | None:
    """Return X as a frame of pandas, or None where it is an array of numbers alone."""
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(X, polars.DataFrame):
        return X.to_pandas()
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(X, pandas.DataFrame):
        return X
    is_list = isinstance(X, list | tuple)
    array = np.asarray(X, dtype=object if is_list else None)
    if array.ndim != 2:
        return None
    has_text = array.dtype.kind in "UT" or (
        array.dtype.kind == "O" and any(isinstance(cell, str) for cell in array.flat)
    )
    if not has_text and not always:
        return None
    import pandas as pd

    return pd.DataFrame(array.astype(object)).infer_objects()


def _is_category(cells: Any, name: Any) -> bool:
    """Return whether a column is of categories; refuse one that is neither that nor numbers."""
    from pandas.api import types

    if isinstance(cells.dtype, types.CategoricalDtype):
        return True
    if types.is_numeric_dtype(cells.dtype):  # truth values as well
        return False
    present = cells[cells.notna()]
    is_text = np.array([isinstance(value, str) for value in present], dtype=bool)
    if is_text.all():
        return len(is_text) > 0
    if is_text.any():
        row = int(cells.notna().to_numpy().nonzero()[0][is_text.argmax()])
        raise ValueError(
            f"column {name!r} of X has text among numbers, {cells.iloc[row]!r} in row {row}: make "
            "all its cells numbers, NaN where there is none, or all text"
        )
    strange = next((value for value in present if not isinstance(value, Number)), None)
    if strange is not None:
        raise ValueError(
            f"column {name!r} of X holds values of type {type(strange).__name__}, such as "
            f"{str(strange)[:40]!r}: make numbers or text of them, or leave the column out"
        )
    return False


def _levels(cells: Any, name: Any) -> tuple[Level, ...]:
    present = cells[cells.notna()]
    found = [value.item() if isinstance(value, np.generic) else value for value in present.unique()]
    strange = next((one for one in found if not isinstance(one, str | bool | int | float)), None)
    if strange is not None:
        raise ValueError(
            f"column {name!r} of X has categories of type {type(strange).__name__}, such as "
            f"{str(strange)[:40]!r}: make numbers or text of them, or leave the column out"
        )
    if len(found) > (most := most_levels(len(present))):
        raise ValueError(
            f"column {name!r} of X is text of {len(found):,} kinds in {len(present):,} rows, such "
            f"as {found[0]!r}; at most {most} become features: make numbers of it, or leave it out"
        )
    return tuple(sorted(found, key=lambda level: (isinstance(level, str), level)))


def _code(X: Any, frame: Frame, categories: Mapping[int, tuple[Level, ...]]) -> CodedRows:
    """Replace cells by the positions of their levels, and objects by numbers."""
    objects = [place for place, kind in enumerate(frame.dtypes) if kind.kind == "O"]
    if not categories and not objects:
        return CodedRows(X, {}, "")
    coded, notice, strangers = {}, "", 0
    for place, name in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        if place in categories:
            coded[place], unknown = _positions(cells, categories[place])
            strangers += len(unknown)
            if len(unknown) and not notice:
                notice = f"column {name!r} of X has categories that fit did not see, such as "
                notice += repr(unknown[0])
        else:
            coded[place] = _numbers(cells)
    if notice:
        notice += f" ({strangers:,} in all); they count as none of those known"
    import pandas as pd

    rows = pd.DataFrame(coded, index=frame.index)
    rows.columns = frame.columns
    is_frame = frame is X or not isinstance(X, np.ndarray | list | tuple)
    return CodedRows(rows if is_frame else rows.to_numpy(), dict(categories), notice)


def _positions(cells: Any, levels: tuple[Level, ...]) -> tuple[Array, list[Level]]:
    """Return positions, NaN where missing and -1 where unknown; and the unknown cells."""
    places = {level: place for place, level in enumerate(levels)}
    found, values = np.full(len(cells), np.nan), cells.astype(object).to_numpy()
    present = np.flatnonzero(cells.notna())
    found[present] = [places.get(value, -1) for value in values[present]]
    return found, values[found < 0].tolist()


def _numbers(cells: Any) -> Array:
    if cells.dtype.kind == "O":
        cells = cells.where(cells.notna(), None)
        return np.array([np.nan if cell is None else float(cell) for cell in cells])
    numbers: Array = cells.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers
