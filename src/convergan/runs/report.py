"""One self-contained HTML file about a run: curves, samples, confusion matrix, table."""

import html
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.files import read_json
from ..core.html import image, page, plot
from ..core.html import table as html_table
from .reading import read_config, table
from ..core.files import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a run folder from what is there, finished or not.

    Raises:
        ValueError: if ``folder`` is no run.
    """
    config = read_config(folder)
    settings = config["settings"]
    log = folder / "metrics.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    result = read_json(folder / "result.json") if (folder / "result.json").exists() else {}
    parts = [_paragraph(settings, result, lines)]
    rows = table(folder)
    if any(row.test_error is not None for row in rows):
        parts.append("<h2>Test error</h2>" + _table([vars(row) for row in rows]))
    if "judged" in result:
        parts.append("<h2>Samples against real rows</h2>" + _judged(result))
    if lines:
        parts.append("<h2>Curves</h2>" + _curves(lines))
    if pictures := sorted((folder / "samples").glob("*.png")):
        parts.append(f"<h2>Samples after {int(pictures[-1].stem[5:]):,} steps</h2>")
        parts.append(image(pictures[-1].read_bytes(), "grid of generated samples"))
    if "confusion" in result:
        parts.append("<h2>Confusion matrix</h2>")
        parts.append(_confusion(result["confusion"], config["classes"]))
    parts.append(f"<h2>Settings</h2><pre>{html.escape(json.dumps(config, indent=2))}</pre>")
    title = f"{settings['recipe']} on {settings['data']}"
    file = folder / "report.html"
    replace_file(file, page(title, parts))
    return file


def _paragraph(
    settings: dict[str, Any], result: dict[str, Any], lines: list[dict[str, Any]]
) -> str:
    done = lines[-1]["step"] if lines else 0
    text = f"{settings['labels']:,} labels, seed {settings['seed']}, {settings['device']}; "
    if not result:
        return f"<p>{html.escape(text)}not finished: {done:,} of {settings['steps']:,} steps.</p>"
    text += f"{result['steps']:,} steps in {result['seconds']:,.0f} seconds."
    digest = f"<p>Hash of the final state: <code>{result['state_sha256']}</code></p>"
    return f"<p>{html.escape(text)}</p>{digest}"


def _table(rows: list[dict[str, Any]]) -> str:
    cells = [
        (
            row["name"],
            "-" if row["test_error"] is None else f"{row['test_error']:.2%}",
            f"{row['seconds']:.1f}",
            row["note"],
        )
        for row in rows
    ]
    return html_table(("method", "test error", "seconds", "note"), cells, numbers=(1, 2))


def _judged(result: dict[str, Any]) -> str:
    rows = [
        (name.replace("_", " "), f"{value:.4g}", f"{result['real'][name]:.4g}")
        for name, value in result["judged"].items()
    ]
    return html_table(("", "samples", "real rows"), rows, numbers=(1, 2))


def _curves(lines: list[dict[str, Any]]) -> str:
    stepped = [line for line in lines if any(name.endswith("_loss") for name in line)]
    losses = [name for name in (stepped or [{}])[0] if name.endswith("_loss")]
    measures = {"test_error": "averaged weights", "test_error_last": "last weights"}
    measured = [line for line in lines if "test_error" in line]

    def draw_losses(axes: "Axes") -> None:
        for name in losses:
            values = [line[name] for line in stepped]
            axes.plot([line["step"] for line in stepped], values, label=name.replace("_", " "))
        axes.set(xlabel="step", ylabel="loss")

    def draw_errors(axes: "Axes") -> None:
        for name, label in measures.items():
            values = [100 * line[name] for line in measured]
            axes.plot([line["step"] for line in measured], values, marker=".", label=label)
        axes.set(xlabel="step", ylabel="test error, %", ylim=(0, None))

    pictures = plot(draw_losses, "losses against steps") if stepped else ""
    return pictures + (plot(draw_errors, "test error against steps") if measured else "")


def _confusion(counts: list[list[int]], classes: list[str]) -> str:
    def draw(axes: "Axes") -> None:
        axes.imshow(counts, cmap="Blues")
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_xticks(range(len(classes)), classes, rotation=90)
        axes.set_yticks(range(len(classes)), classes)
        if len(classes) > 20:
            return
        darkest = max(max(row) for row in counts)
        for i, row in enumerate(counts):
            for j, count in enumerate(row):
                colour = "white" if count > darkest / 2 else "black"
                axes.text(j, i, str(count), ha="center", va="center", color=colour, fontsize=7)

    return plot(draw, "confusion matrix", legend=False)
