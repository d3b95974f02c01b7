"""The file of results of the few-label benchmark: a line of JSON for each cell."""

import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Cell(NamedTuple):
    """A method on a set with some labels: a line of the file. Errors are in percent."""

    set: str
    labels: int
    seed: int
    method: str
    error: float
    nll: float
    calibration: float
    lost: float
    seconds: float
    rows: int
    test_rows: int
    notices: list[str]
    code: str
    finished: str


Place = tuple[str, int]
"""A set and a number of labels a class."""
Grid = dict[Place, dict[str, dict[int, Cell]]]
"""Cells by place, method and seed."""


def read(file: Path) -> list[Cell]:
    """Return the cells of a file; half a line, left by a run that was stopped, is skipped."""
    found = []
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            found.append(Cell(**json.loads(line)))
        except json.JSONDecodeError:
            continue
    return found


def append(file: Path, cell: Cell) -> None:
    """Append a whole line, also while others append, and after half a line of a stopped run."""
    with file.open("a+b") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        size = lines.seek(0, os.SEEK_END)
        if size:
            lines.seek(size - 1)
        broken = bool(size) and lines.read(1) != b"\n"
        lines.write((b"\n" if broken else b"") + json.dumps(cell._asdict()).encode() + b"\n")


def arrange(cells: Sequence[Cell]) -> Grid:
    """Sort cells by place, method and seed; of cells that were measured twice the first counts."""
    grid: Grid = defaultdict(lambda: defaultdict(dict))
    for cell in sorted(cells, key=lambda cell: cell.labels):
        grid[cell.set, cell.labels][cell.method].setdefault(cell.seed, cell)
    names = list(dict.fromkeys(cell.set for cell in cells))
    return dict(sorted(grid.items(), key=lambda entry: names.index(entry[0][0])))


def is_complete(grid: Grid, place: Place, methods: Sequence[str]) -> bool:
    """Return whether all methods have all seeds that any method of the place has."""
    seeds = {seed for method in grid[place].values() for seed in method}
    return all(set(grid[place].get(method, {})) == seeds for method in methods)
