"""Methods of the few-label benchmark, with their defaults: nothing is tuned for a set.

A method is fitted to all rows, labels being -1 where they are hidden, or to the labelled rows alone
where it can use no others, and returns a function that predicts. Two settings are no defaults:
logistic regression may take 1,000 iterations, and SVC, whose probabilities need folds that a single
label does not allow, has the softmax of its decision function. SelfTraining wraps logistic
regression only: no probability of that SVC reaches its threshold.

``ImprovedGAN`` of LAMDA-SSL 1.0.2 (2022) is not among them. It asks scikit-learn for a name that is
gone since 1.5, needs torchtext, whose last release is for torch 2.3, and torchvision, whose build
does not load beside a torch for CPUs alone; its default is 270,000 steps for one fit.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

from convergan import estimator
from convergan.estimator import SemiSupervisedGANClassifier
from convergan.estimator.fitting import log_softmax, make_task
from convergan.estimator.member import forward, train_twin
from convergan.estimator.preprocessing import fit_preprocessor

Array = np.ndarray[Any, Any]
Predict = Callable[[Array], Array]
"""From rows (n, A) to probabilities (n, K), NaN where a method has none."""
Fit = Callable[[Array, Array, int], Predict]
"""From rows (n, A), labels (n,) and a seed."""


def on_all_rows(make: Callable[[int], Any]) -> Fit:
    """Fit what ``make`` returns for a seed to labelled and unlabelled rows."""

    def fit(X: Array, y: Array, seed: int) -> Predict:
        predict: Predict = make(seed).fit(X, y).predict_proba
        return predict

    return fit


def ours(guard: bool = False, members: int = 1) -> Fit:
    return on_all_rows(
        lambda seed: SemiSupervisedGANClassifier(
            guard=guard, n_estimators=members, random_state=seed, device="cpu"
        )
    )


def twin(X: Array, y: Array, seed: int) -> Predict:
    """Train our classifier for as many steps on the labelled rows alone."""
    preprocessor, rows = fit_preprocessor(X)
    task = make_task(torch.from_numpy(rows).float(), y, seed=seed, device="cpu")
    layers = train_twin(task).layers
    return lambda rows: np.exp(log_softmax(forward(layers, preprocessor.apply(rows))))


def logistic_regression(X: Array, y: Array, seed: int) -> Predict:
    predict: Predict = LogisticRegression(max_iter=1000).fit(X[y >= 0], y[y >= 0]).predict_proba
    return predict


def support_vectors(X: Array, y: Array, seed: int) -> Predict:
    model = SVC().fit(X[y >= 0], y[y >= 0])

    def predict(rows: Array) -> Array:
        margins = model.decision_function(rows)
        if margins.ndim == 1:  # of two classes, the second's
            margins = np.stack([np.zeros_like(margins), margins], axis=1)
        return np.exp(log_softmax(margins))

    return predict


OURS, ENSEMBLE, GUARDED, TWIN = "ours", "ours, 5 members", "ours, guarded", "twin"
LOGISTIC, RBF, KNN = "LogisticRegression", "LabelSpreading rbf", "LabelSpreading knn"
METHODS: dict[str, Fit] = {
    LOGISTIC: logistic_regression,
    "SVC": support_vectors,
    KNN: on_all_rows(lambda seed: LabelSpreading(kernel="knn")),
    RBF: on_all_rows(lambda seed: LabelSpreading(kernel="rbf")),
    "SelfTraining(LR)": on_all_rows(
        lambda seed: SelfTrainingClassifier(LogisticRegression(max_iter=1000))
    ),
    TWIN: twin,
    OURS: ours(),
    GUARDED: ours(guard=True),
    ENSEMBLE: ours(members=5),
}


def code_of(method: str) -> str:
    """Return a hash of the estimator's source files for the methods that use them, else nothing."""
    if method not in (OURS, ENSEMBLE, GUARDED, TWIN):
        return ""
    files = sorted(Path(estimator.__path__[0]).glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]
