"""The error of a classifier of photographs, beside simpler ones and without the game.

All methods see the same features and the same labels. Errors are measured on the test photographs
where there are some, else each labelled photograph is held out once, in five folds.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..core.progress import Progress
from ..embedding.images import Array, Report
from ..tabular.fitting import FitOptions, new_classifier
from ..tabular.prediction import ErrorRate, error_rate
from .classifier import ImageClassifier
from .fitting import MARKER, PhotoFit, TrainingPhotos

FOLDS = 5
OURS, WITHOUT_GAME = "this classifier", "the same without the game"
METHOD = "comparison"


class Comparison(NamedTuple):
    """The errors of all methods.

    Attributes:
        on_test: whether they are of test photographs, else of labelled ones in five folds.
        errors: of each method by its name, on photographs that were held out from it.
        numbers: (T,) the photographs that were held out, among those of test or to learn from.
        predicted: (T,) what the classifier says of them.
    """

    on_test: bool
    errors: dict[str, ErrorRate]
    numbers: Array
    predicted: Array


Fold = tuple[Array, Array, Array, Array, Array]
"""Training rows and labels, test rows and labels, and the numbers of the test rows."""
Method = Callable[[Array, Array, Array], Array]
"""From training rows and labels and test rows to predictions."""


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
    truth, numbers = (np.concatenate([fold[place] for fold in folds]) for place in (3, 4))
    predicted: dict[str, Array] = {}
    for place, (name, method) in enumerate(methods.items()):
        parts = []
        for number, (rows, labels, tested, _, _) in enumerate(folds):
            if report:
                report(Progress(METHOD, place * len(folds) + number, len(folds) * len(methods), {}))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of few labels, as said of the fit
                parts.append(method(rows, labels, tested))
        predicted[name] = np.concatenate(parts)
    if report:
        report(Progress(METHOD, len(folds) * len(methods), len(folds) * len(methods), {}))
    errors = {
        name: error_rate(int((found != truth).sum()), len(truth))
        for name, found in predicted.items()
    }
    return Comparison(on_test, errors, numbers, predicted[OURS])


def _methods(photos: TrainingPhotos, options: FitOptions) -> dict[str, Method]:
    def ours(game: bool) -> Method:
        def run(rows: Array, labels: Array, tested: Array) -> Array:
            classifier = new_classifier(replace(options, game=game), MARKER)
            model = ImageClassifier(photos.network.spec, classifier)
            model.fit_features(rows, labels, photos.network)
            return model.classifier_.predict(tested)

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
    def run(rows: Array, labels: Array, tested: Array) -> Array:
        return model.classifier_.predict(tested)

    return run


def _supervised(model: Any) -> Method:
    def run(rows: Array, labels: Array, tested: Array) -> Array:
        known = labels != MARKER
        found: Array = model.fit(rows[known], labels[known]).predict(tested)
        return found

    return run


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
