"""Tables in files: CSV, tab-separated text and Parquet, one row a line, columns by name.

An empty cell has no value. Other spellings of a missing value that pandas knows, such as NA or
None, count as one only in columns of numbers: a class may have such a name.
"""

import csv
import difflib
import hashlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..core.files import replace_file
from ..data import DataError

Array = np.ndarray[Any, Any]
Frame: TypeAlias = Any
"""A frame of pandas, which has no types to check."""

SEPARATORS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (*SEPARATORS, ".parquet")
NO_NUMBER = ("NA", "N/A", "n/a", "NaN", "nan", "None", "null", "NULL", "#N/A", "?")
"""Spellings of a missing number."""


def read_table(file: Path, *, text: Iterable[str] = ()) -> Frame:
    """Return a table as a frame; its index counts the rows from 0.

    Args:
        file: ``.csv`` or ``.tsv`` in UTF-8 with names in its first line, or ``.parquet``.
        text: columns to read as text, such as identifiers with leading zeros; of no effect for
            Parquet, whose columns have types.

    Raises:
        ValueError: if the file has another suffix.
        DataError: if there is no such file, or it cannot be read as a table.
    """
    require_suffix(file)
    if not file.is_file():
        raise DataError(f"there is no file {file}")
    if file.suffix.lower() == ".parquet":
        frame = _read_parquet(file)
    else:
        frame = _read_text(file, SEPARATORS[file.suffix.lower()], set(text))
    if not len(frame):
        raise DataError(f"{file} has no rows")
    return frame


def write_table(file: Path, frame: Frame) -> None:
    """Write a frame, wholly or not at all; numbers have six digits in text.

    Raises:
        ValueError: if the file has another suffix than `read_table` takes.
    """
    require_suffix(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix.lower() == ".parquet":
        data = frame.to_parquet(None, index=False)
    else:
        separator = SEPARATORS[file.suffix.lower()]
        written = frame.to_csv(None, sep=separator, index=False, float_format="%.6g")
        data = written.encode()
    replace_file(file, data)


def require_suffix(file: Path) -> None:
    """Refuse a file whose suffix is not one of a table.

    Raises:
        ValueError: if it is not.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise ValueError(f"a table is {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, got {file}")


def require_column(name: str, known: Sequence[str], where: str) -> None:
    """Refuse a column that is not there, naming the nearest.

    Args:
        name: wanted.
        known: what there is.
        where: what has these columns, for the message.

    Raises:
        ValueError: if it is not there.

    Example:
        >>> require_column("colour", ["color", "size"], "wine.csv")
        Traceback (most recent call last):
        ValueError: wine.csv has no column 'colour'; did you mean 'color'?
    """
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        either = " or ".join(map(repr, near))
        raise ValueError(f"{where} has no column {name!r}; did you mean {either}?")
    raise ValueError(f"{where} has no column {name!r}; its columns are {first_names(known, 8)}")


def first_names(names: Sequence[str], most: int) -> str:
    """Return the first names in quotes, for a message."""
    return ", ".join(map(repr, names[:most])) + (" and more" if len(names) > most else "")


def file_sha256(file: Path) -> str:
    """Return the hash of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _read_parquet(file: Path) -> Frame:
    import pandas as pd

    frame = _readable(file, lambda: pd.read_parquet(file, dtype_backend="numpy_nullable"))
    return frame.reset_index(drop=True)


def _read_text(file: Path, separator: str, text: set[str]) -> Frame:
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    names = _readable(file, lambda: _header(file, separator))
    _check_header(file, names, separator)
    frame = _readable(
        file,
        lambda: pd.read_csv(
            file,
            sep=separator,
            encoding="utf-8-sig",
            keep_default_na=False,
            na_values=[""],
            dtype={name: str for name in names if name in text},
            skipinitialspace=True,
            index_col=False,  # a row longer than the header is an error, not an index
            low_memory=False,  # one type for a column, not one for a chunk
        ),
    )
    for name, kind in zip(frame.columns, frame.dtypes, strict=True):
        if name not in text and not is_numeric_dtype(kind):
            frame[name] = _numbers_if_any(frame[name])
    return frame


def _header(file: Path, separator: str) -> list[str]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return next(csv.reader(opened, delimiter=separator, skipinitialspace=True), [])


def _check_header(file: Path, names: list[str], separator: str) -> None:
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise DataError(f"{file} has two columns {twice[0]!r}; give them names of their own")
    other = ";" if separator == "," else ","
    if len(names) == 1 and other in names[0]:
        raise DataError(
            f"{file} has one column, {names[0]!r}: {file.suffix} is read with {separator!r} "
            "between columns"
        )


def _numbers_if_any(cells: Any) -> Any:
    """Return a column of text as numbers if all its values are numbers or spellings of none."""
    import pandas as pd

    present = cells[cells.notna()]
    if all(isinstance(value, bool) for value in present):
        return cells.astype("boolean")
    kept = cells.where(~cells.isin(NO_NUMBER))
    numbers = pd.to_numeric(kept, errors="coerce")
    return numbers if (numbers.notna() == kept.notna()).all() else cells


def _readable(file: Path, read: Callable[[], Any]) -> Any:
    """Call a reader; turn its errors into a `DataError` of one line that names the file."""
    from pandas.errors import ParserWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ParserWarning)
            return read()
    except UnicodeDecodeError:
        raise DataError(f"{file} is not text in UTF-8; save it as CSV in UTF-8") from None
    except ParserWarning:
        raise DataError(f"{file} has rows with more cells than its first line has names") from None
    except (ValueError, csv.Error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk; OSErrors by which Arrow reports damage have no number
        raise DataError(f"{file} cannot be read as a table: {error}") from None
