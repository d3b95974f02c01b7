"""The table of a sweep: our figures from its run folders, the paper's beside them.

Everything is read from files: ``sweep.json`` says what the runs have in common, ``test_labels.npy``
holds the classes of the test rows, ``labels-100/seed-3/`` is a run folder. A run that is not
finished, or is of other settings, is left out. Nothing here depends on which runs look good.
"""

import statistics
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .folders import read_json
from .recipes import TABLES, Figure, PaperColumn
from .training.checkpoint import replace_file, write_csv, write_json

Array = np.ndarray[Any, Any]

ENSEMBLE = 10
"""Runs in an ensemble of the paper."""
HEAD = ("labels", "seeds", "single", "ensemble", "paper, single", "paper, ensemble", "every seed")
STYLES = {"errors": (".1f", ".0f"), "%": (".2f", ".2f")}
"""How a mean and a single figure are spelled, by unit."""
NOTE = (
    "An ensemble is the argmax of the mean of its runs' probabilities; every run draws its own "
    "labelled rows. The paper's deviation is over several ensembles of ten; ours are disjoint "
    "groups of ten seeds in order, so up to 19 seeds give one ensemble, which has none."
)
EASIER = (
    "This recipe sees descriptors of images. The paper's networks see their rows without knowing "
    "what they are, which is a harder problem: its figures are context."
)


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """One run of a sweep.

    Attributes:
        labels: labelled rows over all classes.
        seed: of the run.
        test_rows: rows that it was tested on.
        errors: wrong ones by the final averaged weights.
        error_rate: their fraction.
        errors_last: wrong ones by the last weights.
        steps: of training.
        seconds: of training.
        state_sha256: hash of the final state.
    """

    labels: int
    seed: int
    test_rows: int
    errors: int
    error_rate: float
    errors_last: int
    steps: int
    seconds: float
    state_sha256: str

    def __str__(self) -> str:
        """Return the line that the command shows."""
        return f"labels {self.labels} seed {self.seed}: {self.errors} errors, {self.seconds:.0f} s"


class Column(NamedTuple):
    """What a sweep has for one number of labels, in the table's unit.

    Attributes:
        labels: labelled rows over all classes.
        seeds: of the finished runs, in order.
        singles: error of each.
        single: their mean and deviation.
        members: runs in an ensemble.
        ensembles: error of each ensemble; empty for one run, or where one has no probabilities.
        ensemble: their mean and deviation, or None.
        paper: what the paper has, where the data are the paper's.
    """

    labels: int
    seeds: list[int]
    singles: list[float]
    single: Figure
    members: int
    ensembles: list[float]
    ensemble: Figure | None
    paper: PaperColumn | None


class SweepTable(NamedTuple):
    """A sweep's table.

    Attributes:
        title: what was run, and what the figures are.
        unit: as in `PaperTable`.
        columns: one for each number of labels with a finished run.
        note: how the figures are to be read.
    """

    title: str
    unit: str
    columns: list[Column]
    note: str

    def rows(self) -> list[list[str]]:
        """Return the table as text, its head first, one row for each number of labels."""
        mean, alone = STYLES[self.unit]
        rows = [list(HEAD)]
        for column in self.columns:
            paper = column.paper
            rows.append(
                [
                    str(column.labels),
                    str(len(column.seeds)),
                    spell(column.single, mean, alone),
                    spell(column.ensemble, mean, alone) + _members(column),
                    spell(paper.single if paper else None, "g", "g"),
                    spell(paper.ensemble if paper else None, "g", "g"),
                    ", ".join(format(error, alone) for error in column.singles),
                ]
            )
        return rows


def run_folder(folder: Path, labels: int, seed: int) -> Path:
    """Return where a sweep keeps one run."""
    return folder / f"labels-{labels}" / f"seed-{seed}"


def finished_runs(folder: Path) -> list[FinishedRun]:
    """Return every finished run of a sweep, by labels and seed."""
    sweep = read_json(folder / "sweep.json")
    found = []
    for place in folder.glob("labels-*/seed-*"):
        labels, seed = place.parent.name.removeprefix("labels-"), place.name.removeprefix("seed-")
        if labels.isdecimal() and seed.isdecimal() and (place / "result.json").exists():
            if _belongs(place, sweep, int(labels), int(seed)):
                found.append(read_run(place, int(labels), int(seed)))
    return sorted(found, key=lambda run: (run.labels, run.seed))


def _belongs(place: Path, sweep: dict[str, Any], labels: int, seed: int) -> bool:
    """Whether a run is of the sweep's settings; it is not where it cannot say."""
    try:
        config = read_json(place / "config.json")
    except (OSError, ValueError):
        return False
    settings = {**sweep["settings"], "labels": labels, "seed": seed}
    del settings["table"]
    wanted = {**sweep, "settings": settings}
    return all(config.get(part) == wanted[part] for part in ("settings", "recipe", "data_sha256"))


def read_run(place: Path, labels: int, seed: int) -> FinishedRun:
    """Return one finished run, which is in ``place``."""
    result = read_json(place / "result.json")
    confusion = np.array(result["confusion"])
    rows = int(confusion.sum())
    return FinishedRun(
        labels=labels,
        seed=seed,
        test_rows=rows,
        errors=rows - int(confusion.trace()),
        error_rate=result["test_error"],
        errors_last=round(result["test_error_last"] * rows),
        steps=result["steps"],
        seconds=result["seconds"],
        state_sha256=result["state_sha256"],
    )


