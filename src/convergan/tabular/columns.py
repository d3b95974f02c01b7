"""Columns of a table as features: numbers as they are, lists unrolled, few categories one-hot.

The kind of each column is learned from the table to fit to and stored with the model. In a table
to predict, columns are found by name, in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..data import DataError
from .reading import Array, Frame

NUMBER, LIST, CATEGORY = "numbers", "lists of numbers", "categories"
MOST_CATEGORIES = 20
"""Different texts of a column, at most; each becomes a feature. A column of more is refused."""
KEY_ROWS = 20
"""Rows from which on a column of rising whole numbers is noted as a possible key."""


@dataclass(frozen=True)
class FeatureColumn:
    """How a column becomes features.

    Attributes:
        name: of the column.
        kind: ``numbers``, ``lists of numbers`` or ``categories``.
        width: number of features.
        categories: texts, in order; a feature each.
        means: of each feature, for rows without a value; empty where missing values are refused.
    """

    name: str
    kind: str
    width: int = 1
    categories: tuple[str, ...] = ()
    means: tuple[float, ...] = ()

    @property
    def feature_names(self) -> list[str]:
        """Names of the features."""
        if self.kind == CATEGORY:
            return [f"{self.name}={category}" for category in self.categories]
        if self.kind == LIST:
            return [f"{self.name}[{place}]" for place in range(self.width)]
        return [self.name]


class Features(NamedTuple):
    """Features of a table.

    Attributes:
        frame: (n, A) of float64, a row for each of the table.
        notices: what the user should know of it.
    """

    frame: Frame
    notices: list[str]


def learn_columns(table: Frame, names: Sequence[str], *, fill: bool) -> list[FeatureColumn]:
    """Find the kind of each column.

    Args:
        table: all rows, labelled or not.
        names: of the columns.
        fill: whether missing values become the column's mean, of categories the shares of each.

    Raises:
        DataError: naming the first column that cannot become features, and why.
    """
    columns = [_learn(table[name], name) for name in names]
    if not fill:
        return columns
    filled = []
    for column in columns:
        values, _ = _values(table[column.name], column)
        if np.isnan(values).all(axis=0).any():
            raise DataError(f"column {column.name!r} has no values; {_leave_out(column.name)}")
        means = tuple(np.nanmean(values, axis=0).tolist())
        filled.append(replace(column, means=means))
    return filled


def read_features(table: Frame, columns: Sequence[FeatureColumn]) -> Features:
    """Return the features of every row.

    Raises:
        DataError: naming the column and its first row whose value is missing, infinite or of
            another kind.
    """
    import pandas as pd

    names = [name for column in columns for name in column.feature_names]
    found, notices, place = np.empty((len(table), len(names))), [], 0
    for column in columns:
        values, unknown = _values(table[column.name], column)
        _require_finite(values, column)
        missing = np.isnan(values)
        if missing.any():
            values = np.where(missing, np.array(column.means), values)
        found[:, place : place + column.width] = values
        place += column.width
        if unknown:
            notices.append(unknown)
    return Features(pd.DataFrame(found, columns=names, copy=False), notices)


def suspicious_keys(table: Frame, columns: Sequence[FeatureColumn]) -> list[str]:
    """Return a notice for each column of whole numbers that rise from row to row, as a key's do."""
    notices = []
    for column in columns:
        if column.kind != NUMBER or len(table) < KEY_ROWS:
            continue
        numbers = _numbers(table[column.name])
        if (numbers == np.trunc(numbers)).all() and (np.diff(numbers) > 0).all():
            notices.append(
                f"column {column.name!r} rises from row to row as a key does; if it is one, "
                f"{_leave_out(column.name)}"
            )
    return notices


def _require_finite(values: Array, column: FeatureColumn) -> None:
    infinite, missing = np.isinf(values).any(axis=1), np.isnan(values).any(axis=1)
    if infinite.any():
        raise DataError(
            f"column {column.name!r} is infinite in row {infinite.argmax()} (counted from 0)"
        )
    if missing.any() and not column.means:
        raise DataError(
            f"column {column.name!r} has no value in row {missing.argmax()} (counted from 0); fit "
            f"with --missing mean, or {_leave_out(column.name)}"
        )


