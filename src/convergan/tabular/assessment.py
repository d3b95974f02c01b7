"""The fitted classifier on its own rows: log D of each, and which to label next."""

from typing import NamedTuple

import numpy as np

from ..estimator import rank_for_labeling
from .findings import has_game
from .fitting import TableFit, TrainingTable
from .reading import Array, Frame

LISTED = 100
"""Unlabelled rows in the list of those to label next, at most."""
SHOWN_BESIDE = 3
"""Columns that are no features and are listed with them, at most."""


class RowAssessment(NamedTuple):
    """Results of a classifier on the rows that it was fitted to.

    Attributes:
        labeled: (n,) whether each has a label.
        log_d: (n,) log D of each, or None where there is no GAN.
        to_label: a frame of rows whose labels would help most, the first first; it has ``row``,
            counted from 0, columns that are no features, ``prediction`` and ``probability``.
    """

    labeled: Array
    log_d: Array | None
    to_label: Frame


def assess_rows(table: TrainingTable, fitted: TableFit) -> RowAssessment:
    """Predict the rows that a classifier was fitted to, and rank those without a label.

    Args:
        table: the rows, (N, A) and their labels.
        fitted: the classifier that was fitted to them.
    """
    import pandas as pd

    model, rows = fitted.model, table.features
    labeled = np.array([value != table.labels.marker for value in table.labels.y])
    probabilities = model.predict_proba(rows)
    count = min(LISTED, int((~labeled).sum()))
    chosen = np.empty(0, dtype=np.int64)
    if count:
        chosen = rank_for_labeling(
            probabilities, model.features(rows), count=count, labeled=np.flatnonzero(labeled)
        )
    beside = table.beside.iloc[chosen, :SHOWN_BESIDE].reset_index(drop=True)
    answers = {
        "prediction": model.classes_[probabilities[chosen].argmax(axis=1)],
        "probability": probabilities[chosen].max(axis=1),
    }
    taken = [name for name in beside.columns if name not in ("row", *answers)]
    to_label = pd.concat(
        [pd.DataFrame({"row": chosen}), beside[taken], pd.DataFrame(answers)], axis=1
    )
    try:
        log_d = model.score_samples(rows) if has_game(model) else None
    except ValueError:  # the training of the GAN failed, as a notice says
        log_d = None
    return RowAssessment(labeled, log_d, to_label)
