"""One self-contained HTML file about a run: curves, samples, confusion matrix, table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.environment import environment_rows
from ..core.files import read_fields, replace_file
from ..core.html import (
    Folded,
    Paragraph,
    Part,
    Picture,
    Preformatted,
    Section,
    Table,
    plot,
    render,
)
from .baselines import COLUMNS, Baseline
from .code import summary_of_code
from .log import read_log
from .probe import FILE as PROBE
from .reading import GAN, TWIN, read_config, read_result, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LISTED_CLASSES = 20
"""The confusion matrix of more classes is a picture without counts."""


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a run folder from what is there, finished or not.

    Args:
        folder: of the run.

    Raises:
        DataError: if ``folder`` is no run.
        DamagedFileError: if a file of it is damaged.
    """
    config = read_config(folder)
    settings = config["settings"]
    lines = read_log(folder / "metrics.jsonl")
    result = read_result(folder) or {}
    methods = table(folder)
    sections = [
        Section("", [*_opening(settings, result, lines, methods), *_code(config)]),
        _samples(folder),
        Section("Test error", _errors(methods)),
        Section("Samples against real rows", _judged(result)),
        Section("Curves", _curves(lines, methods)),
    ]
    if (folder / PROBE).exists():
        sections.append(Section("Probes", _probes(read_fields(folder / PROBE))))
    if "confusion" in result:
        counts = _confusion(result["confusion"], config["classes"])
        sections.append(Section("Confusion matrix", counts))
    sections.append(Section("How it was made", _made(folder, config, result)))
    file = folder / "report.html"
    replace_file(file, render(f"{settings['recipe']} on {settings['data']}", sections))
    return file


def _opening(
    settings: dict[str, Any],
    result: dict[str, Any],
    lines: Sequence[Mapping[str, Any]],
    methods: list[Baseline],
) -> list[Paragraph]:
    """Say what came out, and then what was asked for."""
    done = lines[-1]["step"] if lines else 0
    came_out = outcome(settings, result, done, methods)
    labels = f"{settings['labels']:,} labels" if settings["labels"] else "No labels"
    text = f"{labels}, seed {settings['seed']}, {settings['device']}."
    if result:
        text = f"{text[:-1]}; {result['steps']:,} steps in {result['seconds']:,.0f} seconds."
    return [Paragraph(came_out, lead=True), Paragraph(text)]


def outcome(
    settings: dict[str, Any], result: dict[str, Any], done: int, methods: list[Baseline]
) -> str:
    """Return what came out of a run, in a sentence or two.

    Args:
        settings: of the run.
        result: as ``result.json`` has it, empty while it is not finished.
        done: steps.
        methods: the rows of its table.
    """
    if not result:
        return f"Not finished: {done:,} of {settings['steps']:,} steps."
    if result.get("test_error") is not None:
        return _error_sentence(settings["labels"], result, methods)
    if judged := result.get("judged"):
        return _judged_sentence(judged, result["real"])
    return "A generator was trained; its samples are below."


def _error_sentence(labels: int, result: dict[str, Any], methods: list[Baseline]) -> str:
    """Return the error, with its interval where the number of test rows is known, and the next."""
    error = result["test_error"]
    rows = sum(map(sum, result["confusion"])) if "confusion" in result else 0
    spread = ""
    if rows:
        from scipy.stats import binomtest

        found = binomtest(round(error * rows), rows).proportion_ci()
        spread = f" (95 % interval {100 * found.low:.2f} to {100 * found.high:.2f})"
    said = f"{100 * error:.2f} % of {f'{rows:,} ' if rows else ''}test rows are wrong{spread}"
    said += f", with {labels:,} labels."
    others = [row for row in methods if row.name != GAN and row.test_error is not None]
    if not others:
        return said
    best = min(others, key=lambda row: row.test_error or 0.0)
    twin = next((row for row in others if row.name == TWIN and row is not best), None)
    beside = f" Beside it on the same labels: {_named(best)}"
    return f"{said}{beside}{f', {_named(twin)}' if twin else ''}."


def _named(row: Baseline) -> str:
    return f"{row.name} {100 * (row.test_error or 0.0):.2f} %"


def _judged_sentence(judged: dict[str, float], real: dict[str, float]) -> str:
    """Return the first two figures, and those of real rows."""
    said = [
        f"{name.replace('_', ' ')} {value:.4g} (real rows {real[name]:.4g})"
        for name, value in list(judged.items())[:2]
    ]
    return f"Samples: {', '.join(said)}."


def _samples(folder: Path) -> Section:
    pictures = sorted((folder / "samples").glob("*.png"))
    if not pictures:
        return Section("", [])
    newest = pictures[-1]
    shown = Picture(newest.read_bytes(), "grid of generated samples", enlarged=True)
    return Section(f"Samples after {int(newest.stem[5:]):,} steps", [shown])


def _made(folder: Path, config: dict[str, Any], result: dict[str, Any]) -> list[Part]:
    """Return the command, the machine and the hash, and all settings when they are asked for."""
    parts: list[Part] = [*environment_rows(folder)]
    if "state_sha256" in result:
        parts.append(Paragraph(f"Hash of the final state: {result['state_sha256']}"))
    return [*parts, Folded("All settings", Preformatted(json.dumps(config, indent=2)))]


