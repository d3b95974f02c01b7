"""The table of a sweep over label counts: our figures from its run folders, the paper's beside.

``test_labels.npy`` in the sweep's folder holds the classes of the test rows. Nothing here
depends on which runs look good.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.files import read_json
from .paper_tables import TABLES, MeanAndDeviation, PaperColumn
from .results import FinishedRun, SweepTable, finished_runs, place_by_labels
from .statistics import count_seeds, format_mean, mean_and_deviation

Array = np.ndarray[Any, Any]

ENSEMBLE = 10
"""Runs in an ensemble of the paper."""
HEAD = ("labels", "seeds", "single", "ensemble", "paper, single", "paper, ensemble", "every seed")
STYLES = {"errors": (".1f", ".0f"), "%": (".2f", ".2f")}
"""Formats of a mean and of a single figure, by unit."""
NOTE = (
    "An ensemble is the argmax of the mean of its runs' probabilities; every run draws its own "
    "labelled rows. The paper's deviation is over several ensembles of ten; ours are disjoint "
    "groups of ten seeds in order, so up to 19 seeds give one ensemble, which has none."
)
EASIER = (
    "This recipe sees descriptors of images. The paper's networks see their rows without knowing "
    "what they are, which is a harder problem: its figures are context."
)


RUN_HEAD = (
    "labels",
    "seed",
    "test_rows",
    "errors",
    "error_rate",
    "errors_last",
    "steps",
    "seconds",
    "state_sha256",
)


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
    single: MeanAndDeviation
    members: int
    ensembles: list[float]
    ensemble: MeanAndDeviation | None
    paper: PaperColumn | None


def label_table(folder: Path) -> SweepTable:
    """Make the table of a sweep from what is in its folder, finished or not."""
    sweep = read_json(folder / "sweep.json")
    settings = sweep["settings"]
    table = TABLES[settings["table"]]
    labels = np.load(folder / "test_labels.npy", allow_pickle=False)
    papers = {c.labels: c for c in table.columns} if settings["data"] == table.data else {}
    runs = finished_runs(folder, place_by_labels)
    counts = sorted({run.settings["labels"] for run in runs})
    columns = [
        _column([run for run in runs if run.settings["labels"] == c], labels, table.unit, papers)
        for c in counts
    ]
    recipe = sweep["recipes"][settings["recipe"]]
    unit = f"errors out of {len(labels):,}" if table.unit == "errors" else "test error in %"
    weights = "final averaged weights" if recipe["average"] else "final weights"
    title = (
        f"{settings['table']}: {settings['recipe']} on {settings['data']}, "
        f"{settings['steps']:,} steps, {count_seeds([len(c.seeds) for c in columns])}; "
        f"{unit}, mean ± standard deviation; {weights}; nothing chosen on test data"
    )
    return SweepTable(
        title=title,
        head=HEAD,
        rows=[_column_texts(column, *STYLES[table.unit]) for column in columns],
        numbers=range(len(HEAD) - 1),
        note=f"{NOTE} {EASIER}" if recipe["descriptor"] else NOTE,
        runs=[RUN_HEAD, *sorted(map(_figures, runs))],
        record={"unit": table.unit, "columns": [_plain(column) for column in columns]},
    )


def errors_line(run: FinishedRun) -> str:
    """Return the line that the command shows for a finished run."""
    labels, seed, _, errors, *_ = _figures(run)
    return f"labels {labels} seed {seed}: {errors} errors, {run.result['seconds']:.0f} s"


def _figures(run: FinishedRun) -> tuple[Any, ...]:
    """Return the figures of `RUN_HEAD`."""
    result = run.result
    confusion = np.array(result["confusion"])
    rows = int(confusion.sum())
    return (
        run.settings["labels"],
        run.settings["seed"],
        rows,
        rows - int(confusion.trace()),
        result["test_error"],
        round(result["test_error_last"] * rows),
        result["steps"],
        result["seconds"],
        result["state_sha256"],
    )


def _column_texts(column: Column, mean: str, alone: str) -> list[str]:
    paper = column.paper
    return [
        str(column.labels),
        str(len(column.seeds)),
        format_mean(column.single, mean, alone),
        format_mean(column.ensemble, mean, alone) + _members(column),
        format_mean(paper.single if paper else None, "g", "g"),
        format_mean(paper.ensemble if paper else None, "g", "g"),
        ", ".join(format(error, alone) for error in column.singles),
    ]


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


def _column(
    runs: Sequence[FinishedRun], labels: Array, unit: str, papers: dict[int, PaperColumn]
) -> Column:
    def in_unit(errors: int) -> float:
        return errors if unit == "errors" else 100 * errors / len(labels)

    count = runs[0].settings["labels"]
    singles = [in_unit(_figures(run)[RUN_HEAD.index("errors")]) for run in runs]
    files = [run.folder / "test_probabilities.npy" for run in runs]
    ensembles: list[float] = []
    if len(files) > 1 and all(file.exists() for file in files):
        probabilities = [np.load(file, allow_pickle=False) for file in files]
        ensembles = [in_unit(errors) for errors in ensemble_errors(probabilities, labels)]
    return Column(
        labels=count,
        seeds=[run.settings["seed"] for run in runs],
        singles=singles,
        single=mean_and_deviation(singles),
        members=min(ENSEMBLE, len(runs)),
        ensembles=ensembles,
        ensemble=mean_and_deviation(ensembles) if ensembles else None,
        paper=papers.get(count),
    )


def _members(column: Column) -> str:
    several = f"{len(column.ensembles)} " if len(column.ensembles) > 1 else ""
    return f" ({several}of {column.members})" if column.ensembles else ""


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
