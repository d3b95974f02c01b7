"""Calibration of probabilities and scores, on rows that training did not see.

Paper and released code: not in Salimans et al. (2016).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr, betaincinv

from .checks import Array, require_finite, require_integer

COLDEST, HOTTEST = 0.05, 20.0
"""Range of temperatures."""


class HeldOut(NamedTuple):
    """What the pool says of rows whose labels were held out from all of it.

    Attributes:
        rows: (T,) their numbers among the rows of `fit`: those whose class has another label.
        probabilities: (T, K).
    """

    rows: Array
    probabilities: Array


class RiskTable(NamedTuple):
    """Risk and coverage of a classifier that answers only its most confident rows.

    Attributes:
        threshold: least confidence of a row that is answered, one for each coverage asked for.
        coverage: share of rows that are answered.
        rows: number of rows that are answered.
        risk: share of these that are wrong.
        low: lower end of the exact interval of the risk (Clopper & Pearson, 1934).
        high: its upper end.
        level: least probability that one such interval covers the risk.
    """

    threshold: tuple[float, ...]
    coverage: tuple[float, ...]
    rows: tuple[int, ...]
    risk: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    level: float

    def __str__(self) -> str:
        """Return the table as text."""
        lines = [f"confidence  answered   rows   wrong  {self.level:.0%} interval"]
        columns = (self.threshold, self.coverage, self.rows, self.risk, self.low, self.high)
        for threshold, coverage, rows, risk, low, high in zip(*columns, strict=True):
            lines.append(
                f">= {threshold:7.4f}  {coverage:8.1%} {rows:6d}  {risk:6.2%}  "
                f"{low:.2%} to {high:.2%}"
            )
        return "\n".join(lines)


def fit_temperature(logits: Array, labels: Array) -> float:
    """Return the T > 0 for which ``softmax(logits / T)`` gives the labels most likelihood.

    The mean of ``logsumexp(b l) - b l_y`` is convex in ``b = 1 / T``; its derivative, the mean of
    ``sum_k p_k l_k - l_y``, is bisected between T of 0.05 and 20 (Guo et al., 2017, section 4.2).
    Where each label's logit is the largest of its row, likelihood grows without end as T falls, and
    1 is returned. Where predictions are no better than chance, 20.

    Args:
        logits: (n, K) finite, of rows that training did not see.
        labels: (n,) their classes, in ``0 .. K - 1``.

    Raises:
        ValueError: for other shapes or values.

    Example:
        >>> logits = np.array([[4.0, 0.0]] * 4)  # sure, and wrong once in four
        >>> round(fit_temperature(logits, np.array([0, 0, 0, 1])), 3)  # 4 / T = log 3
        3.641
    """
    logits, labels = _check(logits, labels, "logits")
    return _bisect_temperature(logits, logits[np.arange(len(labels)), labels])


def _bisect_temperature(logits: Array, own: Array) -> float:
    """Find the T for which the expected logit of each row is, on average, ``own`` (n,)."""
    if (own == logits.max(axis=1)).all():
        return 1.0
    shifted = logits - logits.max(axis=1, keepdims=True)

    def slope(inverse: float) -> float:
        weights = np.exp(inverse * shifted)
        expected = (weights * logits).sum(axis=1) / weights.sum(axis=1)
        return float((expected - own).mean())

    low, high = math.log(1 / HOTTEST), math.log(1 / COLDEST)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(math.exp(middle)) < 0 else (low, middle)
    return math.exp(-(low + high) / 2)


def conformal_pvalues(scores: Array, reference_scores: Array) -> Array:
    """Return how unusually low scores are among those of m other rows.

    ``p(s) = (1 + #{i : s_i <= s}) / (m + 1)``, at least ``1 / (m + 1)``. If a row and the m others
    are exchangeable, ``P(p <= a) <= a`` for every a (Vovk et al., 2005; Bates et al., 2023).

    Args:
        scores: (n,).
        reference_scores: (m,) of rows that training did not see, one at least.

    Raises:
        ValueError: if a score is NaN or there is no reference.

    Example:
        >>> conformal_pvalues(np.array([0.0, 2.5]), np.array([3.0, 1.0, 2.0]))
        array([0.25, 0.75])
    """
    scores = np.asarray(scores, dtype=np.float64)
    reference = np.sort(np.asarray(reference_scores, dtype=np.float64))
    if reference.ndim != 1 or not len(reference):
        raise ValueError(f"reference_scores must be (m,), m at least 1, got {reference.shape}")
    if np.isnan(scores).any() or np.isnan(reference).any():
        raise ValueError("scores and reference_scores must not be NaN")
    pvalues: Array = (1 + np.searchsorted(reference, scores, side="right")) / (len(reference) + 1)
    return pvalues


def risk_table(
    confidence: Array,
    correct: Array,
    coverages: Sequence[float] = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5),
    *,
    level: float = 0.95,
) -> RiskTable:
    """Measure how often the most confident rows are wrong.

    Rows of equal confidence are answered together, so that thresholds are exact; coverages that
    come to the same rows are one line.

    Args:
        confidence: (n,) of rows that training did not see, for example the largest probability.
        correct: (n,) whether the prediction is right.
        coverages: least share of rows to answer, each in (0, 1].
        level: of the intervals, in (0, 1).

    Raises:
        ValueError: for other shapes or values.

    Example:
        >>> right = np.array([True, True, True, False])
        >>> print(risk_table(np.array([0.9, 0.8, 0.7, 0.6]), right, (1, 0.5)))
        confidence  answered   rows   wrong  95% interval
        >=  0.6000    100.0%      4  25.00%  0.63% to 80.59%
        >=  0.8000     50.0%      2   0.00%  0.00% to 84.19%
    """
    confidence, correct = np.asarray(confidence, dtype=np.float64), np.asarray(correct)
    if confidence.ndim != 1 or confidence.shape != correct.shape or not len(confidence):
        raise ValueError(
            f"confidence and correct must be (n,), n at least 1, got {confidence.shape} and "
            f"{correct.shape}"
        )
    if np.isnan(confidence).any() or correct.dtype != bool:
        raise ValueError("confidence must not be NaN and correct be True or False")
    wanted = [0 < coverage <= 1 for coverage in coverages]
    if not wanted or not all(wanted) or not 0 < level < 1:
        raise ValueError(
            f"coverages must be in (0, 1] and level in (0, 1), got {coverages}, {level}"
        )
    falling = np.sort(confidence)[::-1]
    least = [falling[_least_rows(coverage, len(falling)) - 1] for coverage in coverages]
    thresholds = list(dict.fromkeys(least))  # equal confidences answer the same rows
    rows = [int((confidence >= threshold).sum()) for threshold in thresholds]
    wrong = [int((~correct[confidence >= threshold]).sum()) for threshold in thresholds]
    intervals = [_exact_interval(w, n, level) for w, n in zip(wrong, rows, strict=True)]
    return RiskTable(
        threshold=tuple(map(float, thresholds)),
        coverage=tuple(n / len(falling) for n in rows),
        rows=tuple(rows),
        risk=tuple(w / n for w, n in zip(wrong, rows, strict=True)),
        low=tuple(low for low, _ in intervals),
        high=tuple(high for _, high in intervals),
        level=level,
    )


def calibration_error(probabilities: Array, labels: Array, bins: int = 15) -> float:
    """Return the expected calibration error of the most probable class (Guo et al., 2017).

    ``sum_b n_b / n |accuracy_b - confidence_b|`` over equal bins ``(b / B, (b + 1) / B]`` of the
    largest probability. For few rows it is above 0 even where probabilities are true.

    Args:
        probabilities: (n, K), rows with sum 1.
        labels: (n,) in ``0 .. K - 1``.
        bins: B.

    Raises:
        ValueError: for other shapes or values.

    Example:
        >>> calibration_error(np.array([[0.75, 0.25]] * 4), np.array([0, 0, 1, 1]))
        0.25
    """
    require_integer("bins", bins)
    probabilities, labels = _check(probabilities, labels, "probabilities")
    confidence = probabilities.max(axis=1)
    surplus = confidence - (probabilities.argmax(axis=1) == labels)
    numbers = np.searchsorted(np.arange(1, bins) / bins, confidence, side="left")
    sums = np.bincount(numbers, weights=surplus, minlength=bins)
    return float(np.abs(sums).sum() / len(labels))


def brier_score(probabilities: Array, labels: Array) -> float:
    """Return the mean over rows of ``sum_k (p_k - [y = k])^2``, from 0 to 2 (Brier, 1950).

    Args:
        probabilities: (n, K), rows with sum 1.
        labels: (n,) in ``0 .. K - 1``.

    Raises:
        ValueError: for other shapes or values.

    Example:
        >>> brier_score(np.array([[0.5, 0.5]]), np.array([1]))
        0.5
    """
    probabilities, labels = _check(probabilities, labels, "probabilities")
    differences = probabilities - np.eye(probabilities.shape[1])[labels]
    return float(np.square(differences).sum(axis=1).mean())


def mcnemar(b: int, c: int) -> float:
    """Return the exact p-value of two classifiers having equal accuracy, from paired predictions.

    ``min(1, 2 P(Bin(b + c, 1/2) <= min(b, c)))`` (McNemar, 1947, without its approximation).

    Args:
        b: rows that only the first gets right.
        c: rows that only the second gets right.

    Raises:
        ValueError: if a number is negative.

    Example:
        >>> mcnemar(0, 5)
        0.0625
    """
    if min(b, c) < 0:
        raise ValueError(f"b and c must not be negative, got {b} and {c}")
    return min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5)))


def _least_rows(coverage: float, rows: int) -> int:
    return max(1, math.ceil(coverage * rows - 1e-9))  # 0.7 of 10 is 7, whatever the rounding


def _exact_interval(wrong: int, rows: int, level: float) -> tuple[float, float]:
    """Return the interval of Clopper & Pearson (1934) for a share."""
    tail = (1 - level) / 2
    low = float(betaincinv(wrong, rows - wrong + 1, tail)) if wrong else 0.0
    high = float(betaincinv(wrong + 1, rows - wrong, 1 - tail)) if wrong < rows else 1.0
    return low, high


def _check(values: Array, labels: Array, name: str) -> tuple[Array, Array]:
    values, labels = np.asarray(values, dtype=np.float64), np.asarray(labels)
    if values.ndim != 2 or labels.shape != values.shape[:1] or not values.size:
        raise ValueError(
            f"{name} must be (n, K) and labels (n,), n at least 1, got {values.shape} and "
            f"{labels.shape}"
        )
    require_finite(name, values)
    if labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < values.shape[1]:
        raise ValueError(
            f"labels must be integers from 0 to {values.shape[1] - 1}, got {labels.dtype} from "
            f"{labels.min()} to {labels.max()}"
        )
    if name == "probabilities" and (
        values.min() < 0 or np.abs(values.sum(axis=1) - 1).max() > 1e-4
    ):
        raise ValueError("rows of probabilities must not be negative and sum to 1 within 1e-4")
    return values, labels
