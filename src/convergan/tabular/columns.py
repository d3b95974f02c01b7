"""Columns of a table as features: numbers as they are, lists unrolled, few categories one-hot.

The kind of each column is learned from the table to fit to and stored with the model. In a table
to predict, columns are found by name, in any order.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..data import DataError
from ..data.text_tables import one_form
from ..estimator.completion import LEAST_MISSING
from ..estimator.frames import most_levels
from .naming import first_names, leave_out
from .reading import Array, Frame
from .text_numbers import SHEET_ERRORS, is_dates, look

NUMBER, LIST, CATEGORY = "numbers", "lists of numbers", "categories"
MEDIAN, MEAN, REFUSE = "median", "mean", "refuse"
"""What becomes of missing values: the classifier fills them with medians, and marks them where they
are many; they take the column's mean; they are refused."""
NONE: Mapping[str, str] = MappingProxyType({})
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
        means: of each feature, for rows without a value; empty where they have no mean.
        sign: that the numbers had in the text, such as %.
        gaps: whether missing values are left to the classifier; without means, they are refused
            otherwise. A missing text is then no category, or the empty one, where that is there.
        extractor: of texts, what the user called the network that makes lists of numbers of them.
        network: its name, with its weights.
    """

    name: str
    kind: str
    width: int = 1
    categories: tuple[str, ...] = ()
    means: tuple[float, ...] = ()
    sign: str = ""
    gaps: bool = False
    extractor: str = ""
    network: str = ""

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


def learn_columns(
    table: Frame,
    names: Sequence[str],
    *,
    missing: str = MEDIAN,
    signs: Mapping[str, str] = NONE,
) -> list[FeatureColumn]:
    """Find the kind of each column.

    Args:
        table: all rows, labelled or not.
        names: of the columns.
        signs: of those whose numbers had one in the text.
        missing: ``median`` to leave missing values to the classifier; ``mean`` for the column's
            mean, of categories the shares of each; ``refuse``.

    Raises:
        DataError: naming the first column that cannot become features, and why.
    """
    columns = [replace(learn(table[name], name), sign=signs.get(name, "")) for name in names]
    if missing == MEDIAN:
        return [_with_gaps(column, table[column.name]) for column in columns]
    if missing == REFUSE:
        return columns
    filled = []
    for column in columns:
        values, _ = _values(table[column.name], column)
        _require_no_infinity(values, column)
        if np.isnan(values).all(axis=0).any():
            raise DataError(f"column {column.name!r} has no values; {leave_out(column.name)}")
        means = tuple(np.nanmean(values, axis=0).tolist())
        filled.append(replace(column, means=means))
    return filled


def read_features(
    table: Frame, columns: Sequence[FeatureColumn], signs: Mapping[str, str] = NONE
) -> Features:
    """Return the features of every row.

    Args:
        table: of the rows.
        columns: how features are made.
        signs: of columns whose numbers had one in the text.

    Raises:
        DataError: naming the column and its first row whose value is missing, infinite or of
            another kind or unit.
    """
    import pandas as pd

    names = [name for column in columns for name in column.feature_names]
    found, notices, place = np.empty((len(table), len(names))), [], 0
    gaps = []
    for column in columns:
        values, unknown = _values(table[column.name], column)
        if (sign := signs.get(column.name, "")) != column.sign and np.isfinite(values).any():
            raise DataError(
                f"column {column.name!r} had {_unit(column.sign)} where the model was fitted and "
                f"has {_unit(sign)} here; write it in the same unit"
            )
        _require_finite(values, column)
        missing = np.isnan(values)
        if column.gaps and missing.any():
            gaps.append(column.name)
        elif missing.any():
            rows = int(missing.any(axis=1).sum())
            notices.append(f"column {column.name!r} is filled with its mean in {rows:,} rows")
            values = np.where(missing, np.array(column.means), values)
        found[:, place : place + column.width] = values
        place += column.width
        if unknown:
            notices.append(unknown)
    if gaps:
        notices.append(f"numbers are missing in {first_names(gaps, 3)}: medians stand for them")
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
                f"{leave_out(column.name)}"
            )
    return notices


def doubtful_categories(columns: Sequence[FeatureColumn]) -> list[str]:
    """Return notices of categories that may be meant as something else."""
    notices = []
    for column in (column for column in columns if column.kind == CATEGORY):
        name, texts = column.name, [text for text in column.categories if text]
        if error := next((text for text in texts if text in SHEET_ERRORS), ""):
            notices.append(f"column {name!r} holds a spreadsheet's error, {error!r}, as a category")
        if texts and all(look(text) for text in texts):
            notices.append(
                f"column {name!r} is text that looks like numbers, such as {texts[0]!r}; as the "
                "file says that it is text, it counts as categories"
            )
        units = {re.sub(r"^[\d.,]+\s*", "", text) for text in texts}
        if (
            len(texts) > 1
            and len(units) == 1
            and units <= {unit for unit in units if unit.isalpha()}
        ):
            notices.append(
                f"column {name!r} looks like numbers of {units.pop()}, such as {texts[0]!r}, and "
                f"counts as categories; if it is, take the unit out of its cells"
            )
        notices += one_form(texts, f"categories of column {name!r}")[1]
    return notices


def _with_gaps(column: FeatureColumn, cells: Any) -> FeatureColumn:
    """Return a column whose missing values are left to the classifier; texts get a category."""
    if column.kind != CATEGORY:
        return replace(column, gaps=True)
    missing = _texts(cells).isna()
    more = ("",) if missing.mean() > LEAST_MISSING else ()
    categories = (*more, *column.categories)
    return replace(column, gaps=True, width=len(categories), categories=categories)


def _unit(sign: str) -> str:
    return f"numbers with {sign!r}" if sign else "numbers without a sign"


def _require_no_infinity(values: Array, column: FeatureColumn) -> None:
    infinite = np.isinf(values).any(axis=1)
    if infinite.any():
        raise DataError(
            f"column {column.name!r} is infinite in row {infinite.argmax()} (counted from 0)"
        )


def _require_finite(values: Array, column: FeatureColumn) -> None:
    _require_no_infinity(values, column)
    missing = np.isnan(values).any(axis=1)
    if missing.any() and not column.means and not column.gaps:
        raise DataError(
            f"column {column.name!r} has no value in row {missing.argmax()} (counted from 0); "
            f"write one, fit with --missing median, or {leave_out(column.name)}"
        )


def learn(cells: Any, name: str) -> FeatureColumn:
    """Find the kind of one column, without means.

    Raises:
        DataError: if no features can be made of it.
    """
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
            f"from 0); make it a number or empty, or {leave_out(name)}"
        )
    categories = sorted(texts.dropna().unique().tolist())
    if is_dates(categories):
        raise DataError(
            f"column {name!r} holds dates or times, such as {categories[0]!r}; make numbers of "
            f"them, or {leave_out(name)}"
        )
    if len(categories) > (most := most_levels(int(texts.notna().sum()))):
        raise DataError(
            f"column {name!r} is text of {len(categories):,} kinds, such as {categories[0]!r}; at "
            f"most {most} become features: turn it into numbers, or {leave_out(name)}"
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
    if all(isinstance(value, bool | int | float | np.number | Decimal) for value in present):
        return NUMBER
    raise DataError(
        f"column {name!r} holds values of type {type(present[0]).__name__}, such as "
        f"{str(present[0])[:40]!r}; make numbers of it, or {leave_out(name)}"
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
        nested = isinstance(value, np.ndarray) and value.dtype == object
        try:  # of nested lists with one number each some versions of NumPy would make flat ones
            rows[place] = np.asarray([*value] if nested else value, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(
                f"column {column.name!r} must hold flat lists of numbers, that of row {place} "
                f"(counted from 0) is {str(value)[:40]!r}; {leave_out(column.name)}"
            ) from None
    return rows


def _one_hot(cells: Any, column: FeatureColumn) -> tuple[Array, str]:
    """Return 1 in the category's feature, and a notice of unknown ones, which have 0 in all."""
    texts = _texts(cells)
    places = {plain_category(name): place for place, name in enumerate(column.categories)}
    places |= {name: place for place, name in enumerate(column.categories)}
    values = np.zeros((len(texts), column.width))
    for row, text in enumerate(texts):
        if text in places:
            values[row, places[text]] = 1
    missing = texts.isna().to_numpy()
    unknown = texts[~missing & (values.sum(axis=1) == 0)]
    if not column.gaps:
        values[missing] = np.nan
    elif "" in column.categories:
        values[missing, column.categories.index("")] = 1
    if not len(unknown):
        return values, ""
    return values, (
        f"column {column.name!r} has categories that were not there when the model was fitted, "
        f"such as {unknown.iloc[0]!r} ({len(unknown):,} in all); they count as none of those known"
    )


def _texts(cells: Any) -> Any:
    """Return a column of objects in one form of Unicode, None where there is no text."""
    return cells.astype(object).map(lambda text: plain_category(text) or None, na_action="ignore")


def plain_category(text: str) -> str:
    """Return a category without blanks around it, in one form of Unicode."""
    return unicodedata.normalize("NFC", text.strip())


def _is_number(texts: Any) -> Any:
    return texts.map(lambda text: isinstance(text, str) and look(text) is not None).astype(bool)