def mean_and_deviation(values: Sequence[float]) -> Figure:
    """Return the mean and, of two values or more, the sample standard deviation.

    Example:
        >>> mean_and_deviation([1, 2, 3])
        Figure(mean=2, std=1.0)
        >>> mean_and_deviation([4])
        Figure(mean=4, std=None)
    """
    std = statistics.stdev(values) if len(values) > 1 else None
    return Figure(statistics.mean(values), std)


def ensemble_errors(probabilities: Sequence[Array], labels: Array) -> list[int]:
    """Count the errors of disjoint groups of ten, in order, or of all where there are fewer.

    Args:
        probabilities: of each run, (N, K).
        labels: (N,) classes.

    Example:
        >>> sure, unsure = np.array([[0.9, 0.1]]), np.array([[0.4, 0.6]])
        >>> ensemble_errors([sure, unsure], np.array([0]))
        [0]
    """
    groups = max(1, len(probabilities) // ENSEMBLE)
    members = [probabilities[ENSEMBLE * g : ENSEMBLE * (g + 1)] for g in range(groups)]
    means = [np.mean(group, axis=0, dtype=np.float64) for group in members]
    return [int((mean.argmax(axis=1) != labels).sum()) for mean in means]


def read_table(folder: Path) -> SweepTable:
    """Make the table of a sweep from what is in its folder, finished or not."""
    sweep = read_json(folder / "sweep.json")
    settings = sweep["settings"]
    table = TABLES[settings["table"]]
    labels = np.load(folder / "test_labels.npy", allow_pickle=False)
    papers = {c.labels: c for c in table.columns} if settings["data"] == table.data else {}
    runs = finished_runs(folder)
    columns = [
        _column(folder, [run for run in runs if run.labels == count], labels, table.unit, papers)
        for count in sorted({run.labels for run in runs})
    ]
    counts = sorted({len(column.seeds) for column in columns}) or [0]
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    unit = f"errors out of {len(labels):,}" if table.unit == "errors" else "test error in %"
    weights = "final averaged weights" if sweep["recipe"]["average"] else "final weights"
    title = (
        f"{settings['table']}: {settings['recipe']} on {settings['data']}, "
        f"{settings['steps']:,} steps, {seeds} seed{'' if counts == [1] else 's'}; "
        f"{unit}, mean ± standard deviation; {weights}; nothing chosen on test data"
    )
    note = f"{NOTE} {EASIER}" if sweep["recipe"]["descriptor"] else NOTE
    return SweepTable(title, table.unit, columns, note)


def _column(
    folder: Path,
    runs: Sequence[FinishedRun],
    labels: Array,
    unit: str,
    papers: dict[int, PaperColumn],
) -> Column:
    def in_unit(errors: int) -> float:
        return errors if unit == "errors" else 100 * errors / len(labels)

    singles = [in_unit(run.errors) for run in runs]
    files = [run_folder(folder, run.labels, run.seed) / "test_probabilities.npy" for run in runs]
    ensembles: list[float] = []
    if len(files) > 1 and all(file.exists() for file in files):
        probabilities = [np.load(file, allow_pickle=False) for file in files]
        ensembles = [in_unit(errors) for errors in ensemble_errors(probabilities, labels)]
    return Column(
        labels=runs[0].labels,
        seeds=[run.seed for run in runs],
        singles=singles,
        single=mean_and_deviation(singles),
        members=min(ENSEMBLE, len(runs)),
        ensembles=ensembles,
        ensemble=mean_and_deviation(ensembles) if ensembles else None,
        paper=papers.get(runs[0].labels),
    )


def spell(figure: Figure | None, mean: str, alone: str) -> str:
    """Write a figure as text.

    Args:
        figure: to write; nothing is ``-``.
        mean: format of mean and deviation.
        alone: format of a figure without deviation.

    Example:
        >>> spell(Figure(2, 1), ".1f", ".0f"), spell(Figure(2, None), ".1f", ".0f")
        ('2.0 ± 1.0', '2')
    """
    if figure is None:
        return "-"
    if figure.std is None:
        return format(figure.mean, alone)
    return f"{figure.mean:{mean}} ± {figure.std:{mean}}"


def _members(column: Column) -> str:
    several = f"{len(column.ensembles)} " if len(column.ensembles) > 1 else ""
    return f" ({several}of {column.members})" if column.ensembles else ""


def write_table(folder: Path, failed: Sequence[str]) -> None:
    """Write ``table.md``, ``table.csv`` and ``table.json`` into a sweep's folder.

    Args:
        folder: of the sweep.
        failed: a line for each run that failed.
    """
    table = read_table(folder)
    head, *rows = table.rows()
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    text = [table.title, "", *lines, "", table.note, *[f"\nFailed: {line}" for line in failed]]
    replace_file(folder / "table.md", ("\n".join(text) + "\n").encode())
    names = tuple(field.name for field in fields(FinishedRun))
    write_csv(folder / "table.csv", [names, *map(astuple, finished_runs(folder))])
    record = {
        "title": table.title,
        "unit": table.unit,
        "note": table.note,
        "settings": read_json(folder / "sweep.json")["settings"],
        "columns": [_plain(column) for column in table.columns],
        "failed": list(failed),
    }
    write_json(folder / "table.json", record)


def _plain(column: Column) -> dict[str, Any]:
    paper = column.paper
    return {
        "labels": column.labels,
        "singles": {str(s): e for s, e in zip(column.seeds, column.singles, strict=True)},
        "single": column.single._asdict(),
        "members": column.members,
        "ensembles": column.ensembles,
        "ensemble": column.ensemble and column.ensemble._asdict(),
        "paper_single": paper and paper.single._asdict(),
        "paper_ensemble": paper and paper.ensemble and paper.ensemble._asdict(),
    }
