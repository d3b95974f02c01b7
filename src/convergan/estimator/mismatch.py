"""Whether labelled rows look like the others: a classifier two-sample test.

Lopez-Paz & Oquab (2017), "Revisiting Classifier Two-Sample Tests": if a classifier can tell two
samples apart on rows that it has not seen, they are not of one law. Nothing that learned the labels
may be asked, since it knows labelled rows by heart.

Paper and released code: not in Salimans et al. (2016).
"""

import numpy as np
import torch
from scipy.stats import mannwhitneyu
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from ..data import principal_axes
from .calibration import Array

FOLDS, COMPONENTS = 5, 20
MOST_OTHERS = 2000


def mismatch_pvalue(labeled: Array, others: Array, seed: int) -> float | None:
    """Return the p-value of labelled rows being a sample of the same law as the others.

    Logistic regression on principal components scores every row in one of five folds; do labelled
    rows score higher, by the one-sided test of Mann & Whitney? Rows of other classes are seen, and
    classes in other proportions as well.

    Args:
        labeled: (L, A).
        others: (M, A); at most 2,000 of them are used, by chance.
        seed: decides which, and the folds.

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
