"""Tables in files: CSV, tab-separated text and Parquet, one row a line, columns by name.

An empty cell has no value. Other spellings of a missing value, such as NA or None, count as one
only in columns of numbers: a class may have such a name.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..core.files import replace_file
from ..data import DataError
from ..data.text_tables import TextFormat, open_text_table
from .naming import find_column, first_names, named_columns
from .text_numbers import DECIMALS, EXACT, large_numbers, look, read_numbers

Array = np.ndarray[Any, Any]
Frame: TypeAlias = Any
"""A frame of pandas, which has no types to check."""

SEPARATORS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (*SEPARATORS, ".parquet")
CHUNK = 10_000
"""Rows of text that are held as Python's own values at once."""


@dataclass(frozen=True, kw_only=True)
class TableFormat:
    """What is known of a table of text; None where it is to be found out.

    Attributes:
        text: separator and encoding.
        decimal: ``.`` or ``,``; the other mark then stands between groups of digits.

    Raises:
        ValueError: for another decimal mark.
    """

    text: TextFormat = field(default_factory=TextFormat)
    decimal: str | None = None

    def __post_init__(self) -> None:
        if self.decimal not in (None, *DECIMALS):
            raise ValueError(f"decimal must be '.' or ',', got {self.decimal!r}")


FOUND_OUT = TableFormat()


class Values(NamedTuple):
    """Columns as what features are made of.

    Attributes:
        frame: numbers, truth values, text and lists.
        signs: of columns of text whose numbers had one, such as %.
        notices: what the user should know.
    """

    frame: Frame
    signs: dict[str, str]
    notices: list[str]


@dataclass(frozen=True)
class Table:
    """A table as it is stored.

    Attributes:
        file: that was read.
        arrow: its columns, of Arrow's types; all are text where the file is text.
        spelled: the name of each column in one form of Unicode, and as the file spells it.
        typed: whether columns of the file have types; False of text.
        decimal: mark of numbers in text, if it is known.
        index: columns that pandas has stored as the index of a frame.
        notices: what the user should know.
    """

    file: Path
    arrow: Any
    spelled: dict[str, str]
    typed: bool
    decimal: str | None
    index: tuple[str, ...]
    notices: list[str]

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self.spelled)

    def find(self, name: str) -> str:
        """Return a column's name as it is in `names`.

        Raises:
            ValueError: if there is none of this name.
        """
        return find_column(name, self.names, str(self.file))

    def unused_index(self, names: Sequence[str] = ()) -> list[str]:
        """Return a notice of columns of pandas' index that are not among those learned from."""
        if index := [name for name in self.index if name not in names]:
            return [f"not learned from, as pandas stored it as the index: {first_names(index, 3)}"]
        return []

    def stored(self, names: Iterable[str]) -> Frame:
        """Return columns as they are stored, in Arrow's types; rows are counted from 0."""
        import pandas as pd

        columns = {name: self.arrow[name] for name in names}
        return pd.DataFrame(
            {
                name: pd.array(cells, dtype=pd.ArrowDtype(cells.type))
                for name, cells in columns.items()
            },
            index=range(len(self.arrow)),
        )

    def values(self, names: Iterable[str]) -> Values:
        """Return columns as what features are made of.

        Raises:
            DataError: if text looks like numbers that cannot be read for certain.
        """
        import pandas as pd
        from pandas.api import types

        chosen = self.arrow.select(list(names))
        frame = chosen.to_pandas(types_mapper=_nullable().get, ignore_metadata=True)
        if self.typed:
            whole = [n for n in chosen.column_names if types.is_integer_dtype(frame[n].dtype)]
            return Values(frame, {}, [told for n in whole for told in large_numbers(frame[n], n)])
        read: dict[str, Any] = {}
        signs: dict[str, str] = {}
        notices: list[str] = []
        for name in chosen.column_names:
            found = read_numbers(frame[name], name, self.decimal)
            read[name] = frame[name] if found is None else found.values
            if found is not None:
                notices += found.notices
                signs |= {name: found.sign} if found.sign else {}
        return Values(pd.DataFrame(read, index=frame.index), signs, notices)


