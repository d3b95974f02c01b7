"""One self-contained HTML file about a model of a table: what predicts, and how far to trust it.

The figures are out-of-fold where they are errors: of labelled rows, by classifiers that had not
seen them.
"""

import html
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.html import page, plot, table
from ..estimator import RiskTable
from .assessment import RowAssessment
from .fitting import TableFit, TrainingTable
from .reading import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LISTED = 20
"""Rows to label that the page shows; the file beside it has more."""


def model_page(
    opened: TrainingTable, fitted: TableFit, judged: RowAssessment, record: dict[str, Any]
) -> bytes:
    """Return the page, of UTF-8."""
    model = fitted.model
    parts = [*_summary(opened, fitted), _cautions(record["notices"])]
    parts += ["<h2>Labelled rows</h2>", _counts(opened)]
    parts += ["<h2>Errors of labels held out</h2>", _guard(record["guard"])]
    if model.risk_table_ is not None:
        parts += ["<h2>Errors by confidence</h2>", _risk(model.risk_table_)]
    parts += ["<h2>Losses</h2>", _losses(model.history_)] if any(model.history_) else []
    if judged.log_d is not None:
        parts += ["<h2>Labelled against unlabelled rows</h2>"]
        parts += [_log_d(judged.log_d, judged.labeled, record["diagnostics"])]
    if len(judged.to_label):
        parts += ["<h2>Rows to label next</h2>", _to_label(judged)]
    parts += ["<h2>Record</h2>", f"<pre>{html.escape(json.dumps(record, indent=2))}</pre>"]
    return page(f"{opened.options.target} from {opened.file.name}", filter(None, parts))


def _summary(opened: TrainingTable, fitted: TableFit) -> list[str]:
    model, labeled = fitted.model, sum(opened.labels.counts.values())
    members = f" of {len(model.history_)} classifiers" if len(model.history_) > 1 else ""
    what = {"gan": f"The semi-supervised GAN{members}", "twin": "The supervised twin"}.get(
        model.selected_, model.selected_.capitalize()
    )
    texts = [
        f"{len(opened.features):,} rows, {labeled:,} of them labelled, of "
        f"{len(opened.labels.counts):,} classes; {opened.features.shape[1]:,} features from "
        f"{len(opened.columns):,} columns; {fitted.seconds:,.1f} seconds on {model.device_}.",
        f"{what} predicts: {model.guard_report_.reason}.",
    ]
    return [f"<p>{html.escape(text)}</p>" for text in texts]


def _cautions(notices: Sequence[str]) -> str:
    if not notices:
        return ""
    lines = "".join(f"<li>{html.escape(notice)}</li>" for notice in notices)
    return f"<div class=caution><p>To be looked at:</p><ul>{lines}</ul></div>"


def _counts(opened: TrainingTable) -> str:
    rows = [(name, f"{count:,}") for name, count in opened.labels.counts.items()]
    rows.append(("no label", f"{len(opened.features) - sum(opened.labels.counts.values()):,}"))
    return table(("class", "rows"), rows, numbers=(1,))


def _guard(guard: dict[str, Any]) -> str:
    if not guard["errors"]:
        return f"<p>None were held out: {html.escape(guard['reason'])}.</p>"
    rows = [
        (
            name,
            f"{error:.2%}",
            f"{guard['pvalues'][name]:.3g}" if name in guard["pvalues"] else "-",
            "predicts" if name == guard["selected"] else "",
        )
        for name, error in guard["errors"].items()
    ]
    text = (
        f"{guard['rows']:,} labelled rows were held out in {guard['folds']} folds and predicted by "
        "single classifiers that had not seen them. The p-value is that of being right as often as "
        "the GAN on the same rows (McNemar, exact)."
    )
    head = ("candidate", "error", "p against the GAN", "")
    return f"<p>{text}</p>" + table(head, rows, numbers=(1, 2))


def _risk(risk: RiskTable) -> str:
    def draw(axes: "Axes") -> None:
        share, middle = 100 * np.array(risk.coverage), 100 * np.array(risk.risk)
        below, above = middle - 100 * np.array(risk.low), 100 * np.array(risk.high) - middle
        axes.errorbar(share, middle, np.stack([below, above]), marker="o", capsize=3)
        axes.set(xlabel="rows answered, the surest first, %", ylabel="wrong, %", ylim=(0, None))

    columns = (risk.threshold, risk.coverage, risk.rows, risk.risk, risk.low, risk.high)
    rows = [
        (f"{threshold:.4f}", f"{coverage:.1%}", f"{count:,}", f"{wrong:.2%}", f"{a:.2%} to {b:.2%}")
        for threshold, coverage, count, wrong, a, b in zip(*columns, strict=True)
    ]
    head = ("reject below", "answered", "rows", "wrong", f"{risk.level:.0%} interval")
    picture = plot(draw, "share of wrong rows against share of answered rows", legend=False)
    return picture + table(head, rows, numbers=(0, 1, 2, 3, 4))


def _losses(histories: Sequence[Sequence[dict[str, float]]]) -> str:
    names = [name for name in histories[0][0] if name.endswith("_loss")]

    def draw(axes: "Axes") -> None:
        for colour, name in enumerate(names):
            for number, history in enumerate(histories):
                axes.plot(
                    [line["step"] for line in history],
                    [line[name] for line in history],
                    color=f"C{colour}",
                    alpha=0.4 if number else 1.0,
                    label=None if number else name.replace("_", " "),
                )
        axes.set(xlabel="step", ylabel="loss")

    return plot(draw, "losses against steps")


def _log_d(log_d: Array, labeled: Array, diagnostics: dict[str, float]) -> str:
    groups = [("labelled", log_d[labeled]), ("unlabelled", log_d[~labeled])]
    groups = [(name, values) for name, values in groups if len(values)]

    def draw(axes: "Axes") -> None:
        bins = np.histogram_bin_edges(log_d, bins=30)
        for name, values in groups:
            weights = np.full(len(values), 100 / len(values))
            axes.hist(values, bins=bins.tolist(), weights=weights, alpha=0.6, label=name)
        axes.set(xlabel="log D, low where a row is unlike those trained on", ylabel="rows, %")

    text = "Where the two differ, unlabelled rows may be of other classes than labelled ones."
    if "pvalue" in diagnostics:
        text += f" A two-sample test of the rows gives p = {diagnostics['pvalue']:.2g}."
    return f"<p>{text}</p>" + plot(draw, "log D of labelled and of unlabelled rows")


def _to_label(judged: RowAssessment) -> str:
    shown = judged.to_label.head(LISTED)
    rows = [[*map(str, line[:-1]), f"{line[-1]:.3f}"] for line in shown.itertuples(index=False)]
    text = (
        "Unsure rows that stand for other unsure ones, the first first; rows are counted from 0. "
        f"The file to_label.csv has {len(judged.to_label):,}."
    )
    head = list(map(str, shown.columns))
    return f"<p>{text}</p>" + table(head, rows, numbers=(0, len(head) - 1))
