"""What a row of the table is, what a trial of it reports, and how sure zero failures make us."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Trial(NamedTuple):
    """What a trial did and found.

    Attributes:
        injected: the fault, in a few words.
        times: how many there were of it; 0 for a trial that could not be made here.
        lost: what did not hold; nothing if all did.
        figures: what else was measured, by name.
    """

    injected: str
    times: int = 1
    lost: str = ""
    figures: Mapping[str, float] = {}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table.

    Attributes:
        number: of the row.
        fault: what is injected.
        holds: what must hold.
        ci: trials of the small tier.
        full: trials of the full tier.
        perform: from the number of a trial and an empty folder to what was found; the same number
            injects the same.
    """

    number: int
    fault: str
    holds: str
    ci: int
    full: int
    perform: Callable[[int, Path], Trial]


def upper_bound(trials: int) -> float:
    """Return the rate of failure that zero of ``trials`` rule out with 95 %, about 3 / trials.

    Example:
        >>> [round(upper_bound(n), 5) for n in (60, 300, 10_000)]
        [0.0487, 0.00994, 0.0003]
    """
    return float(1 - 0.05 ** (1 / trials))


class Line(NamedTuple):
    """One line of the file of results.

    Attributes:
        row: its number.
        trial: its number.
        seconds: that it took.
        found: by the trial.
    """

    row: int
    trial: int
    seconds: float
    found: Trial

    def as_json_line(self) -> bytes:
        """Return the line."""
        values = {**self._asdict(), "found": self.found._asdict()}
        return json.dumps(values).encode() + b"\n"


def read_lines(file: Path) -> list[Line]:
    """Return the lines of a file of results; half a line, of a killed process, is none."""
    lines = []
    for text in file.read_bytes().splitlines() if file.exists() else []:
        try:
            values = json.loads(text)
        except ValueError:
            continue
        lines.append(Line(**values | {"found": Trial(**values["found"])}))
    return lines


def markdown(rows: Iterable[Row], lines: Sequence[Line]) -> str:
    """Return the table: what was injected, how many, what was lost, and the upper bound."""
    parts = [
        "| # | injected | how many | failures | rate below (95 %) | seconds | must hold |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lost: list[str] = []
    figures: list[str] = []
    for row in rows:
        found = [line for line in lines if line.row == row.number]
        count = sum(line.found.times for line in found)
        failed = [line for line in found if line.found.lost]
        bound = f"{upper_bound(count):.2%}" if count and not failed else "-"
        seconds = sum(line.seconds for line in found)
        parts.append(
            f"| {row.number} | {row.fault} | {count:,} | {len(failed)} | {bound} "
            f"| {seconds:,.0f} | {row.holds} |"
        )
        lost += [
            f"* row {row.number}, trial {line.trial}, {line.found.injected}: {line.found.lost}"
            for line in failed
        ]
        if text := ranges([line.found.figures for line in found]):
            figures.append(f"* row {row.number}: {text}")
    return "\n".join([*parts, "", *figures, *(lost or ["Nothing was lost."])]) + "\n"


def ranges(trials: Iterable[Mapping[str, float]]) -> str:
    """Return every figure of some trials, from the lowest to the highest.

    Example:
        >>> ranges([{"sent": 1200, "p99 ms": 31.5}, {"p99 ms": 28.25}, {}])
        'sent 1,200; p99 ms 28.25 to 31.5'
    """
    values: dict[str, list[float]] = {}
    for figures in trials:
        for name, value in figures.items():
            values.setdefault(name, []).append(value)
    return "; ".join(
        f"{name} " + " to ".join(f"{end:,}" for end in sorted({min(found), max(found)}))
        for name, found in values.items()
    )
