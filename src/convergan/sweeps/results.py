"""What a sweep's folder holds: its finished runs, read from files alone, and the table of them.

``sweep.json`` says what the runs have in common. A run that is not finished, is of other settings,
or is not where runs of its settings belong, is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..core.environment import environment_rows
from ..core.files import read_json, replace_file, write_csv, write_json
from ..core.html import Caution, Paragraph, Picture, Section, Table, render
from ..recipes.without import WITHOUT
from ..runs.folder import read_description

Place = Callable[[Mapping[str, Any]], str]
"""From the settings of a run to its folder below that of the sweep."""


class FinishedRun(NamedTuple):
    """One run of a sweep: its folder, its settings and its ``result.json``."""

    folder: Path
    settings: dict[str, Any]
    result: dict[str, Any]


class SweepTable(NamedTuple):
    """A table as it is shown and written.

    Attributes:
        title: what was run, and what the figures are.
        head: of each column.
        rows: of text.
        numbers: columns that are numbers.
        note: how the figures are to be read.
        runs: every run with its figures, the names of the figures first.
        record: the figures by name, as plain values.
    """

    title: str
    head: Sequence[str]
    rows: list[list[str]]
    numbers: Sequence[int]
    note: str
    runs: list[tuple[Any, ...]]
    record: dict[str, Any]


def place_by_labels(settings: Mapping[str, Any]) -> str:
    """Return where a run is in a sweep over label counts.

    Example:
        >>> place_by_labels({"recipe": "digits-without-game", "labels": 20, "seed": 3})
        'labels-20-without-game/seed-3'
    """
    _, *left_out = settings["recipe"].split(WITHOUT)
    name = WITHOUT.join([f"labels-{settings['labels']}", *left_out])
    return f"{name}/seed-{settings['seed']}"


def place_by_recipe(settings: Mapping[str, Any]) -> str:
    """Return where a run is in a sweep over recipes and data.

    Example:
        >>> place_by_recipe({"recipe": "toy", "data": "someone/ring", "seed": 3})
        'toy-on-ring/seed-3'
    """
    data = Path(settings["data"]).name.replace(":", "-")
    return f"{settings['recipe']}-on-{data}/seed-{settings['seed']}"


def finished_runs(folder: Path, place: Place) -> list[FinishedRun]:
    """Return every finished run of a sweep, by folder and seed."""
    sweep = read_description(folder / "sweep.json")
    found = []
    for file in folder.glob("*/seed-*/result.json"):
        try:
            config = read_description(file.parent / "config.json")
        except (OSError, ValueError):
            continue
        if _belongs(config, sweep) and folder / place(config["settings"]) == file.parent:
            found.append(FinishedRun(file.parent, config["settings"], read_json(file)))
    return sorted(found, key=lambda run: (str(run.folder.parent), run.settings["seed"]))


def _belongs(config: dict[str, Any], sweep: dict[str, Any]) -> bool:
    """Whether a run is of the sweep's settings, recipes and data, and as long as they say."""
    settings = config["settings"]
    of_sweep = ("table", "data", "recipe")  # data and recipe are compared by their descriptions
    common = {name: value for name, value in sweep["settings"].items() if name not in of_sweep}
    recipe, data = sweep["recipes"].get(settings["recipe"]), sweep["data_sha256"]
    if recipe != config["recipe"] or config["data_sha256"] not in data.values():
        return False
    wanted = {"steps": recipe["steps"]} | common
    return bool(wanted.items() <= settings.items())


def write_table(folder: Path, table: SweepTable, failed: Sequence[str]) -> None:
    """Write ``table.md``, ``table.csv`` and ``table.json`` into a sweep's folder.

    ``failed`` has a line for each run that failed.
    """
    lines = [
        f"| {' | '.join(row)} |" for row in (table.head, ["---"] * len(table.head), *table.rows)
    ]
    text = [table.title, "", *lines, "", table.note, *[f"\nFailed: {line}" for line in failed]]
    replace_file(folder / "table.md", ("\n".join(text) + "\n").encode())
    write_csv(folder / "table.csv", table.runs)
    record = {
        "title": table.title,
        "note": table.note,
        "settings": read_json(folder / "sweep.json")["settings"],
        **table.record,
        "failed": list(failed),
    }
    write_json(folder / "table.json", record)


def write_page(
    folder: Path, table: SweepTable, failed: Sequence[str], pictures: Sequence[Picture]
) -> None:
    """Write ``table.html`` into a sweep's folder, with pictures and a line for each failed run."""
    name, _, what = table.title.partition(": ")
    sections = [
        Section("", [Paragraph(what, lead=True), *pictures]),
        Section("Table", [Table(table.head, table.rows, table.numbers), Paragraph(table.note)]),
        Section("Failed runs", [Caution(failed)] if failed else []),
        Section("How it was made", environment_rows(folder)),
    ]
    replace_file(folder / "table.html", render(name, sections))
