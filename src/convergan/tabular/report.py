"""One self-contained HTML file about a model of a table: its classifier and its errors.

Errors are out-of-fold: of labelled rows, predicted by classifiers that had not seen their labels.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.html import (
    Caution,
    Paragraph,
    Part,
    Picture,
    Preformatted,
    Section,
    Table,
    plot,
    render,
)
from ..estimator import RiskTable, SemiSupervisedGANClassifier
from .assessment import RowAssessment
from .findings import (
    OPINIONS,
    OPINIONS_MEANING,
    SOURCES,
    held_out_error,
    opinion_rows,
    share_rows,
)
from .fitting import TableFit, TrainingTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LISTED = 20
"""Rows to label that the page shows; the file beside it has more."""


def model_page(
    table: TrainingTable, fitted: TableFit, assessment: RowAssessment, record: dict[str, Any]
) -> bytes:
    """Return the page, of UTF-8."""
    model = fitted.model
    sections = [
        Section("", _summary(table, fitted, record["notices"])),
        Section("Labelled rows", [_counts(table)]),
        *classifier_sections(model),
        Section("Labelled against unlabelled rows", _log_d(assessment, record["diagnostics"])),
        Section("Rows to label next", _to_label(assessment)),
        Section("Settings and results", [Preformatted(json.dumps(record, indent=2))]),
    ]
    return render(f"{table.options.target} from {table.file.name}", sections)


def classifier_sections(model: SemiSupervisedGANClassifier) -> list[Section]:
    """Return what any page says of a fitted classifier."""
    return [
        Section("What each opinion was worth here", _opinions(model)),
        Section("Shares of the classes", _shares(model)),
        Section("Errors by confidence", _risk(model.risk_table_) if model.risk_table_ else []),
        Section("Losses", [_losses(model.history_)] if any(model.history_) else []),
    ]


def _summary(table: TrainingTable, fitted: TableFit, notices: Sequence[str]) -> list[Part]:
    model, labeled = fitted.model, sum(table.labels.counts.values())
    texts = [
        f"{len(table.features):,} rows, {labeled:,} of them labelled, of "
        f"{len(table.labels.counts):,} classes; {table.features.shape[1]:,} features from "
        f"{len(table.columns):,} columns; {fitted.seconds:,.1f} seconds on {model.device_}.",
    ]
    return [*map(Paragraph, texts), *([Caution(notices)] if notices else [])]


def _counts(table: TrainingTable) -> Table:
    rows = [(name, f"{count:,}") for name, count in table.labels.counts.items()]
    rows.append(("no label", f"{len(table.features) - sum(table.labels.counts.values()):,}"))
    return Table(("class", "rows"), rows, numbers=(1,))


def _opinions(model: SemiSupervisedGANClassifier) -> list[Part]:
    error = held_out_error(model.risk_table_)
    text = f"{error[0].upper()}{error[1:]}."
    if model.risk_table_ is not None:
        text += (
            " Here the pool of the opinions that are not taught by others answers, with powers "
            "fitted to the other labels."
        )
    return [
        Paragraph(text),
        Paragraph(OPINIONS_MEANING),
        Table(OPINIONS, opinion_rows(model), numbers=(1, 2, 3)),
    ]


def _shares(model: SemiSupervisedGANClassifier) -> list[Part]:
    source = SOURCES[model.class_shares_.source]
    text = f"Predictions are made for these shares of the classes: {source}."
    return [Paragraph(text), Table(("class", "share", ""), share_rows(model), numbers=(1, 2))]


def _risk(risk: RiskTable) -> list[Part]:
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
    return [picture, Table(head, rows, numbers=range(5))]


def _losses(histories: Sequence[Sequence[dict[str, float]]]) -> Picture:
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


def _log_d(assessment: RowAssessment, diagnostics: dict[str, float]) -> list[Part]:
    if (log_d := assessment.log_d) is None:
        return []
    groups = [("labelled", log_d[assessment.labeled]), ("unlabelled", log_d[~assessment.labeled])]
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
    return [Paragraph(text), plot(draw, "log D of labelled and of unlabelled rows")]


def _to_label(assessment: RowAssessment) -> list[Part]:
    if not len(assessment.to_label):
        return []
    shown = assessment.to_label.head(LISTED)
    rows = [[*map(str, line[:-1]), f"{line[-1]:.3f}"] for line in shown.itertuples(index=False)]
    text = (
        "Uncertain rows that represent other uncertain ones, most useful first, counted from 0. "
        f"The file to_label.csv has {len(assessment.to_label):,}."
    )
    head = list(map(str, shown.columns))
    return [Paragraph(text), Table(head, rows, numbers=(0, len(head) - 1))]
