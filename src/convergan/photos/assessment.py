"""What a page shows of photographs: predictions, doubtful labels, confusions, what to label."""

from typing import NamedTuple

import numpy as np

from ..estimator import rank_for_labeling
from ..tabular.reading import Frame
from .comparison import Comparison
from .fitting import PhotoFit, TrainingPhotos
from .near_duplicates import Pair, near_duplicates
from .prediction import Answers, answer, prediction_table

LISTED = 100
"""Unlabelled photographs in the list of those to label next, at most."""
DOUBTFUL_LABEL = 0.1
"""Probability of the given label, without having seen it, below which it may be wrong."""


class DoubtfulLabel(NamedTuple):
    """A label that may be wrong.

    Attributes:
        number: of the photograph among those to learn from.
        given: its label.
        predicted: what the classifier says where that label was held out.
        probability: of the given label then.
    """

    number: int
    given: str
    predicted: str
    probability: float


class Confusion(NamedTuple):
    """Held-out photographs of one class that are taken for another.

    Attributes:
        given: their class.
        predicted: the other.
        numbers: the photographs, among those to learn from or of test.
    """

    given: str
    predicted: str
    numbers: list[int]


class PhotoAssessment(NamedTuple):
    """Results of a classifier on the photographs that it was fitted to.

    Attributes:
        answers: for each.
        predictions: the same as a frame.
        to_label: numbers of those whose label would help most, the first first.
        doubtful_labels: the least probable first.
        confusions: the most frequent first.
        duplicates: pairs of photographs that look the same and should not be where they are.
    """

    answers: Answers
    predictions: Frame
    to_label: list[int]
    doubtful_labels: list[DoubtfulLabel]
    confusions: list[Confusion]
    duplicates: list[Pair]


def assess_photos(
    photos: TrainingPhotos, fitted: PhotoFit, comparison: Comparison | None
) -> PhotoAssessment:
    """Predict the photographs that a classifier was fitted to, and look for what is odd."""
    model, train = fitted.model, photos.train
    answers = answer(model, train.rows)
    names = [train.photos.files.name(n) for n in range(len(train.rows))]
    table = prediction_table(model, names, np.ones(len(names), dtype=bool), answers)
    table.insert(1, "label", train.photos.labels)
    return PhotoAssessment(
        answers,
        table,
        _to_label(photos, fitted, answers),
        _doubtful_labels(photos, fitted),
        _confusions(photos, comparison),
        near_duplicates(photos),
    )


def _to_label(photos: TrainingPhotos, fitted: PhotoFit, answers: Answers) -> list[int]:
    labeled = photos.train.photos.is_labeled
    count = min(LISTED, int((~labeled).sum()))
    if not count:
        return []
    model = fitted.model
    features = model.classifier_.features(photos.train.rows)
    chosen: list[int] = rank_for_labeling(
        answers.probabilities, features, count=count, labeled=np.flatnonzero(labeled)
    ).tolist()
    return chosen


def _doubtful_labels(photos: TrainingPhotos, fitted: PhotoFit) -> list[DoubtfulLabel]:
    held, classes = fitted.model.classifier_.held_out_, fitted.model.classes_
    given = photos.train.photos.labels[held.rows]
    probability = held.probabilities[np.arange(len(given)), np.searchsorted(classes, given)]
    predicted = classes[held.probabilities.argmax(axis=1)]
    order = np.argsort(probability, kind="stable")
    return [
        DoubtfulLabel(int(held.rows[n]), str(given[n]), str(predicted[n]), float(probability[n]))
        for n in order
        if probability[n] < DOUBTFUL_LABEL
    ]


def _confusions(photos: TrainingPhotos, comparison: Comparison | None) -> list[Confusion]:
    if comparison is None:
        return []
    part = photos.test if comparison.on_test else photos.train
    found: dict[tuple[str, str], list[int]] = {}
    for number, predicted in zip(comparison.numbers, comparison.predicted, strict=True):
        given = part.photos.labels[number]
        if given != predicted:
            found.setdefault((str(given), str(predicted)), []).append(int(number))
    pairs = [Confusion(given, predicted, rows) for (given, predicted), rows in found.items()]
    return sorted(pairs, key=lambda pair: (-len(pair.numbers), pair.given, pair.predicted))
