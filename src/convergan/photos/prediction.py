"""Predictions of photographs: one line each, and which of them to look at."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..data import DataError
from ..data.decoding import some
from ..embedding.images import Array, Report
from ..tabular.findings import find_pvalues, why_no_pvalues
from ..tabular.prediction import UNLIKE, ErrorRate, error_rate
from ..tabular.reading import Frame
from .classifier import DIGITS, ImageClassifier
from .finding import LabeledPhotos, find_photos_to_predict
from .fitting import NAMED

SURE = 0.7
"""Probability below which a prediction is marked as unsure."""
UNSURE_MARK, UNLIKE_MARK, UNREADABLE_MARK = "unsure", "unlike", "unreadable"


class PhotoPredictions(NamedTuple):
    """Predictions of n photographs.

    Attributes:
        photos: that were predicted, with the labels that are known.
        table: a frame to be written: ``file``, ``prediction``, ``probability``, ``ood_pvalue``
            where there are p-values, ``doubt``, and perhaps the probability of each class.
        predicted: (n,) classes, empty where there is no prediction.
        counts: photographs of each predicted class, in the order of classes.
        doubts: photographs by kind of doubt.
        error: of the labelled ones, or None.
        notices: what the user should know.
    """

    photos: LabeledPhotos
    table: Frame
    predicted: Array
    counts: dict[str, int]
    doubts: dict[str, int]
    error: ErrorRate | None
    notices: list[str]


class Answers(NamedTuple):
    """What a model says of n rows.

    Attributes:
        probabilities: (n, K).
        pvalues: (n,) of being unlike the photographs of fit, or None.
    """

    probabilities: Array
    pvalues: Array | None


def predict_photos(
    model: ImageClassifier,
    path: Path,
    *,
    all_classes: bool = False,
    reject_below: float = 0.0,
    follow_links: bool = False,
    report: Report | None = None,
) -> PhotoPredictions:
    """Predict all photographs of a folder; what cannot be read is a line that says so.

    Args:
        model: fitted.
        path: a folder, or one photograph.
        all_classes: whether to add the probability of each class.
        reject_below: photographs whose class is less probable get no prediction.
        follow_links: read what links out of the folder lead to.
        report: is called with the progress of the features.

    Raises:
        ValueError: if an argument cannot be used.
        DataError: if there are no photographs, or none can be read.
    """
    require_share("--reject-below", reject_below)
    photos = find_photos_to_predict(path, follow_links=follow_links)
    embedded = model.features(photos.files, report)
    unreadable = [f"{name} ({why})" for name, why in embedded.unreadable(photos.files)]
    names = [photos.files.name(n) for n in range(len(photos.files))]
    if len(unreadable) == len(names):
        raise DataError(
            f"none of the photographs of {path} can be read: {some(unreadable[:NAMED])}"
        )
    readable = np.array([n not in embedded.problems for n in range(len(names))])
    answers = answer(model, embedded.rows[readable])
    table = prediction_table(
        model, names, readable, answers, all_classes=all_classes, reject_below=reject_below
    )
    notices = []
    if answers.pvalues is None:
        notices.append(why_no_pvalues(model.classifier_, "photographs"))
    if unreadable:
        notices.append(
            f"{len(unreadable):,} photographs cannot be read and have no prediction: "
            f"{some(unreadable, NAMED)}"
        )
    known = set(model.learned_from_)
    seen = [content.hex()[:DIGITS] in known for content in embedded.contents]
    if again := int((np.array(seen) & photos.is_labeled).sum()):
        notices.append(
            f"the model was fitted to the labels of {again:,} of these very photographs; it errs "
            "more on others"
        )
    predicted = table["prediction"].fillna("").to_numpy(dtype=object)
    classes = [str(name) for name in model.classes_.tolist()]
    return PhotoPredictions(
        photos,
        table,
        predicted,
        {name: int((predicted == name).sum()) for name in classes},
        count_doubts(table),
        _compare(photos.labels, predicted, classes, notices),
        notices,
    )


def answer(model: ImageClassifier, rows: Array) -> Answers:
    """Return what a model says of features (n, D)."""
    classifier = model.classifier_
    return Answers(classifier.predict_proba(rows), find_pvalues(classifier, rows))


def prediction_table(
    model: ImageClassifier,
    names: Sequence[str],
    readable: Array,
    answers: Answers,
    *,
    all_classes: bool = False,
    reject_below: float = 0.0,
) -> Frame:
    """Return a line for each of n photographs.

    Args:
        model: fitted.
        names: n of them.
        readable: (n,) whether each has an answer.
        answers: for those that have.
        all_classes: whether to add the probability of each class.
        reject_below: photographs whose class is less probable get no prediction.
    """
    import pandas as pd

    best = answers.probabilities.max(axis=1)
    classes = [str(name) for name in model.classes_.tolist()]
    predicted = np.array(classes, dtype=object)[answers.probabilities.argmax(axis=1)]
    predicted[best < reject_below] = None
    unsure = best < SURE
    unlike = (
        np.zeros(len(best), dtype=bool) if answers.pvalues is None else answers.pvalues < UNLIKE
    )
    doubts = [
        " ".join(mark for mark, there in ((UNSURE_MARK, u), (UNLIKE_MARK, o)) if there)
        for u, o in zip(unsure, unlike, strict=True)
    ]
    places = np.flatnonzero(readable)
    table = pd.DataFrame({"file": list(names)})
    table["prediction"] = pd.Series(predicted, index=places, dtype="string")
    table["probability"] = pd.Series(best, index=places, dtype=float)
    if answers.pvalues is not None:
        table["ood_pvalue"] = pd.Series(answers.pvalues, index=places)
    table["doubt"] = pd.Series(doubts, index=places, dtype="string")
    table["doubt"] = table["doubt"].fillna(UNREADABLE_MARK)
    if all_classes:
        for k, name in enumerate(classes):
            table[f"probability_{name}"] = pd.Series(answers.probabilities[:, k], index=places)
    return table


def count_doubts(table: Frame) -> dict[str, int]:
    """Return how many photographs are marked with each kind of doubt."""
    marks = (UNSURE_MARK, UNLIKE_MARK, UNREADABLE_MARK)
    found = Counter(mark for doubt in table["doubt"] for mark in doubt.split())
    return {mark: found[mark] for mark in marks}


def require_share(name: str, value: float) -> None:
    """Require a probability.

    Raises:
        ValueError: if it is outside [0, 1].
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1, got {value}")


def _compare(
    labels: Array, predicted: Array, classes: Sequence[str], notices: list[str]
) -> ErrorRate | None:
    """Compare predictions with the labels that are known; name those that are no class."""
    both = (labels != "") & (predicted != "")
    if not both.any():
        return None
    wrong = int((labels[both] != predicted[both]).sum())
    if strange := sorted(set(labels[both].tolist()) - set(classes)):
        notices.append(
            f"labels that the model does not know, so never predicts: {some(strange[:NAMED])}"
        )
    return error_rate(wrong, int(both.sum()))
