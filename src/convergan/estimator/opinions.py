"""Opinions: fitted classifiers that a pool multiplies, each of them a few arrays and a formula.

An opinion maps rows to logarithms of class probabilities. It is fitted by the module of its kind
(`convergan.estimator.linear`, `trees`, `graph` and `network`), which also says what the
opinion was of labelled rows while their labels were held out.

Paper and released code: not in Salimans et al. (2016).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ..data import principal_axes
from .checks import Array

FOLDS, FOLDS_OF_MANY, MANY = 10, 3, 1000
"""Parts of the labelled rows that are held out in turn, at most; fewer of more than `MANY` rows."""
ABSENT = -12.0
"""Logit of a class of which there are no labelled rows."""


class Opinion(Protocol):
    """A fitted classifier."""

    def log_probabilities(self, rows: Array) -> Array:
        """Return (n, K) logarithms of probabilities of rows (n, A) of float64."""


@dataclass(frozen=True)
class Reduced:
    """An opinion of the leading principal components.

    Attributes:
        axes: (A, C).
        opinion: of rows (n, C).
    """

    axes: Array
    opinion: Opinion

    def log_probabilities(self, rows: Array) -> Array:
        """Return (n, K) logarithms of probabilities of rows (n, A)."""
        return self.opinion.log_probabilities(rows @ self.axes)


class Evidence(NamedTuple):
    """An opinion and what can be said of it.

    Attributes:
        opinion: fitted to all labels.
        rows: (N, K) its logarithms of probabilities of the task's rows.
        held_out: (L, K) of each labelled row, by the same classifier fitted without the labels of
            the row's fold.
    """

    opinion: Opinion
    rows: Array
    held_out: Array


@dataclass(frozen=True, kw_only=True)
class LabeledRows:
    """What classifiers are fitted to.

    Attributes:
        rows: (N, A) float64 of mean square about 1, labelled ones included.
        labeled: (L,) indices of the labelled rows.
        labels: (L,) their classes, in ``0 .. num_classes - 1``.
        num_classes: K.
        folds: (L,) the fold that holds each label out, see `assign_folds`.
        seed: of what is drawn.
    """

    rows: Array
    labeled: Array
    labels: Array
    num_classes: int
    folds: Array
    seed: int

    @property
    def given(self) -> Array:
        """(L, A) the labelled rows."""
        found: Array = self.rows[self.labeled]
        return found

    def without_labels(self) -> Iterator[tuple[Array, "LabeledRows"]]:
        """Yield for each fold where its labels are, (L,) of bool, and all without them."""
        for fold in range(int(self.folds.max()) + 1):
            held = self.folds == fold
            kept = replace(
                self,
                labeled=self.labeled[~held],
                labels=self.labels[~held],
                folds=self.folds[~held],
            )
            yield held, kept


def assign_folds(labels: Array, seed: int) -> Array:
    """Return the fold of every labelled row, (L,): at most `FOLDS`, of sizes that differ by 1.

    Rows of one class are spread over as many folds as there are, so that with few labels each is
    held out alone.

    Example:
        >>> assign_folds(np.array([0, 1, 0, 1]), 0).tolist()
        [1, 2, 0, 3]
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(len(labels), dtype=np.int64)
    most = FOLDS if len(labels) <= MANY else FOLDS_OF_MANY
    folds[order] = np.arange(len(labels)) % min(most, len(labels))
    return folds


def log_softmax(logits: Array) -> Array:
    """Return the logarithms of the softmax of logits (n, K)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def leading_axes(rows: Array, count: int) -> Array:
    """Return (A, count), the principal axes of rows (N, A) along which they vary most."""
    axes = principal_axes(as_tensor(rows).float(), count)
    return np.ascontiguousarray(axes.double().numpy())


def as_tensor(array: Array) -> Tensor:
    """Return an array as a tensor with the same memory."""
    return torch.from_numpy(np.ascontiguousarray(array))
