"""The table of a sweep over label counts: our figures from its run folders, the paper's beside.

``test_labels.npy`` in the sweep's folder holds the classes of the test rows. Nothing here
depends on which runs look good.
"""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.files import read_json
from ..recipes.without import WITHOUT
from ..runs.reading import table as run_table
from .paper_tables import TABLES, MeanAndDeviation, PaperColumn
from .results import FinishedRun, SweepTable, finished_runs, place_by_labels
from .statistics import count_seeds, format_mean, mean_and_deviation

Array = np.ndarray[Any, Any]

ENSEMBLE = 10
"""Runs in an ensemble of the paper."""
HEAD = (
    "labels",
    "method",
    "seeds",
    "single",
    "median",
    "ensemble",
    "paper, single",
    "paper, ensemble",
    "every seed",
)
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
    "recipe",
    "seed",
    "test_rows",
    "errors",
    "error_rate",
    "errors_last",
    "steps",
    "seconds",
    "state_sha256",
)


class MethodErrors(NamedTuple):
    """What a sweep has for one number of labels and one method, in the table's unit.

    Attributes:
        labels: labelled rows over all classes.
        method: the recipe, the recipe without a part, or a baseline on the labels of its runs.
        seeds: of the finished runs, in order.
        singles: error of each.
        single: their mean and deviation.
        members: runs in an ensemble.
        ensembles: error of each ensemble; empty for one run, or where one has no probabilities.
        ensemble: their mean and deviation, or None.
        paper: what the paper has, where the data are the paper's and the recipe is whole.
    """

    labels: int
    method: str
    seeds: list[int]
    singles: list[float]
    single: MeanAndDeviation
    members: int
    ensembles: list[float]
    ensemble: MeanAndDeviation | None
    paper: PaperColumn | None

    @property
    def median(self) -> float:
        """The median error of the runs."""
        return statistics.median(self.singles)


def label_table(folder: Path) -> SweepTable:
    """Make the table of a sweep from what is in its folder, finished or not."""
    sweep = read_json(folder / "sweep.json")
    settings = sweep["settings"]
    paper = TABLES[settings["table"]]
    labels = np.load(folder / "test_labels.npy", allow_pickle=False)
    papers = {c.labels: c for c in paper.columns} if settings["data"] == paper.data else {}
    runs = finished_runs(folder, place_by_labels)
    columns: list[MethodErrors] = []
    for count in sorted({run.settings["labels"] for run in runs}):
        of_count = [run for run in runs if run.settings["labels"] == count]
        for recipe in sorted({run.settings["recipe"] for run in of_count}):
            of_recipe = [run for run in of_count if run.settings["recipe"] == recipe]
            columns.append(_recipe_errors(of_recipe, labels, paper.unit))
        whole = [run for run in of_count if run.settings["recipe"] == settings["recipe"]]
        columns += _baseline_errors(whole, len(labels), paper.unit)
    recipe = sweep["recipes"][settings["recipe"]]
    columns = [
        c._replace(paper=papers.get(c.labels)) if c.method == settings["recipe"] else c
        for c in columns
    ]
    unit = f"errors out of {len(labels):,}" if paper.unit == "errors" else "test error in %"
    weights = "final averaged weights" if recipe["average"] else "final weights"
    title = (
        f"{settings['table']}: {settings['recipe']} on {settings['data']}, "
        f"{settings['steps']:,} steps, {count_seeds([len(c.seeds) for c in columns])}; "
        f"{unit}, mean ± standard deviation; {weights}; nothing chosen on test data"
    )
    return SweepTable(
        title=title,
        head=HEAD,
        rows=[_texts(column, *STYLES[paper.unit]) for column in columns],
        numbers=[n for n, name in enumerate(HEAD) if name not in ("method", "every seed")],
        note=f"{NOTE} {EASIER}" if recipe["descriptor"] else NOTE,
        runs=[RUN_HEAD, *sorted(map(_figures, runs))],
        record={"unit": paper.unit, "columns": [_plain(column) for column in columns]},
    )


