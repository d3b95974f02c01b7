"""Cross-validation where most rows have no label.

An ordinary splitter puts unlabelled rows into test folds and an ordinary scorer counts each of
them as an error: on digits with 89 % of the labels hidden, label spreading that is right on 97 % of
held-out labels scores 0.107. Here both use labelled rows only.

Paper and released code: not in Salimans et al. (2016).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import BaseCrossValidator, StratifiedKFold
from sklearn.utils import _safe_indexing, check_consistent_length

from .checks import Array, require_integer
from .labels import decode_labels, encode_labels, labeled_part


class SemiSupervisedKFold(BaseCrossValidator):  # type: ignore[misc]
    """Hold out each labelled row once; every training fold has all unlabelled rows.

    Test folds are stratified. The rows of a test fold are not in its training fold, not even as
    unlabelled ones, so scores are inductive. A splitter cannot change that, since an index in the
    training fold brings its label with it; see `add_unlabeled_copies` for transductive scores.

    Args:
        n_splits: K, from 2 to the number of labelled rows of the rarest class.
        shuffle: permute the labelled rows of each class first.
        random_state: seed of the shuffle, or a RandomState; None for another shuffle at each split.
        unlabeled_label: what marks unlabelled rows in y; None where every row is labelled.

    Example:
        >>> y = np.array([0, -1, 1, 0, 1, -1])
        >>> for train, test in SemiSupervisedKFold(2, shuffle=False).split(y, y):
        ...     print(train, test)
        [1 3 4 5] [0 2]
        [0 1 2 5] [3 4]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        unlabeled_label: Any = -1,
    ) -> None:
        require_integer("n_splits", n_splits, least=2)
        if not shuffle and random_state is not None:
            raise ValueError(
                f"random_state has no effect without shuffle, got {random_state!r}; use None"
            )
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state
        self.unlabeled_label = unlabeled_label

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        """Yield the training and the test indices of each fold, rising.

        Args:
            X: (n, ...) rows, of which only the number is used.
            y: (n,) labels.
            groups: not used; part of scikit-learn's interface.

        Raises:
            ValueError: for labels that `encode_labels` refuses, lengths that differ, or a class
                with fewer labelled rows than folds.
        """
        if y is None:
            raise ValueError("SemiSupervisedKFold needs y, got None")
        classes, codes = encode_labels(y, self.unlabeled_label)
        check_consistent_length(X, codes)
        labeled = np.flatnonzero(codes >= 0)
        counts = np.bincount(codes[labeled])
        if counts.min() < self.n_splits:
            rarest, fewest = classes.tolist()[counts.argmin()], int(counts.min())
            most = f"n_splits can be {fewest} at most" if fewest > 1 else "it cannot be held out"
            raise ValueError(
                f"class {rarest!r} has {fewest} labeled rows, fewer than n_splits="
                f"{self.n_splits}: {most}"
            )
        chance = self.random_state
        if self.shuffle and chance is None:  # NumPy's global generator stays as it is
            chance = np.random.RandomState(np.random.SeedSequence().generate_state(4))
        folds = StratifiedKFold(self.n_splits, shuffle=self.shuffle, random_state=chance)
        for _, held in folds.split(labeled, codes[labeled]):
            kept = np.ones(len(codes), dtype=bool)
            kept[labeled[held]] = False
            yield np.flatnonzero(kept), labeled[held]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        return int(self.n_splits)


class WithCopies(NamedTuple):
    """Rows and labels for transductive cross-validation.

    Attributes:
        rows: (n + L,) indices: all rows, then the labelled ones again.
        y: (n + L,) their labels, the marker for the copies.
    """

    rows: Array
    y: Array


def add_unlabeled_copies(y: Any, *, unlabeled_label: Any = -1) -> WithCopies:
    """Append the labelled rows once more, without labels, so that cross-validation is transductive.

    `SemiSupervisedKFold` on ``X[rows]`` and the new y holds labelled rows out as before, but their
    copies, being unlabelled, stay in every training fold. So scores are of rows whose features, but
    not labels, were there in training. Labelled rows of training folds are among the unlabelled
    rows as well, as in the released code of Salimans et al. (2016).

    Args:
        y: (n,) labels.
        unlabeled_label: the marker, a number or a text.

    Raises:
        ValueError: as `encode_labels`, or if the marker is None.

    Example:
        >>> rows, y = add_unlabeled_copies(np.array([7, -1, 8]))
        >>> rows.tolist(), y.tolist()
        ([0, 1, 2, 0, 2], [7, -1, 8, -1, -1])
    """
    classes, codes = encode_labels(y, unlabeled_label)
    labeled = np.flatnonzero(codes >= 0)
    extended = np.concatenate([codes, np.full(len(labeled), -1)])
    rows = np.concatenate([np.arange(len(codes)), labeled])
    return WithCopies(rows, decode_labels(classes, extended, unlabeled_label))


@dataclass(frozen=True)
class LabeledScorer:
    """A scorer as scikit-learn calls it, ``scorer(estimator, X, y)``; see `labeled_scorer`.

    Attributes:
        scorer: scores the labelled rows.
        unlabeled_label: the marker of the others.
    """

    scorer: Callable[[Any, Any, Any], float]
    unlabeled_label: Any

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Return the score of the labelled rows.

        Raises:
            ValueError: if there are none, or the score is not finite.
        """
        part = labeled_part(y, self.unlabeled_label)
        if not len(part.rows):
            raise ValueError("a score needs labeled rows, y has none: use SemiSupervisedKFold")
        score = float(self.scorer(estimator, _safe_indexing(X, part.rows), part.labels))
        if not np.isfinite(score):
            raise ValueError(f"the score of {len(part.rows)} labeled rows is {score}")
        return score


def labeled_scorer(
    metric: str | Callable[[Any, Any], float],
    *,
    unlabeled_label: Any = -1,
    response: str | None = None,
) -> LabeledScorer:
    """Return a scorer of labelled rows only.

    scikit-learn's searches turn errors of a scorer into NaN and a warning, unless they are given
    ``error_score="raise"``.

    Args:
        metric: name of any of scikit-learn's scorers, such as ``accuracy``, ``balanced_accuracy``
            or ``neg_log_loss``; or a function of labels and predictions, larger being better.
        unlabeled_label: what marks unlabelled rows in y; None where every row is labelled.
        response: predictions that a function is given, ``predict`` (the default) or
            ``predict_proba``, of which scikit-learn passes the second column alone where there are
            two classes. None for a name.

    Raises:
        ValueError: if there is no scorer of this name, or the response is another.

    Example:
        >>> from sklearn.neighbors import KNeighborsClassifier
        >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> model = KNeighborsClassifier(1).fit(X[[0, 3]], [0, 1])
        >>> labeled_scorer("accuracy")(model, X, np.array([0, -1, 0, -1]))
        0.5
    """
    if isinstance(metric, str):
        if response is not None:
            raise ValueError(f"response is for functions, {metric!r} knows its own: use None")
        return LabeledScorer(get_scorer(metric), unlabeled_label)
    if response not in (None, "predict", "predict_proba"):
        raise ValueError(f"response must be predict or predict_proba, got {response!r}")
    scorer = make_scorer(metric, response_method=response or "predict")
    return LabeledScorer(scorer, unlabeled_label)
