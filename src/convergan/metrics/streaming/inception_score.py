"""The inception score of batches, from sums of whole numbers."""

from typing import Any

import torch
from torch import Tensor

from ..inception_sums import mean_and_deviation, prediction_sums, require_correction, split_means
from ..predictions import require_predictions
from ..tensor_like import TensorLike
from .any_extractor import AnyExtractor
from .metric import MeanAndDeviation, StreamingMetric, mean_and_std, require_at_least


class InceptionScore(StreamingMetric):
    """The inception score, from sums of whole numbers: see `convergan.metrics.InceptionSums`.

    Row i of a process goes to split i mod S, so that nobody needs to know the number of rows. With
    ``splits=1``, as in the paper's formula, the score has the same bits for any batches, order and
    number of processes.

    Args:
        extractor: a name, an `Extractor`, a function or a module; None where logits are given.
        num_classes: K; None where the extractor says it.
        splits: S.
        correction: 0 for the population deviation over the splits, 1 for that of a sample, which
            torchmetrics has.
        probabilities: whether rows are probabilities, not logits.
        settings: of `torchmetrics.Metric`.

    Raises:
        ValueError: if these are no such numbers, or the number of classes is not known.

    Example:
        >>> score = InceptionScore(num_classes=4, splits=1, probabilities=True)
        >>> score.update(torch.eye(4))
        >>> round(float(score.compute()), 12)
        4.0
    """

    higher_is_better = True
    sums: Tensor
    counts: Tensor

    def __init__(
        self,
        extractor: AnyExtractor = None,
        *,
        num_classes: int | None = None,
        splits: int = 10,
        correction: int = 0,
        probabilities: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(extractor, "logits", num_classes, **settings)
        require_correction(correction, require_at_least(1, "splits", splits))
        self.splits, self.correction, self.probabilities = splits, correction, probabilities
        self._turn = 0
        sums = torch.zeros(2, splits, self._require_width("num_classes") + 1, dtype=torch.int64)
        self.add_state("sums", sums, dist_reduce_fx="sum")
        self.add_state("counts", torch.zeros(splits, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, images: TensorLike) -> None:
        """Add a batch.

        Args:
            images: what the extractor takes; without one logits or probabilities (B, K).

        Raises:
            ValueError: if they are none, not finite, or no probabilities where these are promised.
        """
        rows = self._rows(images, "probabilities" if self.probabilities else "logits")
        given = (rows, None) if self.probabilities else (None, rows)
        batch = require_predictions(*given, classes=self._width)
        start = self._next_split()
        sums, counts = self.sums.clone(), self.counts.clone()
        for offset in range(min(self.splits, len(batch))):
            split = (start + offset) % self.splits
            part = batch[offset :: self.splits]
            sums[:, split] += prediction_sums(part, given_logits=not self.probabilities)
            counts[split] += len(part)
        self.sums, self.counts = sums, counts
        self._turn = (start + len(batch)) % self.splits

    def compute(self) -> MeanAndDeviation:
        """Return mean and deviation over the splits, float64.

        Raises:
            ValueError: if there are fewer rows than splits.
        """
        if not bool(self.counts.all()):
            rows = int(self.counts.sum())
            raise ValueError(f"splits must be at most the {rows} rows, got {self.splits}")
        found = mean_and_deviation(split_means(self.sums, self.counts), self.correction)
        return mean_and_std(*found, self.device)

    def _next_split(self) -> int:
        """Return the split after the one that was filled last, also of a state that was loaded.

        `forward` takes a batch in an empty state and adds what was there; then ``_turn`` knows.
        """
        counts = self.counts.tolist()
        lower = [split for split in range(self.splits) if counts[split] < counts[split - 1]]
        return lower[0] if lower else self._turn