def _code(config: dict[str, Any]) -> list[Paragraph]:
    said = summary_of_code(config)
    return [Paragraph(said)] if said else []


def _errors(rows: list[Baseline]) -> list[Table]:
    if all(row.test_error is None for row in rows):
        return []
    return [Table(COLUMNS, [row.texts() for row in rows], numbers=(1, 2))]


def _judged(result: dict[str, Any]) -> list[Table]:
    rows = [
        (name.replace("_", " "), f"{value:.4g}", f"{result['real'][name]:.4g}")
        for name, value in result.get("judged", {}).items()
    ]
    return [Table(("figure", "samples", "real rows"), rows, numbers=(1, 2))] if rows else []


def _curves(lines: Sequence[Mapping[str, Any]], methods: list[Baseline]) -> list[Picture]:
    """Draw the losses, and the error where it was measured more than once."""
    stepped = [line for line in lines if any(name.endswith("_loss") for name in line)]
    losses = [name for name in (stepped or [{}])[0] if name.endswith("_loss")]
    measures = {"test_error": "averaged weights", "test_error_last": "last weights"}
    measured = [line for line in lines if "test_error" in line]
    others = [row for row in methods if row.name != GAN and row.test_error is not None]

    def draw_losses(axes: "Axes") -> None:
        for name in losses:
            values = [line[name] for line in stepped]
            axes.plot([line["step"] for line in stepped], values, label=name.replace("_", " "))
        axes.set(xlabel="step", ylabel="loss")

    def draw_errors(axes: "Axes") -> None:
        for name, label in measures.items():
            values = [100 * line[name] for line in measured]
            axes.plot([line["step"] for line in measured], values, marker=".", label=label)
        for number, row in enumerate(others):
            level, colour = 100 * (row.test_error or 0.0), f"C{number + len(measures)}"
            axes.axhline(level, linestyle="--", linewidth=1, color=colour, label=row.name)
        axes.set(xlabel="step", ylabel="test error, %", ylim=(0, None))

    curves = [plot(draw_losses, "losses against steps")] if len(stepped) > 1 else []
    if len(measured) > 1:
        curves.insert(0, plot(draw_errors, "test error against steps, other methods as lines"))
    return curves


def _probes(found: dict[str, Any]) -> list[Paragraph | Picture | Table]:
    """Show what `convergan.runs.probe` found."""
    kinds = ("mean", "mean and covariance", "data")

    def draw(axes: "Axes") -> None:
        for method, curve in found["moments"].items():
            for kind, style in zip(kinds, (":", "--", "-"), strict=True):
                errors = [100 * point[kind] for point in curve]
                steps = [point["step"] for point in curve]
                axes.plot(steps, errors, style, marker=".", label=f"{method}, {kind}")
        axes.set(xlabel="step", ylabel="error, %", ylim=(0, None))

    shown: list[Paragraph | Picture | Table] = [
        Paragraph(
            "Errors on Gaussian clones of the test rows, which keep nothing of a class but its "
            "mean, or its mean and covariance (Refinetti et al., 2023): what is right on clones "
            "needs no more than these moments."
        ),
        plot(draw, "errors on test rows and on their clones against steps"),
        Paragraph(
            "Sharpness: by how many percent the loss, plus one, rises in a small box around the "
            "final weights (Keskar et al., 2017)."
        ),
    ]
    runs = [("this run", row["method"], row) for row in found["sharpness"]]
    for other in found["batch_sizes"]:
        name = f"batch of {other['batch_size']:,}, test error {other['test_error']:.2%}"
        runs += [(name, GAN, row) for row in other["sharpness"]]
    rows = [
        (name, method, row["rows"], f"{row['epsilon']:g}", f"{row['sharpness']:.3g}")
        for name, method, row in runs
    ]
    head = ("run", "method", "loss of", "epsilon", "sharpness")
    return [*shown, Table(head, rows, numbers=(3, 4))]


def _confusion(counts: list[list[int]], classes: list[str]) -> list[Picture | Folded]:
    few = len(classes) <= LISTED_CLASSES

    def draw(axes: "Axes") -> None:
        axes.imshow(counts, cmap="Blues")
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_xticks(range(len(classes)), classes, rotation=90, parse_math=False)
        axes.set_yticks(range(len(classes)), classes, parse_math=False)
        if not few:
            return
        darkest = max(max(row) for row in counts)
        for i, row in enumerate(counts):
            for j, count in enumerate(row):
                colour = "white" if count > darkest / 2 else "black"
                axes.text(j, i, str(count), ha="center", va="center", color=colour, fontsize=7)

    picture = plot(draw, "confusion matrix", legend=False)
    if not few:
        return [picture]
    rows = [(name, *map(str, row)) for name, row in zip(classes, counts, strict=True)]
    head = ("true class", *classes)
    numbers = range(1, len(head))
    return [
        picture,
        Folded(
            "Counts: a row for each true class, a column for each predicted one",
            Table(head, rows, numbers),
        ),
    ]
