"""The labels file: a table of text with a label for each item, replaced as a whole.

Another program may write it meanwhile. What it changed since the file was last written here is
taken over; where it and the page changed the label of one item, the page's label stays, and what
was in the file is told and stays in the history. Columns and rows that are not of the items stay as
they are.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..core.files import csv_lines, replace_file
from ..data import DataError
from ..data.label_values import NO_LABEL
from ..data.text_tables import open_text_table, plain_name

Stamp = tuple[int, int, int]
"""By which a file is known to be another: its number, size and time."""


class Merge(NamedTuple):
    """What another program changed.

    Attributes:
        taken: labels to take over, by item; None where one was removed.
        conflicts: items whose labels differ, by item: what the file says, None for nothing.
    """

    taken: dict[str, str | None]
    conflicts: dict[str, str | None]


class LabelsFile:
    """A labels file.

    Args:
        path: of it; it need not be there.
        names: of all items.
        key: the column that names items, ``file`` or ``row``.

    Attributes:
        path: likewise.
        known: the names, as a set.
    """

    def __init__(self, path: Path, names: Sequence[str], key: str) -> None:
        self.path, self._names, self._key = path, names, key
        self.known = frozenset(names)
        self._of_spelling = {_plain(name): name for name in names}
        self._header = [key, "label"]
        self._rows: list[list[str]] = []
        self._places: dict[str, int] = {}
        self._columns = (0, 1)
        self._stamp: Stamp | None = None

    def has_changed(self) -> bool:
        """Whether the file is another than when it was last read or written here."""
        return self._stamp != _stamp(self.path)

    def read(self) -> dict[str, str]:
        """Return the labels in the file, by item.

        Raises:
            DataError: if it is no table with the two columns, or names an item twice with labels
                that differ.
        """
        stamp = _stamp(self.path)
        if stamp is None:
            header: list[str] = [self._key, "label"]
            rows: list[list[str]] = []
        else:
            header, rows = self._read_rows()
        names = [plain_name(name).lower() for name in header]
        if names.count(self._key) != 1 or names.count("label") != 1:
            raise DataError(
                f"{self.path} must have the columns {self._key},label; it has {', '.join(header)}"
            )
        columns = names.index(self._key), names.index("label")
        labels: dict[str, str] = {}
        places: dict[str, int] = {}
        for place, row in enumerate(rows):
            item = self._of_spelling.get(_plain(row[columns[0]]))
            label = plain_label(row[columns[1]])
            if item is None:
                continue
            if item in places and label != labels.get(item, ""):
                raise DataError(f"{self.path} names {item} twice, with labels that differ")
            places[item] = place
            if label:
                labels[item] = label
        self._header, self._rows, self._places = header, rows, places
        self._columns, self._stamp = columns, stamp
        return labels

    def write(self, labels: Mapping[str, str]) -> None:
        """Put labels into the file, wholly or not at all; items without one have an empty label.

        Raises:
            OSError: if it cannot be written.
        """
        key, label = self._columns
        for item in self._names:
            if item not in self._places:
                self._places[item] = len(self._rows)
                self._rows.append(["" for _ in self._header])
                self._rows[-1][key] = item
        for item, place in self._places.items():
            self._rows[place][label] = labels.get(item, "")
        replace_file(self.path, csv_lines([self._header, *self._rows]).encode())
        self._stamp = _stamp(self.path)

    def _read_rows(self) -> tuple[list[str], list[list[str]]]:
        try:
            table = open_text_table(self.path)
            return table.names, list(table.rows())
        except (DataError, OSError) as error:
            raise DataError(f"{error}; repair or move {self.path.name}, nothing is lost") from None


def merge(before: Mapping[str, str], ours: Mapping[str, str], theirs: Mapping[str, str]) -> Merge:
    """Say what becomes of labels that two have changed.

    Args:
        before: what both began with, by item.
        ours: the page's.
        theirs: the file's.

    Example:
        >>> merge({"a": "cat"}, {"a": "cat", "b": "dog"}, {"a": "dog", "b": "cat"})
        Merge(taken={'a': 'dog'}, conflicts={'b': 'cat'})
    """
    taken: dict[str, str | None] = {}
    conflicts: dict[str, str | None] = {}
    for item in {**before, **theirs}:
        old, here, there = before.get(item), ours.get(item), theirs.get(item)
        if there in (old, here):
            continue
        if here == old:
            taken[item] = there
        else:
            conflicts[item] = there
    return Merge(taken, conflicts)


def plain_label(text: str) -> str:
    """Return a label in one form of Unicode, without blanks around it; nothing for none.

    Example:
        >>> plain_label(" cat "), plain_label("-1")
        ('cat', '')
    """
    label = unicodedata.normalize("NFC", text.strip())
    return "" if label in NO_LABEL else label


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip().replace("\\", "/").removeprefix("./"))


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
