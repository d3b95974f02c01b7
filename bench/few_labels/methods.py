"""Methods of the few-label benchmark: nothing is tuned for a set.

A method is fitted to all rows of the pool, labels being -1 where they are hidden and elsewhere the
classes that were drawn, 0 to S - 1. Methods that can use no others are fitted to the labelled rows
alone. It returns a function that predicts. All but ours are given rows of mean 0 and deviation 1
over the pool, and have scikit-learn's defaults but for these:

* Logistic regression may take 1,000 iterations.
* SVC, whose probabilities need folds that a single label does not allow, has the softmax of its
  decision function.
* k nearest: 5, or all labelled rows where there are fewer, weighted by distance, since the 4 of two
  classes with two labels would be a draw at every row.
* Gradient boosting is the one with exact splits: that with histograms asks for 20 rows a leaf.
* Label spreading (rbf): the default width leaves many standardised rows without any neighbour. A
  third of the median distance to the seventh nearest row replaces it, as Zhu & Ghahramani (2002)
  take a third of the smallest distance between classes. Of five such rules it had the least mean
  error on the smaller sets' test rows, which is in its favour.
* Self-training on SVC: the softmax of its decisions reaches no threshold, so they are divided by a
  temperature that is fitted to decisions out of fold (scikit-learn 1.8 or newer). Platt's sigmoids,
  one a class, can reverse the order of classes when fitted to so few. Where a class has a single
  label there are no folds: then it is SVC, and a notice says so.
* Shrinkage LDA has means and shares of the labelled rows and the covariance of all rows, shrunk as
  Ledoit & Wolf (2004).

Ours has a prior of powers that was learned from these sets; for each set the one that was learned
from all others (`bench.few_labels.prior`). The pool alone is what the trees and the network are
taught. The plain game is that network taught by labels and its own averaged weights, the twin by
labels alone.

``ImprovedGAN`` of LAMDA-SSL 1.0.2 (2022) is not among them. It asks scikit-learn for a name that is
gone since 1.5, needs torchtext, whose last release is for torch 2.3, and torchvision, whose build
does not load beside a torch for CPUs alone; its default is 270,000 steps for one fit.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

from convergan import estimator
from convergan.estimator import SemiSupervisedGANClassifier, pool
from convergan.estimator.fitting import COMPONENTS, FitOptions, fit_classifier, make_task
from convergan.estimator.network import Member, Network, TrainingTask, train_game, train_twin
from convergan.estimator.opinions import leading_axes, log_softmax
from convergan.estimator.pool import PRIOR, Pool, PriorPower
from convergan.estimator.preprocessing import fit_preprocessor

Array = np.ndarray[Any, Any]
Predict = Callable[[Array], Array]
"""From rows (n, A) to probabilities (n, S), NaN where a method has none."""
Fit = Callable[[Array, Array, int], Predict]
"""From rows (n, A), labels (n,) and a seed."""

PRIORS = Path(__file__).with_name("prior.json")
"""Of powers, learned from all sets and from all but one; `bench.few_labels.prior` writes it."""

NEAREST, FOLDS = 5, 5
LOCAL = 7
"""The neighbour whose distance is three widths of the kernel of label spreading."""


def standardised(fit: Fit) -> Fit:
    """Give a method rows of mean 0 and deviation 1 over all rows that it is fitted to."""

    def fit_standardised(X: Array, y: Array, seed: int) -> Predict:
        scaler = StandardScaler().fit(X)
        predict = fit(scaler.transform(X), y, seed)
        return lambda rows: predict(scaler.transform(rows))

    return fit_standardised


def on_all_rows(make: Callable[[int], Any]) -> Fit:
    """Fit what ``make`` returns for a seed to labelled and unlabelled rows."""

    def fit(X: Array, y: Array, seed: int) -> Predict:
        predict: Predict = make(seed).fit(X, y).predict_proba
        return predict

    return fit


def on_labelled_rows(make: Callable[[int], Any]) -> Fit:
    """Fit what ``make`` returns for a seed to the labelled rows alone."""
    fit = on_all_rows(make)
    return lambda X, y, seed: fit(X[y >= 0], y[y >= 0], seed)


def support_vectors(X: Array, y: Array, seed: int) -> Predict:
    model = SVC().fit(X[y >= 0], y[y >= 0])

    def predict(rows: Array) -> Array:
        margins = model.decision_function(rows)
        if margins.ndim == 1:  # of two classes, the second's
            margins = np.stack([np.zeros_like(margins), margins], axis=1)
        return np.exp(log_softmax(margins))

    return predict


def nearest_rows(X: Array, y: Array, seed: int) -> Predict:
    count = min(NEAREST, int((y >= 0).sum()))
    fit = on_labelled_rows(lambda seed: KNeighborsClassifier(count, weights="distance"))
    return fit(X, y, seed)


def spread_by_distance(X: Array, y: Array, seed: int) -> Predict:
    neighbors = NearestNeighbors(n_neighbors=LOCAL).fit(X)
    distance = np.median(neighbors.kneighbors()[0][:, -1])  # a row is no neighbour of its own
    model = LabelSpreading(kernel="rbf", gamma=(3 / max(distance, 1e-9)) ** 2)
    predict: Predict = model.fit(X, y).predict_proba
    return predict


def self_training_on_support_vectors(X: Array, y: Array, seed: int) -> Predict:
    folds = min(FOLDS, int(np.bincount(y[y >= 0]).min()))
    if folds == 1:
        warnings.warn("a class has one label: SVC without self-training", stacklevel=1)
        return support_vectors(X, y, seed)
    base = CalibratedClassifierCV(SVC(), method="temperature", cv=folds, ensemble=False)
    predict: Predict = SelfTrainingClassifier(base).fit(X, y).predict_proba
    return predict


class KnownCovariance(BaseEstimator):  # type: ignore[misc]
    """An estimator of covariances that returns the one it is given, whatever it is fitted to."""

    def __init__(self, covariance: Array) -> None:
        self.covariance = covariance

    def fit(self, X: Array) -> Self:
        self.covariance_ = self.covariance
        return self


def discriminant_analysis(X: Array, y: Array, seed: int) -> Predict:
    known = KnownCovariance(ledoit_wolf(X)[0])
    model = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=known)
    predict: Predict = model.fit(X[y >= 0], y[y >= 0]).predict_proba
    return predict


def ours(generated_weight: float = 1.0) -> Fit:
    """Fit the estimator with its defaults; 0 leaves out the game."""
    return on_all_rows(
        lambda seed: SemiSupervisedGANClassifier(
            generated_weight=generated_weight, random_state=seed, device="cpu"
        )
    )


def pool_alone(X: Array, y: Array, seed: int) -> Predict:
    """Return what teaches the trees and the network: the opinions whose labels were held out."""
    preprocessor, rows = fit_preprocessor(X)
    pool = fit_classifier(rows, y, seed, FitOptions(max_epochs=1)).pool
    first = [place for place, name in enumerate(pool.names) if name in PRIOR]
    share = 1 - pool.powers[-2:].sum()
    alone = Pool(
        tuple(pool.names[place] for place in first),
        tuple(pool.opinions[place] for place in first),
        pool.powers[first] / share,
        pool.offset / share,
    )
    return lambda rows: np.exp(alone.log_probabilities(preprocessor.apply(rows)))


def network(train: Callable[[TrainingTask], Member]) -> Fit:
    """Train our network by itself."""

    def fit(X: Array, y: Array, seed: int) -> Predict:
        preprocessor, rows = fit_preprocessor(X)
        axes = leading_axes(rows, min(COMPONENTS, rows.shape[1]))
        member = train(make_task(rows @ axes, y, seed=seed, options=FitOptions()))
        opinion = Network((member.layers,))
        return lambda rows: np.exp(opinion.log_probabilities(preprocessor.apply(rows) @ axes))

    return fit


LOGISTIC, FOREST, BOOSTING = "LogisticRegression", "RandomForest", "GradientBoosting"
KNN, RBF = "LabelSpreading knn", "LabelSpreading rbf"
SELF_LOGISTIC, SELF_SVC = "SelfTraining(LR)", "SelfTraining(SVC)"
OURS, WITHOUT, POOL = "ours", "ours without the game", "pool alone"
PLAIN, TWIN = "plain game", "twin"
BASELINES: dict[str, Fit] = {
    LOGISTIC: on_labelled_rows(lambda seed: LogisticRegression(max_iter=1000)),
    "SVC": support_vectors,
    "k nearest": nearest_rows,
    FOREST: on_labelled_rows(lambda seed: RandomForestClassifier(random_state=seed)),
    BOOSTING: on_labelled_rows(lambda seed: GradientBoostingClassifier(random_state=seed)),
    KNN: on_all_rows(lambda seed: LabelSpreading(kernel="knn")),
    RBF: spread_by_distance,
    SELF_LOGISTIC: on_all_rows(
        lambda seed: SelfTrainingClassifier(LogisticRegression(max_iter=1000))
    ),
    SELF_SVC: self_training_on_support_vectors,
    "shrinkage LDA": discriminant_analysis,
}
OWN: dict[str, Fit] = {
    OURS: ours(),
    WITHOUT: ours(generated_weight=0.0),
    POOL: pool_alone,
    PLAIN: network(lambda task: train_game(task, None)),
    TWIN: network(train_twin),
}
METHODS = {name: standardised(fit) for name, fit in BASELINES.items()} | OWN
SLOW = {BOOSTING, SELF_LOGISTIC, SELF_SVC}
"""Methods that take more than seconds on the larger sets, for which fewer seeds must do."""


@contextmanager
def prior_without(name: str) -> Iterator[None]:
    """Let the estimator have the prior that was learned without a set."""
    priors: dict[str, dict[str, list[float]]] = json.loads(PRIORS.read_text())
    prior = {opinion: PriorPower(*mean) for opinion, mean in priors[name].items()}
    with patch.object(pool, "PRIOR", prior):
        yield


def code_of(method: str) -> str:
    """Return a hash of the estimator's source files for the methods that use them, else nothing."""
    if method not in OWN:
        return ""
    files = sorted(Path(estimator.__path__[0]).glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]
