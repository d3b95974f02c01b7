"""The figures for one's own loop: metrics of torchmetrics, over the sums that are used here.

They are what the functions of `convergan.metrics` give for all rows at once, whatever the batches:
moments and sums are in float64 and whole numbers, whatever the precision of the network. They go
into a `torchmetrics.MetricCollection`, log in Lightning, and join the processes of a group when
they are computed. Keyword arguments that are not listed are those of `torchmetrics.Metric`.

A batch of a distance has one side, so its `forward` adds the batch and returns NaN.

Needs torchmetrics: ``pip install 'convergan[torchmetrics]'``.

Paper and released code: section 4 has the inception score; here in any number of batches.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .any_extractor import AnyExtractor, Part, extracted_rows, known_extractor, row_width
from .different_bins import different_bins
from .frechet_distance import FeatureMoments, frechet_distance
from .inception_sums import mean_and_deviation, prediction_sums, require_correction, split_means
from .kernel_distance import kernel_distance
from .matrices import finite_matrix
from .precision_recall import precision_recall
from .predictions import require_predictions
from .tensor_like import TensorLike

try:
    from torchmetrics import Metric
    from torchmetrics.utilities.distributed import gather_all_tensors
except ModuleNotFoundError:
    raise ImportError(
        "convergan.metrics.streaming needs torchmetrics: pip install 'convergan[torchmetrics]'"
    ) from None


class MeanAndDeviation(NamedTuple):
    """A figure over splits or subsets; ``float`` of it is the mean.

    Attributes:
        mean: a scalar.
        std: a scalar.
    """

    mean: Tensor
    std: Tensor

    def __float__(self) -> float:
        """Return the mean."""
        return float(self.mean)


class _StreamingMetric(Metric):
    """What all have in common: the extractor, and states that no change of precision touches."""

    is_differentiable = False
    full_state_update = False

    def __init__(
        self, extractor: AnyExtractor, part: Part, width: int | None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self._named = extractor if isinstance(extractor, str) else None
        self.extractor = known_extractor(extractor, self.device)
        self._part: Part = part
        self._width = width

    def _rows(self, images: TensorLike, name: str) -> TensorLike:
        rows = extracted_rows(self.extractor, images, self._part, device=self.device)
        return finite_matrix(rows, name, width=self._width).detach().to(self.device)

    def _require_width(self, keyword: str) -> int:
        self._width = self._width or row_width(self.extractor, self._part)
        if self._width is None:
            raise ValueError(f"give {keyword}=..., as the extractor does not say it")
        return self._width

    def set_dtype(self, dst_type: str | torch.dtype) -> "_StreamingMetric":
        """Change nothing: sums stay in float64 or whole numbers."""
        return self

    def _apply(
        self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = ()
    ) -> "_StreamingMetric":
        """Move states with the metric, and convert them never."""
        before = self.device
        super()._apply(fn, list(self._defaults))
        for name, start in self._defaults.items():
            self._defaults[name] = self._moved(start)
            setattr(self, name, self._moved(getattr(self, name)))
        if self._named and self.device != before:
            self.extractor = known_extractor(self._named, self.device)
        return self

    def _moved(self, state: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        if isinstance(state, Tensor):
            return state.to(self.device)
        return [part.to(self.device) for part in state]


class InceptionScore(_StreamingMetric):
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
        if splits < 1:
            raise ValueError(f"splits must be 1 or more, got {splits}")
        require_correction(correction, splits)
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
        for offset in range(min(self.splits, len(batch))):
            split = (start + offset) % self.splits
            part = batch[offset :: self.splits]
            self.sums[:, split] += prediction_sums(part, given_logits=not self.probabilities)
            self.counts[split] += len(part)
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
        return _mean_and_deviation(*found, self.device)

    def _next_split(self) -> int:
        """Return the split after the one that was filled last, also of a state that was loaded.

        `forward` takes a batch in an empty state and adds what was there; then ``_turn`` knows.
        """
        counts = self.counts.tolist()
        lower = [split for split in range(self.splits) if counts[split] < counts[split - 1]]
        return lower[0] if lower else self._turn


class _TwoSets(_StreamingMetric):
    """A figure of real and fake rows."""

    def __init__(
        self,
        extractor: AnyExtractor,
        num_features: int | None,
        reset_real_features: bool,
        **settings: Any,
    ) -> None:
        super().__init__(extractor, "features", num_features, **settings)
        self.reset_real_features = reset_real_features

    def forward(self, images: TensorLike, real: bool) -> Tensor:
        """Add a batch and return NaN: a batch has one side. See `update`."""
        self.update(images, real=real)
        self._forward_cache = torch.tensor(math.nan, device=self.device)
        return self._forward_cache

    def reset(self) -> None:
        """Begin anew; real rows stay where ``reset_real_features`` is False."""
        name = f"real_{self._kind}"
        kept = getattr(self, name)
        super().reset()
        if not self.reset_real_features:
            setattr(self, name, kept)

    _kind: str


class FrechetDistance(_TwoSets):
    """The Frechet distance, from moments in float64: see `convergan.metrics.frechet_distance`.

    Args:
        extractor: a name, an `Extractor`, a function or a module; None where features are given.
        num_features: D; None where the extractor says it, a module by ``num_features``.
        reset_real_features: whether `reset` forgets the real rows too.
        settings: of `torchmetrics.Metric`.

    Raises:
        ValueError: if the number of features is not known.

    Example:
        >>> distance = FrechetDistance(num_features=1)
        >>> distance.update(torch.tensor([[-1.0], [0.0], [1.0]]), real=True)
        >>> distance.update(torch.tensor([[0.0], [2.0], [4.0]]), real=False)
        >>> round(float(distance.compute()), 12)
        5.0
    """

    higher_is_better = False
    real_moments: Tensor
    fake_moments: Tensor
    _kind = "moments"

    def __init__(
        self,
        extractor: AnyExtractor = None,
        *,
        num_features: int | None = None,
        reset_real_features: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(extractor, num_features, reset_real_features, **settings)
        for side in ("real", "fake"):
            start = FeatureMoments(self._require_width("num_features")).packed()
            self.add_state(f"{side}_moments", start, dist_reduce_fx=_joined)

    def update(self, images: TensorLike, real: bool) -> None:
        """Add a batch.

        Args:
            images: what the extractor takes; without one features (B, D).
            real: which set they belong to.

        Raises:
            ValueError: if they are none, or not finite.
        """
        side = "real" if real else "fake"
        moments = FeatureMoments.unpacked(getattr(self, f"{side}_moments"))
        moments.update(self._rows(images, f"{side} features"))
        setattr(self, f"{side}_moments", moments.packed())

    def compute(self) -> Tensor:
        """Return the distance, a scalar in float64.

        Raises:
            ValueError: if a set has fewer than 2 rows.
        """
        sets = [FeatureMoments.unpacked(part) for part in (self.real_moments, self.fake_moments)]
        for side, moments in zip(("real", "fake"), sets, strict=True):
            if moments.count < 2:
                raise ValueError(f"2 {side} rows or more are needed, got {moments.count}")
        return _scalar(frechet_distance(*sets), self.device)


class _HeldFeatures(_TwoSets):
    """A figure of two sets whose rows are held, in the precision in which they come."""

    real_features: list[Tensor] | Tensor
    fake_features: list[Tensor] | Tensor
    _kind = "features"

    def __init__(
        self,
        extractor: AnyExtractor,
        num_features: int | None,
        reset_real_features: bool,
        **settings: Any,
    ) -> None:
        super().__init__(extractor, num_features, reset_real_features, **settings)
        for side in ("real", "fake"):
            self.add_state(f"{side}_features", [], dist_reduce_fx="cat")

    def update(self, images: TensorLike, real: bool) -> None:
        """Add a batch.

        Args:
            images: what the extractor takes; without one features (B, D).
            real: which set they belong to.

        Raises:
            ValueError: if they are none, or not finite.
        """
        side = "real" if real else "fake"
        rows = self._rows(images, f"{side} features")
        getattr(self, f"{side}_features").append(rows)

    def _sets(self) -> tuple[Tensor, Tensor]:
        sets = []
        for side in ("real", "fake"):
            held = getattr(self, f"{side}_features")
            if isinstance(held, list) and not held:
                raise ValueError(f"no {side} rows were added")
            sets.append(held if isinstance(held, Tensor) else torch.cat(held))
        return sets[0], sets[1]

    def _sync_dist(
        self, dist_sync_fn: Callable[..., Any] = gather_all_tensors, process_group: Any = None
    ) -> None:
        """Gather rows; a process without any sends none of them, as wide and precise as others'."""
        for side in ("real", "fake"):
            held = getattr(self, f"{side}_features")
            rows = torch.cat(held) if held else torch.empty(0, 0, device=self.device)
            own = torch.tensor([rows.shape[1], rows.element_size()], device=self.device)
            group = process_group or self.process_group
            width, size = torch.stack(dist_sync_fn(own, group=group)).amax(dim=0).tolist()
            kind = torch.float64 if size == 8 else torch.float32
            wide = rows.to(kind) if held else rows.new_empty(0, width, dtype=kind)
            setattr(self, f"{side}_features", [wide])
        super()._sync_dist(dist_sync_fn, process_group)


