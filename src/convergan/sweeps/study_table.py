"""The table and the pictures of a study: what every recipe's samples are worth, on every seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.files import read_json, replace_file
from ..core.html import Picture, figure_png
from .results import FinishedRun, SweepTable, finished_runs, place_by_recipe
from .statistics import count_seeds, format_mean, mean_and_deviation
from .studies import Arm, RecipeStudy

WORDS = {
    "found": "modes found",
    "kl": "KL in nats",
    "high_quality": "near a mode",
    "inception_score": "score",
    "nearest": "nearest sample",
}
"""How a figure is called in a table."""
REAL = "real rows"
NOTE = (
    "Mean and sample standard deviation over the seeds, of the samples of the final averaged "
    "weights; the first figure of every seed at the end. Real rows are as many rows of the data, "
    "judged in the same way."
)


def study_table(folder: Path, study: RecipeStudy) -> SweepTable:
    """Make the table of a study from what is in its folder, finished or not."""
    settings = read_json(folder / "sweep.json")["settings"]
    runs = finished_runs(folder, place_by_recipe)
    sources = settings["data"].split(",")
    figures = [name for name in study.figures if any(name in _judged(run) for run in runs)]
    papers = any(arm.paper for source in sources for arm in study.arms_on(source))
    rows, record = [], []
    for source in sources:
        floor: dict[str, float] = {}
        for arm in study.arms_on(source):
            mine = _runs_of(arm, runs)
            if not mine:
                continue
            floor = mine[0].result["real"]
            rows.append(_arm_texts(arm, mine, study, figures, papers))
            record.append(_plain(arm, mine, figures))
        if floor:
            words = [_format(floor.get(name), study.figures[name]) for name in figures]
            rows.append([source, REAL, "", *words, *[""] * (2 + papers)])
    names = [WORDS[name] for name in figures]
    head = ["data", "technique", "seeds", *names, *["paper"] * papers, "seconds", "every seed"]
    arms = [arm for source in sources for arm in study.arms_on(source) if _runs_of(arm, runs)]
    seeds = count_seeds([len(_runs_of(arm, runs)) for arm in arms])
    gone = [f"{arm.name} on {arm.data}" for arm in arms if not _sample_file(arm, runs)]
    missing = f" Samples not drawn, as their files are gone: {', '.join(gone)}." if gone else ""
    return SweepTable(
        title=f"{study.name}: {study.summary}; {seeds}; mean ± standard deviation",
        head=head,
        rows=rows,
        numbers=range(2, len(head) - 1),
        note=NOTE + missing,
        runs=[("recipe", "data", "seed", "steps", "seconds", *figures), *map(_line(figures), runs)],
        record={"arms": record},
    )


def figures_line(run: FinishedRun) -> str:
    """Return the line that the command shows for a finished run."""
    figures = ", ".join(f"{WORDS[n]} {v:.3g}" for n, v in _judged(run).items() if n in WORDS)
    name = f"{run.settings['recipe']} on {run.settings['data']} seed {run.settings['seed']}"
    return f"{name}: {figures}, {run.result['seconds']:.0f} s"


def draw_study(folder: Path, study: RecipeStudy) -> list[Picture]:
    """Draw ``samples.png``, of the first seed side by side, and ``figures.png``, of all seeds.

    Returns:
        What was drawn: nothing of no runs, and no samples of runs whose pictures are gone.
    """
    runs = finished_runs(folder, place_by_recipe)
    sources = read_json(folder / "sweep.json")["settings"]["data"].split(",")
    arms = [arm for s in sources for arm in study.arms_on(s) if _runs_of(arm, runs)]
    drawn = {}
    if any(_sample_file(arm, runs) for arm in arms):
        alt = "samples of every technique, side by side"
        drawn["samples.png"] = Picture(_samples(arms, runs), alt)
    if arms:
        alt = "figures of every technique, a point for each seed; dotted: real rows"
        drawn["figures.png"] = Picture(_bars(sources, arms, runs, study), alt)
    for name, picture in drawn.items():
        replace_file(folder / name, picture.png)
    return list(drawn.values())


def _sample_file(arm: Arm, runs: Sequence[FinishedRun]) -> Path | None:
    """Return the last picture of samples of an arm's first seed, if it is still there."""
    return max((_runs_of(arm, runs)[0].folder / "samples").glob("*.png"), default=None)


