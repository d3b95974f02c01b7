"""Rows of a table, or texts in one of its columns."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..core.progress import Progress
from ..data import DataError
from ..embedding import embed_texts, find_text_network
from ..tabular.columns import learn_columns, read_features
from ..tabular.reading import FOUND_OUT, Table, TableFormat, read_table, write_table
from ..tabular.target import label_texts
from .items import Fields, Passage, Report

MOST_CELLS = 60
"""Cells of a row that are shown."""
LONGEST_CELL = 300
"""Characters of a cell that are shown."""


@dataclass
class TableItems:
    """See `convergan.labeling.items.Items`. Rows are named by their numbers, from 0.

    Attributes:
        table: as it is stored.
        target: the column of labels; it need not be there.
        columns: to learn from; empty where a text is.
        text: the column of texts, or nothing.
        extractor: the network that describes texts.
        cells: (n, columns) what is shown, as text.
    """

    title: str
    table: Table
    target: str
    columns: list[str]
    text: str
    extractor: str
    names: list[str]
    labels: list[str | None]
    notices: list[str]
    next_step: str
    noun: tuple[str, str]
    shown: list[str]
    key: str = "row"
    pictures: bool = False
    alike: bool = False
    filled: str = field(init=False)

    def __post_init__(self) -> None:
        suffix = self.table.file.suffix or ".parquet"
        self.filled = f"{self.table.file.stem}-labelled{suffix}"
        stored = self.table.stored([*self.shown, *([self.text] if self.text else [])])
        self._cells = {name: _texts(stored[name]) for name in stored.columns}

    def rows(self, report: Report) -> Any:
        """Return the features of all rows: a frame, or (n, D) of texts.

        Raises:
            ValueError: if there is no such network, or its weights are not installed.
            DataError: if a column cannot become features.
        """
        report(0, len(self.names))
        if self.text:

            def told(progress: Progress) -> None:
                report(progress.step, progress.steps)

            network = find_text_network(self.extractor)
            return embed_texts(self._cells[self.text], network, report=told)
        values = self.table.values(self.columns)
        learned = learn_columns(values.frame, self.columns, signs=values.signs)
        return read_features(values.frame, learned, values.signs).frame

    def card(self, number: int, side: int) -> Fields | Passage:
        """Return a row's cells, or its text and the cells beside it."""
        cells = [(name, _short(self._cells[name][number])) for name in self.shown[:MOST_CELLS]]
        if len(self.shown) > MOST_CELLS:
            cells.append(("…", f"{len(self.shown) - MOST_CELLS} more columns"))
        return Passage(self._cells[self.text][number], cells) if self.text else Fields(cells)

    def fill(self, labels: Mapping[str, str]) -> bytes:
        """Return the table with labels in its target column, in the form of its file."""
        import pandas as pd

        frame = self.table.stored(self.table.names)
        frame.columns = list(self.table.spelled.values())
        given = [labels.get(name) for name in self.names]
        frame[self.table.spelled.get(self.target, self.target)] = pd.array(given, dtype="str")
        with TemporaryDirectory() as folder:
            write_table(Path(folder) / self.filled, frame)
            return (Path(folder) / self.filled).read_bytes()


def table_items(
    file: Path,
    target: str,
    *,
    text: str | None = None,
    features: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    extractor: str = "minilm",
    form: TableFormat = FOUND_OUT,
) -> TableItems:
    """Read a table whose rows are to be labelled.

    Args:
        file: ``.csv``, ``.tsv`` or ``.parquet``.
        target: column of labels; where it is not there, no row has one.
        text: column of texts to learn from, instead of the other columns.
        features: columns to learn from; None for all but the target and those of ``drop``.
        drop: columns not to learn from.
        extractor: the network that describes texts.
        form: what is known of a table of text.

    Raises:
        ValueError: if a column is not there, or is named twice.
        DataError: if the file cannot be read as a table, or the target holds no classes.
    """
    table = read_table(file, form)
    notices = list(table.notices)
    known = target in table.names
    if known:
        labels = label_texts(table.stored([target])[target], target)
    else:
        labels = [None] * len(table.arrow)
        notices.append(f"{file.name} has no column {target!r}: labels begin with none")
    drop = [table.find(name) for name in drop]
    if text is not None:
        text = table.find(text)
        columns: list[str] = []
        shown = [name for name in table.names if name not in (text, target)]
    else:
        wanted = table.names if features is None else [table.find(name) for name in features]
        columns = [name for name in wanted if name not in (target, *drop, *table.index)]
        shown = [name for name in table.names if name != target]
    if target in (text, *drop, *(features or ())):
        raise ValueError(f"{target!r} is the target, it can be neither a feature nor dropped")
    if text is None and not columns:
        raise DataError(f"{file} has no column to learn from beside {target!r}")
    if text is None:
        values = table.values(columns)
        notices += values.notices
        learn_columns(values.frame, columns, signs=values.signs)
    noun = ("row", "rows") if text is None else ("text", "texts")
    filled = shlex.quote(f"{file.stem}-labelled{file.suffix}")
    texts = "" if text is None else f" --text {shlex.quote(text)}"
    return TableItems(
        title=file.name,
        table=table,
        target=target,
        columns=columns,
        text=text or "",
        extractor=extractor,
        names=[str(number) for number in range(len(table.arrow))],
        labels=labels,
        notices=notices,
        next_step=f"save {filled} from the page, then: convergan fit {filled} --target "
        f"{shlex.quote(target)}{texts} --out model",
        noun=noun,
        shown=shown,
        alike=text is not None and find_text_network(extractor).alike,
    )


def _texts(cells: Any) -> list[str]:
    there = cells.notna()
    return [str(value) if known else "" for value, known in zip(cells, there, strict=True)]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"
