"""Linear opinions: logistic regression on the labels, and the same taught by itself.

Self-training (Yarowsky, 1995): the surer half of all rows is labelled by the classifier, which is
fitted again to both, rounds over.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from .checks import Array
from .opinions import ABSENT, Evidence, LabeledRows, log_softmax

ROUNDS = 5
MOST_TAUGHT = 1000
"""Rows, drawn at random, that a classifier labels for itself."""
TAUGHT_WEIGHT = 0.5
"""Weight of all rows that it labelled, as a share of that of the given labels."""


@dataclass(frozen=True)
class Linear:
    """Logits that are linear in a row.

    Attributes:
        weights: (A, K).
        biases: (K,).
    """

    weights: Array
    biases: Array

    def log_probabilities(self, rows: Array) -> Array:
        """Return (n, K) logarithms of probabilities of rows (n, A)."""
        return log_softmax(rows @ self.weights + self.biases)


def logistic_regression(task: LabeledRows) -> Evidence:
    """Fit logistic regression to the labelled rows, with scikit-learn's usual penalty."""
    fitted = fit_logistic(task.given, task.labels, task.num_classes)
    held_out = np.empty((len(task.labels), task.num_classes))
    for held, kept in task.without_labels():
        part = fit_logistic(kept.given, kept.labels, task.num_classes)
        held_out[held] = part.log_probabilities(task.given[held])
    return Evidence(fitted, fitted.log_probabilities(task.rows), held_out)


def self_training(task: LabeledRows, first: Evidence) -> Evidence:
    """Fit logistic regression to the labelled rows and to rows that it labels itself.

    Args:
        task: rows and labels.
        first: of `logistic_regression`. Its opinion of labels held out stands for this one's, which
            would take as many times longer.
    """
    order = np.random.default_rng(task.seed).permutation(len(task.rows))
    pool, given = task.rows[order[:MOST_TAUGHT]], task.given
    fitted = first.opinion
    for _ in range(ROUNDS):
        logs = fitted.log_probabilities(pool)
        surest = logs.max(axis=1)
        sure = surest >= np.median(surest)
        share = TAUGHT_WEIGHT * len(given) / sure.sum()
        fitted = fit_logistic(
            np.vstack([given, pool[sure]]),
            np.concatenate([task.labels, logs[sure].argmax(axis=1)]),
            task.num_classes,
            np.concatenate([np.ones(len(given)), share * np.exp(surest[sure])]),
        )
    return Evidence(fitted, fitted.log_probabilities(task.rows), first.held_out)


def fit_logistic(
    rows: Array, labels: Array, num_classes: int, weights: Array | None = None
) -> Linear:
    """Fit logistic regression of K logits.

    Args:
        rows: (L, A).
        labels: (L,) in ``0 .. K - 1``; a class may be absent.
        num_classes: K.
        weights: (L,) of the rows; None for 1 each.
    """
    present = np.unique(labels)
    slopes = np.zeros((rows.shape[1], num_classes))
    biases = np.full(num_classes, ABSENT)
    if len(present) == 1:
        biases[present] = 0
        return Linear(slopes, biases)
    axes = None
    if len(rows) < rows.shape[1]:  # the solution lies in the space of the rows
        left, lengths, axes = np.linalg.svd(rows, full_matrices=False)
        rows = left * lengths
    with warnings.catch_warnings():  # of many classes of few rows; of rounds, which do no harm
        warnings.simplefilter("ignore")
        model = LogisticRegression(max_iter=300).fit(rows, labels, sample_weight=weights)
    found, shifts = model.coef_, model.intercept_
    if len(found) == 1:  # of two classes, the second's log odds
        found, shifts = np.vstack([-found, found]) / 2, np.array([-1, 1]) * shifts / 2
    slopes[:, present] = (found if axes is None else found @ axes).T
    biases[present] = shifts
    return Linear(slopes, biases)
