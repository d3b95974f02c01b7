"""What a table holds and what will become of it, before anything is fitted."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..data import DataError
from .columns import (
    CATEGORY,
    LIST,
    NUMBER,
    doubtful_categories,
    learn_columns,
    read_features,
    suspicious_keys,
)
from .reading import Table
from .target import doubtful_labels

SHOWN = 3
"""Cells of a column that are shown."""


class ScannedColumn(NamedTuple):
    """What was found of a column.

    Attributes:
        name: of the column.
        stored: its type in the file, as Arrow calls it; string in all text.
        cells: with a value.
        distinct: different values, where they can be compared.
        examples: the first of them.
        kind: numbers, lists of numbers or categories; nothing if refused.
        features: that it becomes.
        refused: why it becomes none.
        notices: what is odd.
    """

    name: str
    stored: str
    cells: int
    distinct: int | None
    examples: list[str]
    kind: str
    features: int
    refused: str
    notices: list[str]


class TableScan(NamedTuple):
    """What was found of a table.

    Attributes:
        source: the file.
        rows: that it has.
        columns: in their order.
        notices: of the whole table.
    """

    source: str
    rows: int
    columns: list[ScannedColumn]
    notices: list[str]

    def line(self) -> str:
        """Return the one line of it that matters."""
        refused = [column.name for column in self.columns if column.refused]
        gaps = [c.name for c in self.columns if not c.refused and c.cells < self.rows]
        parts = [f"{self.rows:,} rows, {len(self.columns):,} columns"]
        for names, what in ((refused, "cannot become features"), (gaps, "have empty cells")):
            if names:
                more = ", ..." if len(names) > SHOWN else ""
                parts.append(f"{len(names):,} {what} ({', '.join(names[:SHOWN])}{more})")
        return "; ".join(parts)


def scan_table(table: Table) -> TableScan:
    """Find out what would become of every column if it were learned from."""
    columns = [_scan_column(table, name) for name in table.names]
    notices = [*table.notices, *table.unused_index()]
    return TableScan(str(table.file), len(table.arrow), columns, notices)


def _scan_column(table: Table, name: str) -> ScannedColumn:
    stored = table.stored([name])[name]
    present = stored.dropna().astype(str)
    distinct = present.unique().tolist()
    kind, features, refused = "", 0, ""
    notices = doubtful_labels(stored, is_text=table.typed)
    try:
        values = table.values([name])
        [column] = learn_columns(values.frame, [name])
        read_features(values.frame, [column])
        kind, features = column.kind, column.width
        if kind == NUMBER:
            notices = [f"if column {name!r} is the target: {notice}" for notice in notices]
        notices += [*values.notices, *suspicious_keys(values.frame, [column])]
        if kind == CATEGORY:
            notices += doubtful_categories([column])
    except DataError as error:
        refused = str(error)
    return ScannedColumn(
        name=name,
        stored=str(table.arrow[name].type),
        cells=len(present),
        distinct=None if kind == LIST else len(distinct),
        examples=[text[:20] for text in distinct[:SHOWN]],
        kind=kind,
        features=features,
        refused=refused,
        notices=list(dict.fromkeys(notices)),
    )


def to_json(scan: TableScan) -> dict[str, Any]:
    """Return a scan as values for JSON."""
    return scan._asdict() | {"columns": [column._asdict() for column in scan.columns]}


def summary_lines(scan: TableScan) -> Iterator[str]:
    """Yield what is odd, line by line, and the one line that matters at the end."""
    for notice in scan.notices:
        yield f"note: {notice}"
    for column in scan.columns:
        if column.refused:
            yield f"refused: {column.refused}"
        for notice in column.notices:
            yield f"note: {notice}"
    yield scan.line()