def read_table(file: Path, form: TableFormat = FOUND_OUT) -> Table:
    """Read a table.

    Args:
        file: ``.csv`` or ``.tsv`` with names in its first line, or ``.parquet``, or a folder of
            Parquet files that are parts of one table.
        form: what is known of text; of no effect for Parquet.

    Raises:
        ValueError: if the file has another suffix.
        DataError: if there is no such file, or it cannot be read as a table.
    """
    require_suffix(file)
    if not file.exists():
        raise DataError(f"there is no file {file}")
    parquet = file.is_dir() or file.suffix.lower() == ".parquet"
    table = _read_parquet(file) if parquet else _read_text(file, form)
    if not len(table.arrow):
        raise DataError(f"{file} has no rows")
    return table


def write_table(file: Path, frame: Frame) -> None:
    """Write a frame, wholly or not at all.

    In text, numbers of NumPy's types have six digits. Columns of Arrow's types, which come from
    another table, are written as they are.

    Args:
        file: where to; its suffix is the form.
        frame: rows and columns, a frame of pandas.

    Raises:
        ValueError: if the file has another suffix than `read_table` takes.
    """
    require_suffix(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix.lower() == ".parquet":
        data = _as_parquet(frame)
    else:
        separator = SEPARATORS[file.suffix.lower()]
        text = _as_text(frame)
        data = text.to_csv(None, sep=separator, index=False, float_format="%.6g").encode()
    replace_file(file, data)


def _as_parquet(frame: Frame) -> bytes:
    """Return a frame as Parquet.

    pandas notes its own types in the file, and cannot read the names of some of Arrow's again;
    where there are such columns the file has Arrow's types alone.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    if any(pa.types.is_dictionary(kind) or pa.types.is_nested(kind) for kind in table.schema.types):
        table = table.replace_schema_metadata(None)
    written = pa.BufferOutputStream()
    pq.write_table(table, written)
    data: bytes = written.getvalue().to_pybytes()
    return data


def require_suffix(file: Path) -> None:
    """Refuse a file whose suffix is not one of a table.

    Args:
        file: where a table is, or is to be written.

    Raises:
        ValueError: if it is not.
    """
    if file.suffix.lower() not in SUFFIXES and not is_parquet_folder(file):
        raise ValueError(f"a table is {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, got {file}")


def is_parquet_folder(path: Path) -> bool:
    """Return whether a folder holds Parquet files that are parts of one table."""
    return path.is_dir() and any(path.rglob("*.parquet"))


def file_sha256(path: Path) -> str:
    """Return the hash of a file, or of the names and hashes of a folder's files."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        parts = [f"{file.relative_to(path)} {file_sha256(file)}" for file in files]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


# --- Parquet -------------------------------------------------------------------------------------


def _read_parquet(path: Path) -> Table:
    import pyarrow.parquet as pq

    parts = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if first := next((part for part in parts if part.is_file()), None):
        named_columns(_readable(path, lambda: pq.read_schema(first)).names, str(path))
    arrow = _readable(path, lambda: pq.read_table(path))
    metadata = arrow.schema.pandas_metadata or {}
    index = [str(name) for name in metadata.get("index_columns", []) if isinstance(name, str)]
    unnamed = [name for name in index if name.startswith("__index_level_")]
    arrow = arrow.drop_columns([name for name in unnamed if name in arrow.column_names])
    names = named_columns(arrow.column_names, str(path))
    spelled = dict(zip(names, arrow.column_names, strict=True))
    stored = tuple(name for name in names if spelled[name] in index)
    return Table(path, arrow.rename_columns(names), spelled, True, None, stored, [])


def _nullable() -> dict[Any, Any]:
    """Return the types of pandas that tell a missing value from 0, by those of Arrow."""
    import pandas as pd
    import pyarrow as pa

    return {
        **{pa.int8(): pd.Int8Dtype(), pa.uint8(): pd.UInt8Dtype()},
        **{pa.int16(): pd.Int16Dtype(), pa.uint16(): pd.UInt16Dtype()},
        **{pa.int32(): pd.Int32Dtype(), pa.uint32(): pd.UInt32Dtype()},
        **{pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()},
        **{pa.float32(): pd.Float32Dtype(), pa.float64(): pd.Float64Dtype()},
        **{kind: pd.StringDtype() for kind in (pa.string(), pa.large_string())},
        pa.bool_(): pd.BooleanDtype(),
    }


# --- text ----------------------------------------------------------------------------------------


def _read_text(file: Path, form: TableFormat) -> Table:
    import pyarrow as pa

    table = open_text_table(file, form.text, usual=SEPARATORS[file.suffix.lower()])
    kinds = pa.schema([(str(place), pa.string()) for place in range(len(table.names))])
    parts, rows = [kinds.empty_table()], table.rows()
    while chunk := list(islice(rows, CHUNK)):
        columns = [[cell or None for cell in column] for column in zip(*chunk, strict=True)]
        parts.append(pa.table([pa.array(cells, pa.string()) for cells in columns], schema=kinds))
    arrow = pa.concat_tables(parts)
    spelled, arrow, notices = _without_nameless(file, table.names, arrow)
    notices = [*table.notices, *notices]
    return Table(file, arrow, spelled, False, form.decimal, (), notices)


def _without_nameless(
    file: Path, names: list[str], arrow: Any
) -> tuple[dict[str, str], Any, list[str]]:
    """Leave out columns without a name and any value; return the others' spellings, and notices."""
    nameless = [place for place, name in enumerate(names) if not name]
    empty = [place for place in nameless if arrow.column(place).null_count == len(arrow)]
    named = named_columns([name or f"Unnamed: {n}" for n, name in enumerate(names)], str(file))
    kept = [place for place in range(len(names)) if place not in empty]
    spelled = {named[place]: names[place] for place in kept}
    notices = []
    if empty:
        notices.append(f"left out of {file.name}: {len(empty):,} columns without name and values")
    if called := [named[place] for place in nameless if place not in empty]:
        notices.append(f"columns without a name are called {first_names(called, 5)}")
    if all(look(name) for name in names if name):
        notices.append(
            f"the names in the first line of {file.name} are all numbers, such as {names[0]!r}; is "
            "there a line with names?"
        )
    return spelled, arrow.select(kept).rename_columns(list(spelled)), notices


def _as_text(frame: Frame) -> Frame:
    """Return a frame whose columns of Arrow's types are text that says all of their values."""
    import pandas as pd

    return pd.DataFrame(
        {
            place: _exact(frame.iloc[:, place])
            if isinstance(frame.dtypes.iloc[place], pd.ArrowDtype)
            else frame.iloc[:, place]
            for place in range(frame.shape[1])
        }
    ).set_axis(frame.columns, axis=1)


def _exact(cells: Any) -> Any:
    """Return the values of a column as text; whole numbers that are stored as floats have no point.

    A column of floats is of whole numbers if all are: so pandas stores integers with a gap.
    """
    import pandas as pd
    import pyarrow as pa

    kind = cells.dtype.pyarrow_dtype
    values = cells.array.__arrow_array__().to_pylist()
    if pa.types.is_floating(kind):
        present = [value for value in values if value is not None and value == value]
        whole = all(value.is_integer() and abs(value) < EXACT for value in present)
        shortest = {16: np.float16, 32: np.float32}.get(kind.bit_width, float)
        texts = [
            None
            if value is None or value != value
            else str(int(value) if whole else float(str(shortest(value))))
            for value in values
        ]
    else:
        texts = [None if value is None else str(value) for value in values]
    return pd.Series(texts, index=cells.index, dtype="str")


def _readable(path: Path, read: Callable[[], Any]) -> Any:
    """Call Arrow; turn its errors into a `DataError` of one line that names the file."""
    try:
        return read()
    except (ValueError, OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk; OSErrors by which Arrow reports damage have no number
        raise DataError(f"{path} cannot be read as a table: {error}") from None
