"""The inception score from sums that rows are added to in any order, in one process or many.

With ``n`` rows in a split, ``P_k = sum_i p_ik`` and ``E = sum_i sum_k p_ik log p_ik``,

``log IS = E / n - sum_k (P_k / n) log(P_k / n)``,

so a split needs K + 1 numbers however many rows it has.

Sums of floating point numbers depend on their order; these do not. Each ``p`` is cut to a multiple
of 2^-58 and each row's ``sum_k p log p`` to one of 2^-53, and these are added as integers, in two
digits of 29 bits. Whole batches, single rows, parts merged and parts of several processes end in
the same bits, as long as the same exponential is at work: processors of one kind, and one version
of torch. The mean of a class moves by less than ``u`` = 2^-58, hence ``log IS`` by less than
``K u log(1 / u)`` + 2^-53 or 1.5e-16 (K + 1), beside the rounding of float64. The first digit of a
sum stays below 2^63 up to 2^28 rows; more are refused.

Paper and released code: the released script holds all rows and computes in float32.
"""

import math
from typing import NamedTuple

import torch
import torch.distributed
from torch import Tensor

from .predictions import LINE, Likelihoods, likelihoods, require_predictions
from .tensor_like import TensorLike

MOST_ROWS = 2**28
DIGIT = 2**29
UNITS = float(DIGIT**2)
"""Units in a probability of 1."""
CERTAINTY = 32
"""Above the logarithm of any number of classes; ``sum_k p log p`` is divided by it."""


class InceptionScore(NamedTuple):
    """A score and what it was taken of.

    Attributes:
        mean: over the splits, at least 1.
        std: deviation over the splits.
        splits: S.
        rows: N, in all splits.
        classes: K.
        correction: 0 for the population deviation, 1 for that of a sample (Bessel).
        order: of the rows, ``as given`` or ``shuffled``.
        classifier: what made the probabilities: weights, preprocessing, whether the last bias is
            in; empty if not named.
    """

    mean: float
    std: float
    splits: int
    rows: int
    classes: int
    correction: int
    order: str
    classifier: str

    def __float__(self) -> float:
        """Return the mean."""
        return self.mean

    def __str__(self) -> str:
        """Return the score with its definition in one line."""
        deviation = "sample" if self.correction else "population"
        return (
            f"inception score {self.mean:.3f} +- {self.std:.3f}: exp(mean KL(p(y|x) || p(y))), "
            f"mean and {deviation} deviation of {self.splits} splits, {self.rows:,} rows "
            f"{self.order}, {self.classes:,} classes, "
            f"classifier {self.classifier or 'not named'}"
        )


