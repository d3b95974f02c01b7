"""Predictions of a table's rows by a model of another table."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binomtest

from ..data import DataError
from ..data.text_tables import plain_name
from .columns import CATEGORY, read_features
from .findings import find_pvalues, why_no_pvalues
from .model_folder import TableModel
from .naming import first_names
from .reading import FOUND_OUT, Array, Frame, Table, TableFormat, file_sha256, read_table
from .target import INTEGERS, TRUTH, canonical_label, label_texts
from .text_columns import Report, embed_column, network_of

UNLIKE = 0.01
"""p-value below which a row is counted as unlike the unlabelled rows that were fitted to."""


class ErrorRate(NamedTuple):
    """The error of the predictions of labelled rows.

    Attributes:
        rows: labelled rows with a prediction.
        wrong: those of them whose prediction is wrong.
        low: lower end of the exact 95 % interval of the share of wrong rows.
        high: its upper end.
    """

    rows: int
    wrong: int
    low: float
    high: float


def error_rate(wrong: int, rows: int) -> ErrorRate:
    """Return the share of wrong rows with its exact interval (Clopper & Pearson, 1934)."""
    interval = binomtest(wrong, rows).proportion_ci()
    return ErrorRate(rows, wrong, float(interval.low), float(interval.high))


class Predictions(NamedTuple):
    """Predictions for a table.

    Attributes:
        table: a frame to be written.
        counts: rows of each predicted class by its name, in the order of classes.
        rejected: rows without a prediction.
        unlike: rows with a p-value below 0.01, or None where there are no p-values.
        error: None where no labelled row has a prediction.
        notices: what the user should know.
    """

    table: Frame
    counts: dict[str, int]
    rejected: int
    unlike: int | None
    error: ErrorRate | None
    notices: list[str]


class RowPredictions(NamedTuple):
    """Predictions of n rows.

    Attributes:
        probabilities: (n, K).
        codes: (n,) the most probable class, in ``0 .. K - 1``.
        sure: (n,) whether it is probable enough for a prediction.
        pvalues: (n,) of being unlike the unlabelled rows, or None where the model has none.
    """

    probabilities: Array
    codes: Array
    sure: Array
    pvalues: Array | None


def predict_table(
    model: TableModel,
    file: Path,
    *,
    keep: Sequence[str] = (),
    all_classes: bool = False,
    reject_below: float = 0.0,
    form: TableFormat = FOUND_OUT,
    as_written: bool = False,
    report: Report | None = None,
) -> Predictions:
    """Predict the rows of a table, whose columns are found by name.

    Args:
        model: of `convergan.tabular.model_folder.read_model`.
        file: of the table, as for `convergan.tabular.reading.read_table`.
        form: separator, encoding and decimal mark of text, where they are known.
        keep: columns to copy as they are; without any, rows are numbered from 0.
        all_classes: whether to add the probability of each class.
        reject_below: rows whose class is less probable get no prediction.
        as_written: whether whole numbers are text as in the file that was fitted to, such as 1.0.
        report: is called with the progress of the features of texts.

    Raises:
        ValueError: if an argument cannot be used.
        DataError: if the table lacks a column, or cannot be read.
    """
    if not 0 <= reject_below <= 1:
        raise ValueError(f"--reject-below must be from 0 to 1, got {reject_below}")
    table = read_table(file, form)
    kept = [table.find(name) for name in keep]
    features, notices = _features(model, table, report)
    rows = _predict(model, features, reject_below)
    names = [str(name) for name in model.classifier.classes_.tolist()]
    if rows.pvalues is None:
        notices.append(why_no_pvalues(model.classifier, "rows"))
    error = None
    if plain_name(model.target) in table.names:
        labels = table.stored([plain_name(model.target)]).iloc[:, 0]
        error, doubts = _compare(model, labels, rows, names)
        notices += doubts
        if error and file_sha256(file) == model.table_sha256:
            notices.append("the model was fitted to these very labels; it errs more on other rows")
    counts = np.bincount(rows.codes[rows.sure], minlength=len(names)).tolist()
    return Predictions(
        table=_output(model, table, kept, rows, names if all_classes else [], as_written),
        counts=dict(zip(names, counts, strict=True)),
        rejected=int((~rows.sure).sum()),
        unlike=None if rows.pvalues is None else int((rows.pvalues < UNLIKE).sum()),
        error=error,
        notices=notices,
    )


def _features(model: TableModel, table: Table, report: Report | None) -> tuple[Frame, list[str]]:
    """Return the features of a table's rows, and all notices."""
    columns = [replace(column, name=plain_name(column.name)) for column in model.columns]
    missing = [column.name for column in columns if column.name not in table.names]
    if missing:
        shown = first_names(missing, 5)
        raise DataError(f"{table.file} lacks {len(missing)} of the model's columns: {shown}")
    values = table.values(
        column.name for column in columns if column.kind != CATEGORY and not column.extractor
    )
    for column in columns:
        if column.kind == CATEGORY:
            values.frame[column.name] = table.stored([column.name])[column.name]
        elif column.extractor:
            cells = table.stored([column.name])[column.name]
            embedded = embed_column(cells, column.name, network_of(column), report)
            values.frame[column.name] = embedded
    features = read_features(values.frame, columns, values.signs)
    names = [name for column in model.columns for name in column.feature_names]
    notices = [*table.notices, *values.notices, *features.notices]
    return features.frame.set_axis(names, axis=1), notices