def errors_line(run: FinishedRun) -> str:
    """Return the line that the command shows for a finished run."""
    labels, recipe, seed, _, errors, *_ = _figures(run)
    _, *parts = recipe.split(WITHOUT)
    without = "".join(f" without {part}" for part in parts)
    seconds = run.result["seconds"]
    return f"labels {labels}{without} seed {seed}: {errors} errors, {seconds:.0f} s"


def _figures(run: FinishedRun) -> tuple[Any, ...]:
    """Return the figures of `RUN_HEAD`."""
    result = run.result
    confusion = np.array(result["confusion"])
    rows = int(confusion.sum())
    return (
        run.settings["labels"],
        run.settings["recipe"],
        run.settings["seed"],
        rows,
        rows - int(confusion.trace()),
        result["test_error"],
        round(result["test_error_last"] * rows),
        result["steps"],
        result["seconds"],
        result["state_sha256"],
    )


def _texts(column: MethodErrors, mean: str, alone: str) -> list[str]:
    paper = column.paper
    return [
        str(column.labels),
        column.method.replace(WITHOUT, " without "),
        str(len(column.seeds)),
        format_mean(column.single, mean, alone),
        f"{column.median:g}" if column.single.std is not None else "-",
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


def _recipe_errors(runs: Sequence[FinishedRun], labels: Array, unit: str) -> MethodErrors:
    """Return what runs of one recipe on one number of labels have."""
    errors = {run.settings["seed"]: _figures(run)[RUN_HEAD.index("errors")] for run in runs}
    files = [run.folder / "test_probabilities.npy" for run in runs]
    ensembles: list[int] = []
    if len(files) > 1 and all(file.exists() for file in files):
        probabilities = [np.load(file, allow_pickle=False) for file in files]
        ensembles = ensemble_errors(probabilities, labels)
    settings = runs[0].settings
    return _method_errors(
        settings["labels"], settings["recipe"], errors, ensembles, len(labels), unit
    )


def _baseline_errors(runs: Sequence[FinishedRun], rows: int, unit: str) -> list[MethodErrors]:
    """Return what baselines made of the labels of each run, as far as the runs have them."""
    found: dict[str, dict[int, int]] = {}
    for run in runs:
        _, *baselines = run_table(run.folder)
        for baseline in baselines:
            if baseline.test_error is not None:
                errors = found.setdefault(baseline.name, {})
                errors[run.settings["seed"]] = round(baseline.test_error * rows)
    return [
        _method_errors(runs[0].settings["labels"], name, errors, [], rows, unit)
        for name, errors in found.items()
    ]


def _method_errors(
    labels: int,
    method: str,
    errors: Mapping[int, int],
    ensembles: Sequence[int],
    rows: int,
    unit: str,
) -> MethodErrors:
    def in_unit(errors: int) -> float:
        return errors if unit == "errors" else 100 * errors / rows

    singles, of_ensembles = ([in_unit(n) for n in each] for each in (errors.values(), ensembles))
    return MethodErrors(
        labels=labels,
        method=method,
        seeds=list(errors),
        singles=singles,
        single=mean_and_deviation(singles),
        members=min(ENSEMBLE, len(singles)),
        ensembles=of_ensembles,
        ensemble=mean_and_deviation(of_ensembles) if of_ensembles else None,
        paper=None,
    )


def _members(column: MethodErrors) -> str:
    several = f"{len(column.ensembles)} " if len(column.ensembles) > 1 else ""
    return f" ({several}of {column.members})" if column.ensembles else ""


def _plain(column: MethodErrors) -> dict[str, Any]:
    paper = column.paper
    return {
        "labels": column.labels,
        "method": column.method,
        "singles": {str(s): e for s, e in zip(column.seeds, column.singles, strict=True)},
        "single": column.single._asdict(),
        "median": column.median,
        "members": column.members,
        "ensembles": column.ensembles,
        "ensemble": column.ensemble and column.ensemble._asdict(),
        "paper_single": paper and paper.single._asdict(),
        "paper_ensemble": paper and paper.ensemble and paper.ensemble._asdict(),
    }
