"""One self-contained HTML file about a model of a table: its classifier and its errors.

Errors are out-of-fold: of labelled rows, predicted by classifiers that had not seen their labels.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.html import (
    Caution,
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
from ..estimator import RiskTable, SemiSupervisedGANClassifier
from .assessment import RowAssessment
from .findings import (
    INTERVAL,
    OPINIONS,
    OPINIONS_MEANING,
    SOURCES,
    error_in_words,
    opinion_rows,
    share_rows,
)
from .fitting import TableFit, TrainingTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LISTED = 20
"""Rows to label that the page shows; the file beside it has more."""


def model_page(
    table: TrainingTable,
    fitted: TableFit,
    assessment: RowAssessment,
    record: dict[str, Any],
    made: Sequence[Table],
) -> bytes:
    """Return the page, of UTF-8.

    Args:
        table: what was learned from.
        fitted: the classifier.
        assessment: what it says of the rows.
        record: what ``record.json`` says.
        made: where and how it was made, of `convergan.core.environment.environment_rows`.
    """
    model = fitted.model
    sections = [
        Section("", _summary(table, fitted, record["notices"])),
        *classifier_sections(model),
        Section("Labelled rows", [_counts(table)]),
        Section("Rows to label next", _to_label(assessment)),
        Section("Labelled against unlabelled rows", _log_d(assessment, record["diagnostics"])),
        made_section(model, record, made),
    ]
    return render(f"{table.options.target} from {table.file.name}", sections)


def classifier_sections(model: SemiSupervisedGANClassifier) -> list[Section]:
    """Return what any page says of a fitted classifier."""
    return [
        Section(
            "Errors by confidence", _risk(model, model.risk_table_) if model.risk_table_ else []
        ),
        Section("What each opinion was worth here", _opinions(model)),
        Section("Shares of the classes", _shares(model)),
    ]


def made_section(
    model: SemiSupervisedGANClassifier, record: dict[str, Any], made: Sequence[Table]
) -> Section:
    """Return how a classifier was made: command, date and machine, losses and settings folded."""
    losses = [Folded("Losses", _losses(model.history_))] if any(model.history_) else []
    settings = Folded("Settings and results", Preformatted(json.dumps(record, indent=2)))
    return Section("How it was made", [*made, *losses, settings])


def _summary(table: TrainingTable, fitted: TableFit, notices: Sequence[str]) -> list[Part]:
    model, labeled = fitted.model, sum(table.labels.counts.values())
    text = (
        f"{len(table.features):,} rows, {labeled:,} of them labelled, of "
        f"{len(table.labels.counts):,} classes; {table.features.shape[1]:,} features from "
        f"{len(table.columns):,} columns; {fitted.seconds:,.1f} seconds on {model.device_}."
    )
    return [
        Paragraph(_came_out(model.risk_table_), lead=True),
        Paragraph(text if model.risk_table_ is None else f"{text} {INTERVAL}"),
        *([Caution(notices)] if notices else []),
    ]


def _came_out(risk: RiskTable | None) -> str:
    """Return the error of held-out labels: the first line answers every one of them."""
    if risk is None:
        return "Nothing can be said about errors: no class has two labels, so none can be held out."
    rows, share = risk.rows[0], risk.risk[0]
    how = f"measured on {rows:,} labelled rows, held out in turn"
    return error_in_words(rows, round(share * rows), risk.low[0], risk.high[0], how)


def _counts(table: TrainingTable) -> Table:
    rows = [(name, f"{count:,}") for name, count in table.labels.counts.items()]
    rows.append(("no label", f"{len(table.features) - sum(table.labels.counts.values()):,}"))
    return Table(("class", "rows"), rows, numbers=(1,))


def _opinions(model: SemiSupervisedGANClassifier) -> list[Part]:
    return [Paragraph(OPINIONS_MEANING), Table(OPINIONS, opinion_rows(model), numbers=(1, 2, 3))]


def _shares(model: SemiSupervisedGANClassifier) -> list[Part]:
    source = SOURCES[model.class_shares_.source]
    text = f"Predictions are made for these shares of the classes: {source}."
    return [Paragraph(text), Table(("class", "share", ""), share_rows(model), numbers=(1, 2))]


def _risk(model: SemiSupervisedGANClassifier, risk: RiskTable) -> list[Part]:
    share, low, high = (100 * np.array(part) for part in (risk.coverage, risk.low, risk.high))
    alone = _errors_alone(model)

    def draw(axes: "Axes") -> None:
        axes.fill_between(share, low, high, alpha=0.2, label=f"{100 * risk.level:.0f} % interval")
        axes.plot(share, 100 * np.array(risk.risk), marker="o", label="all opinions together")
        for number, (level, names) in enumerate(alone.items(), start=1):
            label = f"{', '.join(names)} alone"
            axes.axhline(100 * level, color=f"C{number}", linestyle="--", linewidth=1, label=label)
        axes.set(xlabel="rows answered, the surest first, %", ylabel="wrong, %")
        axes.figure.legend(loc="outside lower center", ncols=2)  # where it hides no line

    columns = (risk.threshold, risk.coverage, risk.rows, risk.risk, risk.low, risk.high)
    rows = [
        (f"{threshold:.4f}", f"{coverage:.1%}", f"{count:,}", f"{wrong:.2%}", f"{a:.2%} to {b:.2%}")
        for threshold, coverage, count, wrong, a, b in zip(*columns, strict=True)
    ]
    head = ("reject below", "answered", "rows", "wrong", f"{100 * risk.level:.0f} % interval")
    text = (
        "Labels that were held out, predicted by the pool of the opinions that are not taught by "
        "others, with powers fitted to the other labels. Whoever leaves the least sure rows "
        "unanswered, as by --reject-below, is wrong less often among the others."
    )
    picture = plot(draw, "wrong rows against answered rows, opinions as lines", legend=False)
    return [picture, Paragraph(text), Table(head, rows, numbers=range(5))]


def _errors_alone(model: SemiSupervisedGANClassifier) -> dict[float, list[str]]:
    """Return the names of the opinions by their errors, those together that err as often."""
    found = defaultdict(list)
    for opinion in model.opinions_:
        if opinion.error is not None:
            found[opinion.error].append(opinion.name)
    return found


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
