"""Whether labelled and unlabelled rows are of one distribution: a classifier two-sample test.

Lopez-Paz & Oquab (2017), "Revisiting Classifier Two-Sample Tests": if a classifier separates two
samples on rows that it has not seen, they are not of one distribution. It has to be a new one: the
classifier that was fitted to the labels has memorised the labelled rows.

Paper and released code: not in Salimans et al. (2016).
"""

import numpy as np
import torch
from scipy.stats import mannwhitneyu
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from ..data import principal_axes
from .checks import Array

FOLDS, COMPONENTS = 5, 20
MOST_OTHERS = 2000


def mismatch_pvalue(labeled: Array, others: Array, seed: int) -> float | None:
    """Return the p-value of labelled rows and others being samples of one distribution.

    Logistic regression on principal components scores every row in one of five folds. The one-sided
    test of Mann & Whitney says whether labelled rows score higher. It detects other classes among
    the others, and other proportions of the same classes.

    Args:
        labeled: (L, A).
        others: (M, A); at most 2,000 of them, drawn at random, are used.
        seed: of the draw and the folds.

    Returns:
        In [0, 1], or None where either has fewer than five rows.
    """
    if min(len(labeled), len(others)) < FOLDS:
        return None
    chance = np.random.default_rng(seed)
    rows = np.vstack([labeled, others[chance.permutation(len(others))[:MOST_OTHERS]]])
    given = np.arange(len(rows)) < len(labeled)
    axes = principal_axes(torch.from_numpy(rows), min(COMPONENTS, rows.shape[1]))
    rows = rows @ axes.numpy()
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_predict(model, rows, given, cv=folds, method="decision_function")
    return float(mannwhitneyu(scores[given], scores[~given], alternative="greater").pvalue)
