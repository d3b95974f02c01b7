"""The error of a classifier of photographs, beside simpler ones and without the game.

All methods see the same features and the same labels. Errors are measured on the test photographs
where there are some, else each labelled photograph is held out once, in five folds.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..core.progress import Progress
from ..embedding.images import Array, Report
from ..tabular.fitting import FitOptions, new_classifier
from .classifier import ImageClassifier
from .fitting import MARKER, PhotoFit, TrainingPhotos

FOLDS = 5
OURS, WITHOUT_GAME = "this classifier", "the same without the game"
METHOD = "comparison"


class MethodError(NamedTuple):
    """How a method does.

    Attributes:
        method: its name.
        rows: photographs that were held out from it.
        wrong: those of them that it gets wrong.
        low: lower end of the exact 95 % interval of their share.
        high: its upper end.
    """

    method: str
    rows: int
    wrong: int
    low: float
    high: float


class Comparison(NamedTuple):
    """The errors of all methods.

    Attributes:
        on_test: whether they are of test photographs, else of labelled ones in five folds.
        errors: of each method.
        numbers: (T,) the photographs that were held out, among those of test or to learn from.
        predicted: (T,) what the classifier says of them.
        probability: (T,) of that.
    """

    on_test: bool
    errors: list[MethodError]
    numbers: Array
    predicted: Array
    probability: Array


Fold = tuple[Array, Array, Array, Array, Array]
"""Training rows and labels, test rows and labels, and the numbers of the test rows."""
Method = Callable[[Array, Array, Array], tuple[Array, Array]]
"""From training rows and labels and test rows to predictions and their probabilities."""


def compare(
    photos: TrainingPhotos, fitted: PhotoFit, options: FitOptions, report: Report | None = None
) -> Comparison | None:
    """Measure the classifier and simpler ones; None where no label can be held out.

    On test photographs the fitted classifier itself is measured, in folds one like it for each.
    """
    on_test = len(photos.test.contents) > 0
    folds = list(_test_fold(photos) if on_test else _folds(photos, options.seed))
    if not folds:
        return None
    methods = _methods(photos, options)
    if on_test:
        methods[OURS] = _as_fitted(fitted.model)
    errors = []
    ours: tuple[Array, Array] | None = None
    truth, numbers = (np.concatenate([fold[place] for fold in folds]) for place in (3, 4))
    for place, (name, method) in enumerate(methods.items()):
        parts = []
        for number, (rows, labels, tested, _, _) in enumerate(folds):
            if report:
                report(Progress(METHOD, place * len(folds) + number, len(folds) * len(methods), {}))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of few labels, as said of the fit
                parts.append(method(rows, labels, tested))
        predicted, probability = (np.concatenate(part) for part in zip(*parts, strict=True))
        errors.append(_error(name, predicted, truth))
        if ours is None:
            ours = predicted, probability
    if report:
        report(Progress(METHOD, len(folds) * len(methods), len(folds) * len(methods), {}))
    assert ours is not None
    return Comparison(on_test, errors, numbers, *ours)


def _methods(photos: TrainingPhotos, options: FitOptions) -> dict[str, Method]:
    def ours(game: bool) -> Method:
        def run(rows: Array, labels: Array, tested: Array) -> tuple[Array, Array]:
            classifier = new_classifier(replace(options, game=game), MARKER)
            model = ImageClassifier(photos.network.spec, classifier)
            model.fit_features(rows, labels, photos.network)
            return _answers(model.classifier_, tested)

        return run

    methods = {OURS: ours(options.game)}
    if options.game:
        methods[WITHOUT_GAME] = ours(False)
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    methods["logistic regression"] = _supervised(linear)
    nearest = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
    methods["nearest labelled photograph"] = _supervised(nearest)
    return methods


def _as_fitted(model: ImageClassifier) -> Method:
    def run(rows: Array, labels: Array, tested: Array) -> tuple[Array, Array]:
        return _answers(model.classifier_, tested)

    return run


def _supervised(model: Any) -> Method:
    def run(rows: Array, labels: Array, tested: Array) -> tuple[Array, Array]:
        known = labels != MARKER
        return _answers(model.fit(rows[known], labels[known]), tested)

    return run


def _answers(model: Any, rows: Array) -> tuple[Array, Array]:
    probabilities = model.predict_proba(rows)
    best = probabilities.argmax(axis=1)
    return model.classes_[best], probabilities[np.arange(len(rows)), best]


def _test_fold(photos: TrainingPhotos) -> Iterator[Fold]:
    train, test = photos.train, photos.test
    numbers = np.arange(len(test.contents))
    yield train.rows, train.photos.labels, test.rows, test.photos.labels, numbers


def _folds(photos: TrainingPhotos, seed: int) -> Iterator[Fold]:
    """Hold out each labelled photograph whose class has another once.

    Those of one class are spread over as many folds as there are.
    """
    rows, labels = photos.train.rows, photos.train.photos.labels
    several = [name for name, count in photos.counts.items() if count > 1]
    held = np.random.default_rng(seed).permutation(np.flatnonzero(np.isin(labels, several)))
    held = held[np.argsort(labels[held], kind="stable")]
    folds = np.arange(len(held)) % FOLDS
    for fold in np.unique(folds):
        out = np.sort(held[folds == fold])
        kept = np.setdiff1d(np.arange(len(rows)), out)
        yield rows[kept], labels[kept], rows[out], labels[out], out


def _error(name: str, predicted: Array, truth: Array) -> MethodError:
    wrong = int((predicted != truth).sum())
    interval = binomtest(wrong, len(truth)).proportion_ci()
    return MethodError(name, len(truth), wrong, float(interval.low), float(interval.high))