def _learn(cells: Any, name: str) -> FeatureColumn:
    kind = _kind(cells, name)
    if kind == NUMBER:
        return FeatureColumn(name, NUMBER)
    if kind == LIST:
        present = cells[cells.notna()]
        return FeatureColumn(name, LIST, width=len(present.iloc[0]))
    texts = _texts(cells)
    number = _is_number(texts)
    if number.any() and (number != texts.notna()).any():
        row = int((texts.notna() & ~number).to_numpy().argmax())
        raise DataError(
            f"column {name!r} has text among numbers, {texts.iloc[row]!r} in row {row} (counted "
            f"from 0); make it a number or empty, or {_leave_out(name)}"
        )
    categories = sorted(texts.dropna().unique().tolist())
    if len(categories) > MOST_CATEGORIES:
        raise DataError(
            f"column {name!r} is text of {len(categories):,} kinds, such as {categories[0]!r}; at "
            f"most {MOST_CATEGORIES} become features: turn it into numbers, or {_leave_out(name)}"
        )
    return FeatureColumn(name, CATEGORY, width=len(categories), categories=tuple(categories))


def _kind(cells: Any, name: str) -> str:
    """Return the kind of a column; a column without values is one of numbers."""
    from pandas.api import types

    if types.is_numeric_dtype(cells.dtype):  # truth values as well
        return NUMBER
    present = cells[cells.notna()].tolist()
    if not present:
        return NUMBER
    if all(isinstance(value, str) for value in present):
        return CATEGORY
    if all(isinstance(value, np.ndarray | list) for value in present):
        return LIST
    if all(isinstance(value, bool | int | float | np.number) for value in present):
        return NUMBER
    raise DataError(
        f"column {name!r} holds values of type {type(present[0]).__name__}, such as "
        f"{str(present[0])[:40]!r}; make numbers of it, or {_leave_out(name)}"
    )


def _values(cells: Any, column: FeatureColumn) -> tuple[Array, str]:
    """Return (n, width) features, NaN where there is no value, and a notice or an empty text."""
    kind, name = _kind(cells, column.name), column.name
    empty = not cells.notna().any()
    if empty:
        return np.full((len(cells), column.width), np.nan), ""
    if kind != column.kind:
        row = int(cells.notna().to_numpy().argmax())
        if column.kind == NUMBER and kind == CATEGORY:
            row = int((cells.notna() & ~_is_number(cells)).to_numpy().argmax())
        raise DataError(
            f"column {name!r} holds {column.kind}, got {kind}: {str(cells.iloc[row])[:40]!r} in "
            f"row {row} (counted from 0)"
        )
    if kind == NUMBER:
        return _numbers(cells)[:, None], ""
    if kind == LIST:
        return _lists(cells, column), ""
    return _one_hot(cells, column)


def _numbers(cells: Any) -> Array:
    values: Array = cells.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _lists(cells: Any, column: FeatureColumn) -> Array:
    rows = np.full((len(cells), column.width), np.nan)
    for place, value in enumerate(cells):
        if not isinstance(value, np.ndarray | list):
            continue  # no value
        if len(value) != column.width:
            raise DataError(
                f"column {column.name!r} holds lists of {column.width} numbers, that of row "
                f"{place} (counted from 0) has {len(value)}"
            )
        try:
            rows[place] = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(
                f"column {column.name!r} must hold flat lists of numbers, that of row {place} "
                f"(counted from 0) is {str(value)[:40]!r}; {_leave_out(column.name)}"
            ) from None
    return rows


def _one_hot(cells: Any, column: FeatureColumn) -> tuple[Array, str]:
    """Return 1 in the category's feature, and a notice of unknown ones, which have 0 in all."""
    texts = _texts(cells)
    values = (texts.to_numpy(dtype=object)[:, None] == np.array(column.categories, object)).astype(
        np.float64
    )
    unknown = texts[texts.notna().to_numpy() & (values.sum(axis=1) == 0)]
    values[texts.isna().to_numpy()] = np.nan
    if not len(unknown):
        return values, ""
    return values, (
        f"column {column.name!r} has categories that were not there when the model was fitted, "
        f"such as {unknown.iloc[0]!r} ({len(unknown):,} in all); they count as none of those known"
    )


def _texts(cells: Any) -> Any:
    """Return a column of objects, None where there is no text or an empty text."""
    texts = cells.astype(object)
    return texts.where(texts.notna() & (texts != ""), None)


def _is_number(texts: Any) -> Any:
    import pandas as pd

    return pd.to_numeric(texts, errors="coerce").notna()


def _leave_out(name: str) -> str:
    return f"leave it out with --drop {name}"
