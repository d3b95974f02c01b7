"""One self-contained HTML file about a run: curves, samples, confusion matrix, table."""

import base64
import html
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .folders import read_json
from .run import read_config, table
from .training.checkpoint import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 1rem }}
table {{ border-collapse: collapse }}
td, th {{ padding: .2rem .8rem; border-bottom: 1px solid #ccc; text-align: left }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums }}
img {{ max-width: 100% }}
pre {{ background: #f5f5f5; padding: 1rem; overflow-x: auto }}
</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


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
        parts.append(_image(pictures[-1].read_bytes(), "grid of generated samples"))
    if "confusion" in result:
        parts.append("<h2>Confusion matrix</h2>")
        parts.append(_confusion(result["confusion"], config["classes"]))
    parts.append(f"<h2>Settings</h2><pre>{html.escape(json.dumps(config, indent=2))}</pre>")
    title = f"{settings['recipe']} on {settings['data']}"
    page = PAGE.format(title=html.escape(title), body="\n".join(parts))
    file = folder / "report.html"
    replace_file(file, page.encode())
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
    head = "<tr><th>method</th><th>test error</th><th>seconds</th><th>note</th></tr>"
    body = "".join(
        f"<tr><td>{html.escape(row['name'])}</td>"
        f"<td class=number>{'-' if row['test_error'] is None else format(row['test_error'], '.2%')}"
        f"</td><td class=number>{row['seconds']:.1f}</td><td>{html.escape(row['note'])}</td></tr>"
        for row in rows
    )
    return f"<table>{head}{body}</table>"


def _judged(result: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name.replace('_', ' '))}</td>"
        f"<td class=number>{value:.4g}</td><td class=number>{result['real'][name]:.4g}</td></tr>"
        for name, value in result["judged"].items()
    )
    return f"<table><tr><th></th><th>samples</th><th>real rows</th></tr>{rows}</table>"


def _curves(lines: list[dict[str, Any]]) -> str:
    losses = [name for name in lines[0] if name.endswith("_loss")]
    measures = {"test_error": "averaged weights", "test_error_last": "last weights"}
    measured = [line for line in lines if "test_error" in line]

    def draw_losses(axes: "Axes") -> None:
        for name in losses:
            values = [line[name] for line in lines]
            axes.plot([line["step"] for line in lines], values, label=name.replace("_", " "))
        axes.set(xlabel="step", ylabel="loss")

    def draw_errors(axes: "Axes") -> None:
        for name, label in measures.items():
            values = [100 * line[name] for line in measured]
            axes.plot([line["step"] for line in measured], values, marker=".", label=label)
        axes.set(xlabel="step", ylabel="test error, %", ylim=(0, None))

    pictures = _plot(draw_losses, "losses against steps")
    return pictures + (_plot(draw_errors, "test error against steps") if measured else "")


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

    return _plot(draw, "confusion matrix", legend=False)


def _plot(draw: Callable[["Axes"], None], alt: str, legend: bool = True) -> str:
    """Draw on axes of a figure that no global state knows, and return it as an ``img`` tag."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    if legend:
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return _image(buffer.getvalue(), alt)


def _image(data: bytes, alt: str) -> str:
    encoded = base64.b64encode(data).decode()
    return f'<p><img src="data:image/png;base64,{encoded}" alt="{alt}"></p>'