def _judged(run: FinishedRun) -> dict[str, float]:
    judged: dict[str, float] = run.result["judged"]
    return judged


def _runs_of(arm: Arm, runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    wanted = (arm.recipe, arm.data)
    return [run for run in runs if (run.settings["recipe"], run.settings["data"]) == wanted]


def _values(runs: Sequence[FinishedRun], name: str) -> list[float]:
    return [_judged(run)[name] for run in runs if name in _judged(run)]


def _format(value: float | None, style: str) -> str:
    return "-" if value is None else format(value, style)


def _arm_texts(
    arm: Arm, runs: Sequence[FinishedRun], study: RecipeStudy, figures: Sequence[str], papers: bool
) -> list[str]:
    words = []
    for name in figures:
        values, style = _values(runs, name), study.figures[name]
        words.append(format_mean(mean_and_deviation(values), style, style) if values else "-")
    first = figures[0]
    seconds = mean_and_deviation([run.result["seconds"] for run in runs]).mean
    return [
        arm.data,
        arm.name,
        str(len(runs)),
        *words,
        *([format_mean(arm.paper, "g", "g")] * papers),
        f"{seconds:.0f}",
        ", ".join(format(value, study.figures[first]) for value in _values(runs, first)),
    ]


def _plain(arm: Arm, runs: Sequence[FinishedRun], figures: Sequence[str]) -> dict[str, Any]:
    return {
        "name": arm.name,
        "recipe": arm.recipe,
        "data": arm.data,
        "seeds": [run.settings["seed"] for run in runs],
        "figures": {name: _values(runs, name) for name in figures},
        "real": runs[0].result["real"],
        "paper": arm.paper and arm.paper._asdict(),
    }


def _line(figures: Sequence[str]) -> Any:
    def line(run: FinishedRun) -> tuple[Any, ...]:
        settings = run.settings
        who = (settings["recipe"], settings["data"], settings["seed"], settings["steps"])
        return (*who, run.result["seconds"], *(_judged(run).get(name, "") for name in figures))

    return line


# --- pictures ------------------------------------------------------------------------------------


def _samples(arms: Sequence[Arm], runs: Sequence[FinishedRun]) -> bytes:
    import numpy as np
    from matplotlib.figure import Figure
    from PIL import Image

    columns = min(len(arms), 6)
    rows = -(-len(arms) // columns)
    figure = Figure(figsize=(2.2 * columns, 2.5 * rows), layout="constrained")
    for place, arm in enumerate(arms):
        axes = figure.add_subplot(rows, columns, place + 1)
        if picture := _sample_file(arm, runs):
            axes.imshow(np.asarray(Image.open(picture)), cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"{arm.name}\n{arm.data}", fontsize=8)
        axes.axis("off")
    return figure_png(figure)


def _bars(
    sources: Sequence[str], arms: Sequence[Arm], runs: Sequence[FinishedRun], study: RecipeStudy
) -> bytes:
    from matplotlib.figure import Figure

    names = [name for name in study.figures if any(name in _judged(run) for run in runs)]
    height = 0.3 * len(arms) + 1.2 * len(sources)
    figure = Figure(figsize=(3.2 * len(names), height), layout="constrained")
    grid = figure.subplots(len(sources), len(names), squeeze=False)
    for row, source in zip(grid, sources, strict=True):
        here = [arm for arm in arms if arm.data == source]
        for axes, name in zip(row, names, strict=True):
            axes.set_visible(any(_values(_runs_of(arm, runs), name) for arm in here))
            for place, arm in enumerate(here):
                values = _values(_runs_of(arm, runs), name)
                axes.scatter(values, [place] * len(values), s=12, color="tab:blue")
            if here and name in (real := _runs_of(here[0], runs)[0].result["real"]):
                axes.axvline(real[name], color="grey", linestyle=":")
            axes.set_yticks(range(len(here)), [arm.name for arm in here], fontsize=7)
            axes.invert_yaxis()
            axes.set_title(f"{source}: {WORDS[name]}", fontsize=8)
            axes.tick_params(axis="x", labelsize=7)
    return figure_png(figure)
