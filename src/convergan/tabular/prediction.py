"""What a model of a table says of another table's rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binomtest

from ..data import DataError
from .columns import Array, read_features
from .model_folder import Model
from .reading import Frame, file_sha256, read_table, require_column
from .target import INTEGERS, TRUTH, canonical, spell

UNLIKE = 0.01
"""p-value below which a row is counted as unlike the unlabelled rows that were fitted to."""


class Error(NamedTuple):
    """How often answers to labelled rows are wrong.

    Attributes:
        rows: labelled ones that are answered.
        wrong: of them.
        low: lower end of the exact 95 % interval of the share of wrong rows.
        high: its upper end.
    """

    rows: int
    wrong: int
    low: float
    high: float


class Predicted(NamedTuple):
    """Predictions of the rows of a table.

    Attributes:
        table: a frame to be written.
        counts: rows of each predicted class by its spelling, in the order of classes.
        rejected: rows without an answer.
        unlike: rows with a p-value below 0.01, or None where there are no p-values.
        error: None where no labelled row is answered.
        notices: what the user should know.
    """

    table: Frame
    counts: dict[str, int]
    rejected: int
    unlike: int | None
    error: Error | None
    notices: list[str]


class Judged(NamedTuple):
    """What the classifier says.

    Attributes:
        probabilities: (n, K).
        codes: (n,) the most probable class.
        sure: (n,) whether it is probable enough.
        pvalues: (n,) of being unlike the unlabelled rows, or None where the model has none.
    """

    probabilities: Array
    codes: Array
    sure: Array
    pvalues: Array | None


def predict_table(
    model: Model,
    file: Path,
    *,
    keep: Sequence[str] = (),
    all_classes: bool = False,
    reject_below: float = 0.0,
) -> Predicted:
    """Predict every row of a table; its columns are found by name.

    Args:
        model: of `convergan.tabular.model_folder.read_model`.
        file: of the table, as for `convergan.tabular.reading.read_table`.
        keep: columns to copy; without any, rows are numbered from 0.
        all_classes: whether each class's probability is told.
        reject_below: least probability of an answer; a row of less has none.

    Raises:
        ValueError: if an argument cannot be used.
        DataError: if the table lacks a column, or cannot be read.
    """
    if not 0 <= reject_below <= 1:
        raise ValueError(f"--reject-below must be from 0 to 1, got {reject_below}")
    table = _read(model, file, keep)
    features = read_features(table, model.columns)
    judged = _judge(model, features.frame, reject_below)
    spelled = [str(name) for name in model.classifier.classes_.tolist()]
    notices = [*features.notices]
    if judged.pvalues is None:
        notices.append("no p-values: the model was fitted to fewer than 200 unlabelled rows")
    error = None
    if model.target in table.columns:
        error, doubts = _compare(model, table[model.target], judged, spelled)
        notices += doubts
        if error and file_sha256(file) == model.table_sha256:
            notices.append("the model was fitted to these very labels; it errs more on other rows")
    answered = np.bincount(judged.codes[judged.sure], minlength=len(spelled)).tolist()
    return Predicted(
        table=_answers(model, table, keep, judged, spelled if all_classes else []),
        counts=dict(zip(spelled, answered, strict=True)),
        rejected=int((~judged.sure).sum()),
        unlike=None if judged.pvalues is None else int((judged.pvalues < UNLIKE).sum()),
        error=error,
        notices=notices,
    )


def _read(model: Model, file: Path, keep: Sequence[str]) -> Frame:
    categories = [column.name for column in model.columns if column.categories]
    table = read_table(file, text=[model.target, *keep, *categories])
    known = list(table.columns)
    missing = [column.name for column in model.columns if column.name not in known]
    if missing:
        shown = ", ".join(map(repr, missing[:5])) + (" and more" if len(missing) > 5 else "")
        raise DataError(f"{file} lacks {len(missing)} of the model's columns: {shown}")
    for name in keep:
        require_column(name, known, str(file))
    return table


def _judge(model: Model, features: Frame, reject_below: float) -> Judged:
    probabilities = model.classifier.predict_proba(features)
    try:
        pvalues = model.classifier.ood_pvalue(features)
    except ValueError:  # there was no unlabelled row to compare with, or no GAN
        pvalues = None
    sure = probabilities.max(axis=1) >= reject_below
    return Judged(probabilities, probabilities.argmax(axis=1), sure, pvalues)


def _answers(
    model: Model, table: Frame, keep: Sequence[str], judged: Judged, told: Sequence[str]
) -> Frame:
    import pandas as pd

    kind = {INTEGERS: "Int64", TRUTH: "boolean"}.get(model.kind, "string")
    answers: dict[str, Any] = {
        "prediction": pd.array(model.classifier.classes_[judged.codes].tolist(), dtype=kind),
        "probability": judged.probabilities.max(axis=1),
    }
    answers["prediction"][~judged.sure] = pd.NA
    if judged.pvalues is not None:
        answers["ood_pvalue"] = judged.pvalues
    answers |= {f"probability_{name}": judged.probabilities[:, k] for k, name in enumerate(told)}
    kept = table[list(dict.fromkeys(keep))] if keep else pd.DataFrame({"row": range(len(table))})
    for name in kept.columns:
        if name in answers:
            raise ValueError(f"--keep {name}: predictions have a column of this name themselves")
    return pd.concat([kept, pd.DataFrame(answers)], axis=1)


def _compare(
    model: Model, cells: Any, judged: Judged, spelled: Sequence[str]
) -> tuple[Error | None, list[str]]:
    """Compare answers with labels, as they are spelled."""
    texts = spell(cells, unlabeled=model.unlabeled)
    labels = [None if text is None else canonical(text, model.kind) for text in texts]
    pairs = [
        (label, spelled[code])
        for label, code, sure in zip(labels, judged.codes, judged.sure, strict=True)
        if label is not None and sure
    ]
    if not pairs:
        return None, []
    wrong = sum(label != answer for label, answer in pairs)
    interval = binomtest(wrong, len(pairs)).proportion_ci()
    strange = sorted({label for label, _ in pairs if label not in spelled})
    notices = []
    if strange:
        shown = ", ".join(map(repr, strange[:3])) + (" and more" if len(strange) > 3 else "")
        notices.append(f"labels that the model does not know, so never answers: {shown}")
    return Error(len(pairs), wrong, float(interval.low), float(interval.high)), notices
