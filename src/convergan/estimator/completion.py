"""Missing cells and categories become numbers: medians, indicators, nothing left empty.

Paper and released code: not in Salimans et al. (2016), whose pixels are all there.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .checks import Array
from .frames import Level

LEAST_MISSING = 0.01
"""Share of a column's cells above which being missing becomes a feature of its own."""

COLUMNS = 16
"""Columns that are copied at a time, so that each lies in one piece."""


class Completion(NamedTuple):
    """How a table of C columns becomes one of A features without missing cells.

    First come the columns of numbers, then indicators of each column's categories, then indicators
    of missing cells.

    Attributes:
        medians: (C,) what a missing number becomes; NaN in models that take none.
        flags: (M,) columns whose missing cells are marked by an indicator.
        categories: by column, its levels, an indicator each; cells are their positions.
    """

    medians: Array
    flags: Array
    categories: Mapping[int, tuple[Level, ...]]

    def apply(self, rows: Array) -> Array:
        """Return features (N, A) of rows (N, C); the same array where nothing is to be done.

        Raises:
            ValueError: if a number is missing and the model was fitted by a version of before.
        """
        missing = np.isnan(rows)
        if not self.categories and not len(self.flags) and not missing.any():
            return rows
        numbers = [c for c in range(rows.shape[1]) if c not in self.categories]
        refused = missing[:, numbers] & np.isnan(self.medians[numbers])
        if refused.any():
            raise ValueError(
                f"Input X contains NaN (row {refused.any(axis=1).argmax()}), and this model is of "
                "a version that took none: fit it again"
            )
        if not self.categories and not len(self.flags):
            return np.where(missing, self.medians, rows)
        parts = [np.where(missing, self.medians, rows)[:, numbers]]
        for column, levels in self.categories.items():
            parts.append(rows[:, [column]] == np.arange(len(levels)))
        parts.append(missing[:, self.flags])
        return np.hstack(parts).astype(np.float64, copy=False)


def learn_completion(rows: Array, categories: Mapping[int, tuple[Level, ...]]) -> Completion:
    """Learn medians, and which columns to mark missing cells of.

    Columns that lack the same rows are marked once.

    Args:
        rows: (N, C), NaN where a cell is missing, positions of levels in columns of categories.
        categories: by column, its levels.

    Example:
        >>> rows = np.array([[1.0, np.nan], [2.0, 5.0], [np.nan, 7.0], [9.0, 6.0]])
        >>> learn_completion(rows, {}).apply(rows)
        array([[1., 6., 0., 1.],
               [2., 5., 0., 0.],
               [2., 7., 1., 0.],
               [9., 6., 0., 0.]])
    """
    missing = np.isnan(rows)
    often = np.flatnonzero((missing.mean(axis=0) > LEAST_MISSING) & ~missing.all(axis=0))
    patterns: dict[bytes, int] = {}
    for column in often.tolist():
        patterns.setdefault(missing[:, column].tobytes(), column)
    medians = np.zeros(rows.shape[1])  # a column without any number says nothing
    for start in range(0, rows.shape[1], COLUMNS):
        part = rows[:, start : start + COLUMNS].T.copy()  # which medians may put in order
        for column, cells in enumerate(part, start):
            present = cells[~np.isnan(cells)] if missing[:, column].any() else cells
            if column not in categories and len(present):
                medians[column] = np.median(present, overwrite_input=True)
    return Completion(medians, np.array(sorted(patterns.values()), dtype=np.int64), categories)


def take_all(columns: int) -> Completion:
    """Return the completion of rows whose cells must all be there."""
    return Completion(np.full(columns, np.nan), np.empty(0, dtype=np.int64), {})
