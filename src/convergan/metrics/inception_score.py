"""The inception score: how sure a classifier is of each sample, and how varied its answers are.

Salimans et al. (2016), section 4: with ``p(y|x)`` the classes that a classifier sees in sample
``x``, and ``p(y)`` their mean over the samples,

``IS = exp(mean_x KL(p(y|x) || p(y)))``,

from 1, where all predictions are the same, to the number of classes, where they are certain and
the classes even; never above the number of samples. It grows with the number of samples. Scores by
other classifiers, of other numbers of samples or in other splits do not compare.

Paper and released code: the paper has one mean over 50,000 samples. The released script cuts the
rows in their order into ten parts, split i from row ``i N // S`` to ``(i + 1) N // S``, takes
``p(y)`` within each, and gives the mean and the population deviation of the ten scores; so does
this. Rows sorted by class spoil the score, so mix them first. The script computes in float32 and
gives NaN once a probability is 0; here ``0 log 0 = 0`` in float64. Its classifier leaves out the
last bias and has 1,008 outputs; here any classifier will do.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

TOLERANCE = 1e-4
"""How far from 1 a row of probabilities may sum, as those of float32 and float16 do."""


class InceptionScore(NamedTuple):
    """A score and what it was taken of.

    Attributes:
        mean: over the splits, at least 1.
        std: population deviation over the splits.
        splits: S.
        rows: N, in all splits.
        classes: K.
    """

    mean: float
    std: float
    splits: int
    rows: int
    classes: int

    def __str__(self) -> str:
        """Return the score with its definition in one line."""
        return (
            f"inception score {self.mean:.3f} +- {self.std:.3f}: exp(mean KL(p(y|x) || p(y))), "
            f"mean and population deviation of {self.splits} splits in the order given, "
            f"{self.rows:,} rows, {self.classes:,} classes"
        )


def inception_score(
    *, probabilities: Tensor | None = None, logits: Tensor | None = None, splits: int = 10
) -> InceptionScore:
    """Score samples by what a classifier says of them; give either probabilities or logits.

    Args:
        probabilities: (N, K), not negative, rows with sum 1 within 1e-4.
        logits: (N, K), finite; their softmax is taken in float64.
        splits: S, from 1 to N.

    Raises:
        ValueError: if both or neither are given, if they are no such matrix, or if there are fewer
            rows than splits.

    Example:
        >>> sure = torch.eye(4).repeat(25, 1)
        >>> print(inception_score(probabilities=sure, splits=5))  # doctest: +ELLIPSIS
        inception score 4.000 +- 0.000: exp(mean KL(p(y|x) || p(y))), mean and ...
    """
    if probabilities is not None and logits is None:
        rows = probabilities
        _require_finite_matrix(rows, "probabilities")
        _require_probabilities(rows)
    elif logits is not None and probabilities is None:
        rows = logits
        _require_finite_matrix(rows, "logits")
    else:
        given = "neither" if logits is None else "both of them"
        raise ValueError(f"give either probabilities or logits, got {given}")
    count, classes = rows.shape
    if not 1 <= splits <= count:
        raise ValueError(f"splits must be from 1 to the {count} rows, got {splits}")
    scores = []
    for split in range(splits):
        part = rows[split * count // splits : (split + 1) * count // splits].double()
        scores.append(_score(part if logits is None else part.log_softmax(dim=1).exp()))
    mean = math.fsum(scores) / splits
    std = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / splits)
    return InceptionScore(mean, std, splits, count, classes)


def _score(probabilities: Tensor) -> float:
    """Exp of the mean divergence of the rows from their mean, as a difference of two sums."""
    marginal = probabilities.mean(dim=0)  # (K,)
    certainty = torch.xlogy(probabilities, probabilities).sum() / len(probabilities)
    return math.exp(float(certainty - torch.xlogy(marginal, marginal).sum()))


def _require_finite_matrix(rows: Tensor, name: str) -> None:
    if rows.dim() != 2 or not rows.numel() or not rows.is_floating_point():
        raise ValueError(
            f"{name} must be a floating point matrix (N, K), got {rows.dtype} {tuple(rows.shape)}"
        )
    bad = ~rows.isfinite().all(dim=1)
    if bool(bad.any()):
        raise ValueError(f"{name} must be finite, row {int(bad.nonzero()[0])} is not")


def _require_probabilities(rows: Tensor) -> None:
    if float(rows.min()) < 0:
        raise ValueError(f"probabilities must not be negative, got {float(rows.min()):.4g}")
    sums = rows.sum(dim=1, dtype=torch.float64)
    wrong = ((sums - 1).abs() > TOLERANCE).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"rows of probabilities must sum to 1 within {TOLERANCE:g}, row {row} sums to "
            f"{float(sums[row]):.6g}"
        )
