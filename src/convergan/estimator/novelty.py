"""Whether unlabelled rows are of a class that no label names: a test of how labels cover the rows.

If every class has labels, the labelled rows of a class are a random draw of its rows, as far as
they were chosen at random. So other draws of as many rows of each predicted class would cover all
rows about as well. A class without labels is left uncovered by the labels that there are, and
covered by other draws, since its rows are predicted as one class or another. This is a Monte Carlo
test (Barnard, 1963). Shares of classes among labels and rows may differ as they like.

Paper and released code: not in Salimans et al. (2016).
"""

import warnings

import numpy as np
import torch
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression

from ..data import principal_axes
from .checks import Array

UNSEEN = 0.02
"""p-value up to which a class without labels is likely. Of 216 sets of labels of nine data sets,
108 of them with a class hidden, it found 46 % of those and 5 % of the others: 91 % of its warnings
were right."""
COMPONENTS = 20
DRAWS = 199
MOST_OTHERS, MOST_LABELED = 1000, 500
"""Rows that are looked at, at most; of more labelled ones as many of each class."""
LEAST_OTHERS, LEAST_LABELS = 20, 5
"""Unlabelled rows, and labels of a class on average, for a test; it was measured with no fewer."""
FARTHEST = 0.25
"""Share of rows, those farthest from the labelled ones, whose mean distance is compared."""


def unseen_class_pvalue(labeled: Array, labels: Array, others: Array, seed: int) -> float | None:
    """Return the p-value of every row being of a class that has labels.

    Logistic regression predicts the classes of unlabelled rows. The statistic is the mean distance
    to the nearest labelled row, on principal components, of the quarter of rows that are farthest
    from them; it is compared with its values for random draws of as many rows of each class.

    Args:
        labeled: (L, A), standardised.
        labels: (L,) classes in ``0 .. K - 1``.
        others: (M, A) unlabelled rows; at most 1,000 of them, drawn at random, are used.
        seed: of the draws.

    Returns:
        In (0, 1], in steps of 1/200, or None where fewer than 20 rows are unlabelled, fewer than
        two classes have labels or a class has fewer than five of them on average.
    """
    classes = len(np.unique(labels))
    if len(others) < LEAST_OTHERS or classes < 2 or len(labels) < LEAST_LABELS * classes:
        return None
    chance = np.random.default_rng(seed)
    kept = _some_of_each(labels, chance)
    given = labels[kept]
    rows = np.vstack([labeled[kept], others[chance.permutation(len(others))[:MOST_OTHERS]]])
    axes = principal_axes(torch.from_numpy(rows), min(COMPONENTS, rows.shape[1]))
    points = rows @ axes.numpy()
    with warnings.catch_warnings():  # scikit-learn takes many classes of few rows for regression
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model = LogisticRegression(max_iter=1000).fit(points[: len(given)], given)
    predicted = np.concatenate([given, model.predict(points[len(given) :])])
    distances = cdist(points, points)
    observed = _uncovered(distances, np.arange(len(given)))
    members = [
        (np.flatnonzero(predicted == one), int((given == one).sum())) for one in np.unique(given)
    ]
    drawn = [
        np.concatenate([chance.choice(own, count, replace=False) for own, count in members])
        for _ in range(DRAWS)
    ]
    above = sum(_uncovered(distances, chosen) >= observed for chosen in drawn)
    return (above + 1) / (DRAWS + 1)


def _some_of_each(labels: Array, chance: np.random.Generator) -> Array:
    """Return labelled rows, of many as many of each class as come to `MOST_LABELED`."""
    order = chance.permutation(len(labels))
    most = max(1, MOST_LABELED // len(np.unique(labels)))
    found = [order[labels[order] == one][:most] for one in np.unique(labels)]
    return np.sort(np.concatenate(found))


def _uncovered(distances: Array, chosen: Array) -> float:
    """Return the mean distance of the farthest rows to the nearest of those chosen."""
    nearest = distances[chosen].min(axis=0)
    return float(np.sort(nearest)[-max(1, int(len(nearest) * FARTHEST)) :].mean())
