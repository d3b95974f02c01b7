"""What a fitted classifier says of the rows it was fitted to, for the report and the labeller."""

from typing import Any, NamedTuple

import numpy as np

from ..estimator import rank_for_labeling
from .fitting import Fitted, Opened
from .reading import Frame

Array = np.ndarray[Any, Any]

LISTED = 100
"""Unlabelled rows in the list of those to label next, at most."""
SHOWN_BESIDE = 3
"""Columns that are no features and are listed with them, the first."""


class Judged(NamedTuple):
    """What is said of the rows.

    Attributes:
        labeled: (n,) which of them have labels.
        log_d: (n,) log D of each, or None where there is no GAN to ask.
        to_label: a frame of rows whose labels would help most, the first first; it has ``row``,
            counted from 0, columns that are no features, ``prediction`` and ``probability``.
    """

    labeled: Array
    log_d: Array | None
    to_label: Frame


def judge_rows(opened: Opened, fitted: Fitted) -> Judged:
    """Ask the classifier about its own rows."""
    import pandas as pd

    model, rows = fitted.model, opened.features
    labeled = np.array([value != opened.labels.marker for value in opened.labels.y])
    probabilities = model.predict_proba(rows)
    count = min(LISTED, int((~labeled).sum()))
    chosen = np.empty(0, dtype=np.int64)
    if count:
        chosen = rank_for_labeling(
            probabilities, model.features(rows), count=count, labeled=np.flatnonzero(labeled)
        )
    beside = opened.beside.iloc[chosen, :SHOWN_BESIDE].reset_index(drop=True)
    answers = {
        "prediction": model.classes_[probabilities[chosen].argmax(axis=1)],
        "probability": probabilities[chosen].max(axis=1),
    }
    taken = [name for name in beside.columns if name not in ("row", *answers)]
    to_label = pd.concat(
        [pd.DataFrame({"row": chosen}), beside[taken], pd.DataFrame(answers)], axis=1
    )
    return Judged(labeled, _log_d(opened, fitted), to_label)


def _log_d(opened: Opened, fitted: Fitted) -> Array | None:
    try:
        return fitted.model.score_samples(opened.features)
    except ValueError:  # the training of the GAN failed, as a notice says
        return None
