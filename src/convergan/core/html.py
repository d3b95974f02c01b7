"""The look of every report: one self-contained HTML file, plots and pictures within it."""

import base64
import html
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

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
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums }}
img {{ max-width: 100% }}
pre {{ background: #f5f5f5; padding: 1rem; overflow-x: auto }}
.caution {{ background: #fff4d6; border-left: .3rem solid #c80; padding: .5rem 1rem }}
{style}</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


def page(title: str, parts: Iterable[str], style: str = "") -> bytes:
    """Return a page of UTF-8.

    Args:
        title: plain text.
        parts: HTML, in order.
        style: CSS that this page needs besides that of all.
    """
    return PAGE.format(title=html.escape(title), body="\n".join(parts), style=style).encode()


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int]) -> str:
    """Return a table.

    Args:
        head: plain text of each column's head.
        rows: plain text of the cells.
        numbers: columns that are numbers, to be aligned at their ends.

    Example:
        >>> table(["a", "b"], [["<", "1"]], numbers=[1]).count("<td class=number>1</td>")
        1
    """
    kinds = [" class=number" if place in numbers else "" for place in range(len(head))]

    def line(tag: str, texts: Sequence[str]) -> str:
        cells = zip(kinds, texts, strict=True)
        inner = "".join(f"<{tag}{kind}>{html.escape(text)}</{tag}>" for kind, text in cells)
        return f"<tr>{inner}</tr>"

    return f"<table>{line('th', head)}{''.join(line('td', row) for row in rows)}</table>"


def plot(draw: Callable[["Axes"], None], alt: str, legend: bool = True) -> str:
    """Draw on axes of a figure that no global state knows, and return it as an ``img`` tag."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    if legend:
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return image(buffer.getvalue(), alt)


def image(data: bytes, alt: str) -> str:
    """Return a PNG's bytes as an ``img`` tag that holds them."""
    encoded = base64.b64encode(data).decode()
    return f'<p><img src="data:image/png;base64,{encoded}" alt="{html.escape(alt)}"></p>'