def _predict(model: TableModel, features: Frame, reject_below: float) -> RowPredictions:
    probabilities = model.classifier.predict_proba(features)
    pvalues = find_pvalues(model.classifier, features)
    sure = probabilities.max(axis=1) >= reject_below
    return RowPredictions(probabilities, probabilities.argmax(axis=1), sure, pvalues)


def _output(
    model: TableModel,
    table: Table,
    keep: Sequence[str],
    rows: RowPredictions,
    classes: Sequence[str],
    as_written: bool,
) -> Frame:
    import pandas as pd

    kind = {INTEGERS: "Int64", TRUTH: "boolean"}.get(model.kind, "string")
    predicted = model.classifier.classes_[rows.codes].tolist()
    if as_written and model.point:
        kind, predicted = "string", [f"{label}{model.point}" for label in predicted]
    columns: dict[str, Any] = {
        "prediction": pd.array(predicted, dtype=kind),
        "probability": rows.probabilities.max(axis=1),
    }
    columns["prediction"][~rows.sure] = pd.NA
    if rows.pvalues is not None:
        columns["ood_pvalue"] = rows.pvalues
    columns |= {f"probability_{name}": rows.probabilities[:, k] for k, name in enumerate(classes)}
    kept = pd.DataFrame({"row": range(len(table.arrow))})
    if keep:
        kept = table.stored(dict.fromkeys(keep)).rename(columns=table.spelled)
    for name in kept.columns:
        if name in columns:
            raise ValueError(f"--keep {name}: predictions have a column of this name themselves")
    return pd.concat([kept, pd.DataFrame(columns)], axis=1)


def _compare(
    model: TableModel, cells: Any, rows: RowPredictions, classes: Sequence[str]
) -> tuple[ErrorRate | None, list[str]]:
    """Compare predictions with labels; also name labels that are no class of the model."""
    texts = label_texts(cells, model.target, unlabeled=model.unlabeled)
    labels = [None if text is None else canonical_label(text, model.kind) for text in texts]
    classes = [unicodedata.normalize("NFC", name) for name in classes]
    pairs = [
        (label, classes[code])
        for label, code, sure in zip(labels, rows.codes, rows.sure, strict=True)
        if label is not None and sure
    ]
    if not pairs:
        return None, []
    wrong = sum(label != predicted for label, predicted in pairs)
    strange = sorted({label for label, _ in pairs if label not in classes})
    notices = []
    if strange:
        shown = first_names(strange, 3)
        notices.append(f"labels that the model does not know, so never predicts: {shown}")
    return error_rate(wrong, len(pairs)), notices