class InceptionSums:
    """The sums that the inception score of N rows needs, S x (K + 1), and which rows are in them.

    Row i belongs to split ``((i + 1) S - 1) // N``, that is, split s is rows ``s N // S`` to
    ``(s + 1) N // S``.

    Args:
        rows: N, from the number of splits to 2^28.
        splits: S.
        classes: K.
        device: where the sums are held; rows may be elsewhere.

    Raises:
        ValueError: if these are no such numbers.

    Example:
        >>> sums = InceptionSums(rows=6, splits=2, classes=3)
        >>> sums.update(3, probabilities=torch.eye(3))
        >>> sums.update(0, probabilities=torch.eye(3))
        >>> round(sums.score().mean, 12)
        3.0
    """

    def __init__(
        self, rows: int, splits: int, classes: int, *, device: torch.device | str = "cpu"
    ) -> None:
        if not 1 <= splits <= rows:
            raise ValueError(f"splits must be from 1 to the {rows} rows, got {splits}")
        if rows > MOST_ROWS:
            raise ValueError(f"rows must be at most {MOST_ROWS}, got {rows}")
        if classes < 1:
            raise ValueError(f"classes must be 1 or more, got {classes}")
        self.rows, self.splits, self.classes = rows, splits, classes
        self._seen = torch.zeros(rows, dtype=torch.bool, device=device)
        self._sums = torch.zeros(2, splits, classes + 1, dtype=torch.int64, device=device)

    @torch.no_grad()
    def update(
        self,
        first: int,
        probabilities: TensorLike | None = None,
        *,
        logits: TensorLike | None = None,
    ) -> None:
        """Add a batch; give either probabilities or logits.

        Args:
            first: the number of its first row among the N, from 0.
            probabilities: (B, K), not negative, rows with sum 1 within 1e-4.
            logits: (B, K), finite; their softmax is taken in float64.

        Raises:
            ValueError: if both or neither are given, if they are no such matrix, or if a row is
                beyond the last or was added before. Then nothing was added.
        """
        batch = require_predictions(probabilities, logits, classes=self.classes)
        last = first + len(batch)
        if not 0 <= first < last <= self.rows:
            raise ValueError(f"rows must be from 0 to {self.rows - 1}, got {first} to {last - 1}")
        seen = self._seen[first:last]
        if bool(seen.any()):
            raise ValueError(f"row {first + int(seen.nonzero()[0])} was added before")
        self._seen[first:last] = True
        begin = first
        while begin < last:
            split = ((begin + 1) * self.splits - 1) // self.rows
            end = min(last, (split + 1) * self.rows // self.splits)
            part = batch[begin - first : end - first]
            found = prediction_sums(part, given_logits=logits is not None)
            self._sums[:, split] += found.to(self._sums.device)
            begin = end
        _carry(self._sums)

    def merge(self, other: "InceptionSums") -> None:
        """Add what another has, which stays as it is.

        Args:
            other: of as many rows, splits and classes, on any device.

        Raises:
            ValueError: if it is of another size, or has a row that is here.
        """
        ours = (self.rows, self.splits, self.classes)
        theirs = (other.rows, other.splits, other.classes)
        if ours != theirs:
            raise ValueError(f"sums of rows, splits, classes {ours} cannot take those of {theirs}")
        both = self._seen & other._seen.to(self._seen.device)
        if bool(both.any()):
            raise ValueError(f"row {int(both.nonzero()[0])} is in both sums")
        self._seen |= other._seen.to(self._seen.device)
        self._sums += other._sums.to(self._sums.device)
        _carry(self._sums)

    def all_reduce(self, group: "torch.distributed.ProcessGroup | None" = None) -> None:
        """Add what all processes of a group have, by default of all; every one then has it.

        Args:
            group: None for all processes.

        Raises:
            ValueError: on all of them, if two have the same row.
        """
        times = self._seen.to(torch.int32)
        torch.distributed.all_reduce(times, group=group)
        if bool((times > 1).any()):
            row = int((times > 1).nonzero()[0])
            raise ValueError(f"row {row} is in the sums of {int(times[row])} processes")
        torch.distributed.all_reduce(self._sums, group=group)
        self._seen = times.bool()
        _carry(self._sums)

    def score(self, correction: int = 0, classifier: str = "") -> InceptionScore:
        """Return the score of the N rows.

        Args:
            correction: 0 for the population deviation over the splits, 1 for that of a sample.
            classifier: what made the rows, for the printed definition.

        Raises:
            ValueError: if rows are missing, or ``correction`` is neither or leaves no split.
        """
        require_correction(correction, self.splits)
        mean, std = mean_and_deviation(self._means(), correction)
        rows, order = self.rows, "as given"
        return InceptionScore(
            mean, std, self.splits, rows, self.classes, correction, order, classifier
        )

    def marginals(self) -> Tensor:
        """Return ``p(y)`` of each split, (S, K) float64.

        Raises:
            ValueError: if rows are missing.
        """
        return self._means()[:, :-1]

    def _means(self) -> Tensor:
        """Means of ``p`` and of ``sum_k p log p`` in each split, (S, K + 1), of all N rows."""
        count = int(self._seen.sum())
        if count != self.rows:
            missing = int((~self._seen).nonzero()[0])
            raise ValueError(f"{count} of {self.rows} rows were added, row {missing} was not")
        bounds = torch.arange(self.splits + 1, device=self._sums.device) * self.rows // self.splits
        return split_means(self._sums, bounds.diff())


def require_correction(correction: int, splits: int) -> None:
    """Refuse a correction that is neither 0 nor 1, or leaves no split.

    Args:
        correction: to check.
        splits: S.

    Raises:
        ValueError: if it is one.
    """
    if correction not in (0, 1) or correction >= splits:
        allowed = "0" if splits == 1 else "0 or 1"
        raise ValueError(f"correction must be {allowed} with {splits} splits, got {correction}")


def prediction_sums(batch: Tensor, *, given_logits: bool) -> Tensor:
    """Return what rows of one split add to the sums, (2, K + 1) int64 in two digits.

    Args:
        batch: (B, K), checked.
        given_logits: whether they are logits, not probabilities.
    """
    classes = batch.shape[1]
    sums = torch.zeros(2, classes + 1, dtype=torch.int64, device=batch.device)
    for block in likelihoods(batch, given_logits=given_logits, scale=UNITS):
        sums += _digits(block, classes)
    return sums


def split_means(sums: Tensor, counts: Tensor) -> Tensor:
    """Return the means of ``p`` and of ``sum_k p log p`` in each split, (S, K + 1) float64.

    Args:
        sums: (2, S, K + 1), from `prediction_sums`, added up.
        counts: (S,) rows of each split, 1 or more.
    """
    sums = sums.clone()
    _carry(sums)
    high, low = sums.double()
    means: Tensor = (high * DIGIT + low) / counts[:, None] / UNITS
    means[:, -1] *= CERTAINTY
    return means


def mean_and_deviation(means: Tensor, correction: int) -> tuple[float, float]:
    """Return mean and deviation of the scores of splits.

    Args:
        means: (S, K + 1), from `split_means`.
        correction: 0 for the population deviation, 1 for that of a sample.
    """
    marginals, certainties = means[:, :-1], means[:, -1]
    logarithms = certainties - torch.xlogy(marginals, marginals).sum(dim=1)
    scores = [math.exp(value) for value in logarithms.tolist()]
    mean = math.fsum(scores) / len(scores)
    variance = math.fsum((s - mean) ** 2 for s in scores) / (len(scores) - correction)
    return mean, math.sqrt(variance)


def _carry(sums: Tensor) -> None:
    """Bring the second digits back to [0, 2^29): a sum has one way to be written."""
    high, low = sums
    carry = low >> 29
    high += carry
    low -= carry << 29


def _digits(block: Likelihoods, classes: int) -> Tensor:
    """Sum ``p`` by class and all ``sum_k p log p / 32``, in units and two digits: (2, K + 1).

    Sixteen rows have less than 2^63 units of a class and are added before they are cut in two.
    """
    p, certainty = block
    p[: len(certainty), classes] = certainty * (UNITS / CERTAINTY)
    # In place: an int64 is as wide as a float64, so p's own memory takes the integers, one by one.
    # The conversion drops fractions and is exact below 2^63.
    units = p.view(torch.int64).copy_(p)
    groups = units.view(-1, LINE, p.shape[1]).sum(dim=1)[:, : classes + 1]
    return torch.stack([(groups >> 29).sum(dim=0), (groups & (DIGIT - 1)).sum(dim=0)])
