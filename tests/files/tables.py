"""Tables as programs and countries write them, each with what is right to read from it.

Every function here writes one small file, or one folder, and returns nothing; `TEXTS` and `PARQUET`
list them. All hold the same five rows, as text or as what their program stores.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

IDS = ["007", "12345678", "9007199254740993", "1e5", "42"]
WIDTHS = [1.5, 12.25, 1234.5, -0.75, 8.0]
CITIES = ["Köln", "Zürich; Höngg", "São Paulo", 'the "old" town', "Paris, Texas"]
KINDS = ["süß", None, "NA", "süß", "hör"]
NAMES = ["id", "width", "city", "kind"]


class TextFile(NamedTuple):
    """A dialect of text.

    Attributes:
        separator: between cells.
        decimal: mark of numbers.
        group: mark between groups of digits.
        encoding: of the file.
        newline: at the end of lines.
        first: line before the names.
        quoted: whether all cells are in quotation marks.
        closing: lines after the rows.
    """

    separator: str = ","
    decimal: str = "."
    group: str = ""
    encoding: str = "utf-8"
    newline: str = "\n"
    first: str = ""
    quoted: bool = False
    closing: str = ""

    def number(self, value: float) -> str:
        """Return a number as the dialect writes it."""
        text = f"{value:,.2f}"
        return text.replace(",", "_").replace(".", self.decimal).replace("_", self.group)

    def cell(self, text: str) -> str:
        """Return a cell, in quotation marks where it needs them."""
        if self.quoted or any(sign in text for sign in (self.separator, '"', "\n")):
            return '"' + text.replace('"', '""') + '"'
        return text

    def write(self, file: Path) -> None:
        """Write the five rows."""
        rows = [NAMES] + [
            [key, self.number(width), city, kind or ""]
            for key, width, city, kind in zip(IDS, WIDTHS, CITIES, KINDS, strict=True)
        ]
        lines = [self.separator.join(map(self.cell, row)) for row in rows]
        if self.first:
            lines.insert(0, self.first)
        text = "".join(line + self.newline for line in lines) + self.closing
        file.write_bytes(text.encode(self.encoding))


TEXTS = {
    "Excel en, CSV": TextFile(newline="\r\n", encoding="cp1252"),
    "Excel en, CSV UTF-8": TextFile(newline="\r\n", encoding="utf-8-sig"),
    "Excel en, CSV Macintosh": TextFile(newline="\r"),
    "Excel en, Unicode text": TextFile("\t", newline="\r\n", encoding="utf-16"),
    "Excel en, empty rows": TextFile(newline="\r\n", encoding="utf-8-sig", closing=",,,\r\n" * 3),
    "Excel de, CSV": TextFile(";", ",", ".", "cp1252", "\r\n"),
    "Excel de, CSV UTF-8": TextFile(";", ",", ".", "utf-8-sig", "\r\n"),
    "Excel de, sep=": TextFile(";", ",", "", "utf-8-sig", "\r\n", first="sep=;"),
    "Excel de, Unicode text": TextFile("\t", ",", ".", "utf-16", "\r\n"),
    "Excel fr, CSV": TextFile(";", ",", "\xa0", "cp1252", "\r\n"),
    "Excel fr, CSV UTF-8": TextFile(";", ",", "\u202f", "utf-8-sig", "\r\n"),
    "Excel fr, Unicode text": TextFile("\t", ",", "\u202f", "utf-16", "\r\n"),
    "LibreOffice en": TextFile(),
    "LibreOffice de, quoted": TextFile(",", ",", "", quoted=True),
    "LibreOffice fr, bars": TextFile("|", ",", "\u202f"),
    "Numbers en": TextFile(newline="\r\n"),
    "Numbers de": TextFile(";", ",", newline="\r\n"),
    "Google Sheets en": TextFile(newline="\r\n"),
    "Google Sheets de": TextFile(",", ",", newline="\r\n"),
    "Google Sheets, TSV": TextFile("\t", newline="\r\n"),
    "Swiss": TextFile(";", ".", "\u2019"),
    "R, write.csv2": TextFile(";", ",", quoted=True),
}


def _frame() -> pd.DataFrame:
    return pd.DataFrame({"id": IDS, "width": WIDTHS, "city": CITIES, "kind": KINDS})


def _pandas(path: Path) -> None:
    _frame().to_parquet(path)


def _pandas_categories(path: Path) -> None:
    _frame().astype({"city": "category", "kind": "category"}).to_parquet(path)


def _pandas_index(path: Path) -> None:
    _frame().set_index("id").to_parquet(path)


def _pandas_shuffled(path: Path) -> None:
    _frame().sample(frac=1, random_state=0).sort_values("width").to_parquet(path)


def _polars(path: Path) -> None:
    table = pl.DataFrame({"id": IDS, "width": WIDTHS, "city": CITIES, "kind": KINDS})
    table.with_columns(pl.col("kind").cast(pl.Categorical)).write_parquet(path)


def _arrow(path: Path) -> None:
    columns: dict[str, Any] = {
        "id": pa.array(IDS, pa.large_string()),
        "width": pa.array(WIDTHS, pa.float32()),
        "city": pa.array(CITIES).dictionary_encode(),
        "kind": pa.array(KINDS),
    }
    pq.write_table(pa.table(columns), path)


def _spark(path: Path) -> None:
    path.mkdir()
    widths = pa.array([Decimal(f"{width:.2f}") for width in WIDTHS], pa.decimal128(10, 2))
    table = pa.table({"id": IDS, "width": widths, "city": CITIES, "kind": KINDS})
    for part, first in enumerate(range(0, 5, 2)):
        name = f"part-{part:05d}-c000.snappy.parquet"
        pq.write_table(table.slice(first, 2), path / name)
        (path / f".{name}.crc").write_bytes(b"crc")
    (path / "_SUCCESS").touch()


PARQUET: dict[str, Callable[[Path], None]] = {
    "pandas": _pandas,
    "pandas, categories": _pandas_categories,
    "pandas, index": _pandas_index,
    "pandas, shuffled index": _pandas_shuffled,
    "polars": _polars,
    "Arrow": _arrow,
    "Spark": _spark,
}


def integer_names(path: Path) -> None:
    """Write an array as pandas does, whose columns are called 0, 1 and 2."""
    pd.DataFrame(np.arange(12.0).reshape(4, 3)).to_parquet(path)