class KernelDistance(_HeldFeatures):
    """The kernel distance: see `convergan.metrics.kernel_distance`.

    Args:
        extractor: a name, an `Extractor`, a function or a module; None where features are given.
        subsets: how many are drawn, 1 or more.
        subset_size: rows of each set in a subset, from 2 to the rows of the smaller set.
        seed: draws them, the same ones each time it is computed.
        reset_real_features: whether `reset` forgets the real rows too.
        settings: of `torchmetrics.Metric`.

    Example:
        >>> distance = KernelDistance(subsets=1, subset_size=2)
        >>> distance.update(torch.tensor([[0.0], [2.0]]), real=True)
        >>> distance.update(torch.tensor([[1.0], [1.0]]), real=False)
        >>> float(distance.compute())
        -19.0
    """

    higher_is_better = False

    def __init__(
        self,
        extractor: AnyExtractor = None,
        *,
        subsets: int = 100,
        subset_size: int = 1000,
        seed: int = 0,
        reset_real_features: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(extractor, None, reset_real_features, **settings)
        self.subsets, self.subset_size, self.seed = subsets, subset_size, seed

    def compute(self) -> MeanAndDeviation:
        """Return mean and deviation over the subsets, float64.

        Raises:
            ValueError: if a set has fewer rows than a subset, or numbers do not fit.
        """
        real, fake = self._sets()
        found = kernel_distance(
            real=real,
            fake=fake,
            subsets=self.subsets,
            subset_size=self.subset_size,
            chance=torch.Generator().manual_seed(self.seed),
        )
        return _mean_and_deviation(found.mean, found.std, self.device)


class PrecisionRecall(_HeldFeatures):
    """Precision, recall, density and coverage: see `convergan.metrics.precision_recall`.

    Args:
        extractor: a name, an `Extractor`, a function or a module; None where features are given.
        neighbors: k, 1 or more and less than the rows of each set.
        reset_real_features: whether `reset` forgets the real rows too.
        settings: of `torchmetrics.Metric`.

    Example:
        >>> shares = PrecisionRecall(neighbors=1)
        >>> shares.update(torch.tensor([[0.0], [1.0], [5.0]]), real=True)
        >>> shares.update(torch.tensor([[0.5], [9.5]]), real=False)
        >>> float(shares.compute()["precision"])
        0.5
    """

    higher_is_better = True

    def __init__(
        self,
        extractor: AnyExtractor = None,
        *,
        neighbors: int = 5,
        reset_real_features: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(extractor, None, reset_real_features, **settings)
        self.neighbors = neighbors

    def compute(self) -> dict[str, Tensor]:
        """Return ``precision``, ``recall``, ``density`` and ``coverage``, scalars in float64.

        Raises:
            ValueError: if a set has no more rows than neighbors.
        """
        real, fake = self._sets()
        found = precision_recall(real=real, fake=fake, neighbors=self.neighbors)
        names = ("precision", "recall", "density", "coverage")
        return {name: _scalar(getattr(found, name), self.device) for name in names}


class DifferentBins(_HeldFeatures):
    """The number of statistically different bins: see `convergan.metrics.different_bins`.

    Args:
        extractor: a name, an `Extractor`, a function or a module; None where features are given.
        bins: K, from 2 to the number of different real rows.
        seed: draws the first centres, the same ones each time it is computed.
        reset_real_features: whether `reset` forgets the real rows too.
        settings: of `torchmetrics.Metric`.

    Example:
        >>> count = DifferentBins(bins=2)
        >>> count.update(torch.tensor([[0.0], [9.0]]).repeat(50, 1), real=True)
        >>> count.update(torch.zeros(100, 1), real=False)
        >>> float(count.compute())
        2.0
    """

    higher_is_better = False

    def __init__(
        self,
        extractor: AnyExtractor = None,
        *,
        bins: int = 100,
        seed: int = 0,
        reset_real_features: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(extractor, None, reset_real_features, **settings)
        self.bins, self.seed = bins, seed

    def compute(self) -> Tensor:
        """Return the count, a scalar in float64.

        Raises:
            ValueError: if there are fewer different real rows than bins.
        """
        real, fake = self._sets()
        chance = torch.Generator().manual_seed(self.seed)
        found = different_bins(real=real, fake=fake, bins=self.bins, chance=chance)
        return _scalar(float(found), self.device)


def _joined(parts: Tensor) -> Tensor:
    """Join packed moments of several sets of rows, (W, D + 2, D), to those of all."""
    moments = FeatureMoments.unpacked(parts[0])
    for part in parts[1:]:
        moments.merge(FeatureMoments.unpacked(part))
    return moments.packed()


def _mean_and_deviation(mean: float, std: float, device: torch.device) -> MeanAndDeviation:
    return MeanAndDeviation(_scalar(mean, device), _scalar(std, device))


def _scalar(value: float, device: torch.device) -> Tensor:
    return torch.tensor(value, dtype=torch.float64, device=device)
