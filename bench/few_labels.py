"""A few labels of the sets embedded in scikit-learn: ours beside what else is at hand.

``python -m bench.few_labels [--data digits] [--labels 2 5 10] [--seeds 3] [--methods ...]``, one
thread. Half of the rows, the same for all, is for testing and looked at once. A seed draws the
labels of the other half and is that of every method; all other labels there are hidden. Nothing is
tuned: every method has its defaults. All see the same features: digits in [0, 1], the other sets
with mean 0 and deviation 1 over the training half; ours scales them once more.

A line gives mean and sample standard deviation of the test error in percent and every seed's, the
negative log-likelihood of the test labels in nats (probabilities of 1e-15 at least), the expected
calibration error in percent, and seconds of the process to fit, all averaged over seeds. Rows for
which a method has no probabilities (NaN) count as wrong and as uniform.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from convergan.estimator import SemiSupervisedGANClassifier, calibration_error, mask_labels
from convergan.estimator.fitting import be_silent, choose_steps, log_softmax
from convergan.estimator.member import Lesson, forward, train_twin
from convergan.spelling import mean_and_deviation, spell

Array = np.ndarray[Any, Any]
SETS = {
    "digits": load_digits,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
    "iris": load_iris,
}


class Problem(NamedTuple):
    """Rows and labels of both halves."""

    X: Array
    y: Array
    X_test: Array
    y_test: Array


def load(name: str) -> Problem:
    """Return a set in halves, with as many of each class."""
    rows, labels = SETS[name](return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        rows, labels, test_size=0.5, stratify=labels, random_state=0
    )
    if name == "digits":
        return Problem(X / 16, y, X_test / 16, y_test)
    scale = StandardScaler().fit(X)
    return Problem(scale.transform(X), y, scale.transform(X_test), y_test)


def twin(X: Array, y: Array, X_test: Array, seed: int) -> Array:
    """Probabilities by our classifier of the same steps, on labelled rows alone."""
    scale = StandardScaler().fit(X)
    labeled = np.flatnonzero(y >= 0)
    batch_size = min(100, len(X))
    lesson = Lesson(
        rows=torch.from_numpy(scale.transform(X)).float(),
        labeled=torch.from_numpy(labeled),
        labels=torch.from_numpy(y[labeled]),
        num_classes=int(y.max()) + 1,
        steps=choose_steps(len(X), batch_size, None),
        batch_size=batch_size,
        unlabeled_weight=0.0,
        seed=seed,
        device=torch.device("cpu"),
    )
    logits = forward(train_twin(lesson, be_silent).layers, scale.transform(X_test))
    probabilities: Array = np.exp(log_softmax(logits))
    return probabilities


def ours(**settings: Any) -> Callable[[Array, Array, Array, int], Array]:
    def fit(X: Array, y: Array, X_test: Array, seed: int) -> Array:
        model = SemiSupervisedGANClassifier(random_state=seed, device="cpu", **settings)
        found: Array = model.fit(X, y).predict_proba(X_test)
        return found

    return fit


def theirs(
    model: Any, *, labeled_only: bool = False
) -> Callable[[Array, Array, Array, int], Array]:
    def fit(X: Array, y: Array, X_test: Array, seed: int) -> Array:
        kept = y >= 0 if labeled_only else np.ones(len(y), dtype=bool)
        found: Array = model.fit(X[kept], y[kept]).predict_proba(X_test)
        return found

    return fit


METHODS = {
    "ours": ours(guard=False),
    "twin": twin,
    "LogisticRegression": theirs(LogisticRegression(max_iter=1000), labeled_only=True),
    "LabelSpreading rbf": theirs(LabelSpreading(kernel="rbf")),
    "LabelSpreading knn": theirs(LabelSpreading(kernel="knn")),
    "SelfTraining(LR)": theirs(SelfTrainingClassifier(LogisticRegression(max_iter=1000))),
    "ours, guarded": ours(guard=True),
    "ours, 5 members": ours(guard=False, n_estimators=5),
}
DEFAULT = list(METHODS)[:6]


def judge(probabilities: Array, labels: Array) -> tuple[float, float, float]:
    """Return error in percent, negative log-likelihood and calibration error in percent."""
    lost = np.isnan(probabilities.sum(axis=1))
    known = np.where(lost[:, None], 1 / probabilities.shape[1], probabilities)
    known = known / known.sum(axis=1, keepdims=True)
    wrong = lost | (known.argmax(axis=1) != labels)
    likelihood = known[np.arange(len(labels)), labels].clip(min=1e-15)
    calibration = calibration_error(known, labels)
    return 100 * float(wrong.mean()), float(-np.log(likelihood).mean()), 100 * calibration


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", choices=SETS, default=["digits"])
    parser.add_argument("--labels", type=int, nargs="+", default=[2, 5, 10], help="of each class")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=DEFAULT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.data:
        problem = load(name)
        for count in arguments.labels:
            print(
                f"\n{name}, {count} labels a class of {len(problem.y)} rows, "
                f"{len(problem.y_test)} test rows"
            )
            for method in arguments.methods:
                compare(problem, count, method, arguments.seeds)


def compare(problem: Problem, count: int, method: str, seeds: int) -> None:
    """Print the line of a method."""
    figures, seconds = [], 0.0
    notices: list[str] = []
    for seed in range(seeds):
        y = mask_labels(problem.y, count, random_state=seed)
        started = time.process_time()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            probabilities = METHODS[method](problem.X, y, problem.X_test, seed)
        seconds += time.process_time() - started
        figures.append(judge(probabilities, problem.y_test))
        notices += [f"seed {seed}: {str(entry.message)[:70]}" for entry in caught]
    errors, likelihoods, calibrations = (list(column) for column in zip(*figures, strict=True))
    spelled = spell(mean_and_deviation(errors), ".2f", ".2f")
    every = " ".join(f"{error:.2f}" for error in errors)
    print(
        f"  {method:20} error {spelled:15} ({every})  nll {np.mean(likelihoods):.3f}  "
        f"calibration {np.mean(calibrations):5.2f}  {seconds / seeds:.2f} s",
        flush=True,
    )
    for notice in sorted(set(notices)):
        print(f"      {notice}")


if __name__ == "__main__":
    main()
