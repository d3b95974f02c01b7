"""The file of results of the few-label benchmark: a line of JSON for each cell."""

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from convergan.core.locks import lock_file


class Key(NamedTuple):
    """What identifies a cell.

    Attributes:
        set: name of a set.
        draw: how its labels were drawn, see `bench.few_labels.measure.draw_labels`.
        labels: number of labels a class; of a random draw the mean number.
        seed: that drew the labels, and of the method.
        method: name of a method.
    """

    set: str
    draw: str
    labels: int
    seed: int
    method: str


class Cell(NamedTuple):
    """A method on a set with some labels: a line of the file. Errors are in percent."""

    set: str
    draw: str
    labels: int
    seed: int
    method: str
    error: float
    balanced_error: float
    nll: float
    calibration: float
    lost: float
    seconds: float
    rows: int
    test_rows: int
    notices: list[str]
    code: str
    finished: str

    @property
    def key(self) -> Key:
        return Key(self.set, self.draw, self.labels, self.seed, self.method)


class Place(NamedTuple):
    """A set and how many labels it has: what methods are compared on."""

    set: str
    draw: str
    labels: int


Grid = dict[Place, dict[str, dict[int, Cell]]]
"""Cells by place, method and seed."""


def read(file: Path) -> list[Cell]:
    """Return the cells of a file; half a line, left by a run that was stopped, is skipped.

    Raises:
        ValueError: if a line has other fields, as those of earlier versions of the benchmark have.
    """
    found = []
    for number, line in enumerate(file.read_text().splitlines() if file.exists() else [], 1):
        try:
            fields = json.loads(line)
        except json.JSONDecodeError:
            continue
        if not isinstance(fields, dict) or set(fields) != set(Cell._fields):
            raise ValueError(
                f"{file}: line {number} is not of this version of the benchmark, use a new file"
            )
        found.append(Cell(**fields))
    return found


def append(file: Path, cell: Cell) -> None:
    """Append a whole line, also while others append, and after half a line of a stopped run."""
    lock = file.with_name(f".{file.name}.lock")
    with lock_file(lock, wait=True), file.open("a+b") as lines:
        size = lines.seek(0, os.SEEK_END)
        if size:
            lines.seek(size - 1)
        broken = bool(size) and lines.read(1) != b"\n"
        lines.write((b"\n" if broken else b"") + json.dumps(cell._asdict()).encode() + b"\n")


def arrange(cells: Sequence[Cell]) -> Grid:
    """Sort cells by place, method and seed; of cells that were measured twice the first counts."""
    grid: Grid = defaultdict(lambda: defaultdict(dict))
    for cell in sorted(cells, key=lambda cell: (cell.draw, cell.labels)):
        grid[Place(cell.set, cell.draw, cell.labels)][cell.method].setdefault(cell.seed, cell)
    names = list(dict.fromkeys(cell.set for cell in cells))
    return dict(sorted(grid.items(), key=lambda entry: names.index(entry[0].set)))
