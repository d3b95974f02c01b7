"""Figures that need all rows at once, so these are held."""

from typing import Any

import torch
from torch import Tensor

from ..different_bins import different_bins
from ..kernel_distance import kernel_distance
from ..precision_recall import precision_recall
from .any_extractor import AnyExtractor
from .metric import MeanAndDeviation, mean_and_std, require_at_least, scalar
from .two_sets import HeldFeatures


class KernelDistance(HeldFeatures):
    """The kernel distance: see `convergan.metrics.kernel_distance`.

    Args:
        extractor: a name, an `Extractor`, a function or a module; None where features are given.
        subsets: how many are drawn, 1 or more.
        subset_size: rows of each set in a subset, from 2 to the rows of the smaller set.
        seed: draws them, the same ones each time it is computed.
        reset_real_features: whether `reset` forgets the real rows too.
        settings: of `torchmetrics.Metric`.

    Raises:
        ValueError: if a number is too small.

    Example:
        >>> distance = KernelDistance(subsets=1, subset_size=2)
        >>> distance.update([[0.0], [2.0]], real=True)
        >>> distance.update([[1.0], [1.0]], real=False)
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
        self.subsets = require_at_least(1, "subsets", subsets)
        self.subset_size = require_at_least(2, "subset_size", subset_size)
        self.seed = seed

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
        return mean_and_std(found.mean, found.std, self.device)


class PrecisionRecall(HeldFeatures):
    """Precision, recall, density and coverage: see `convergan.metrics.precision_recall`.

    Args:
        extractor: a name, an `Extractor`, a function or a module; None where features are given.
        neighbors: k, 1 or more and less than the rows of each set.
        reset_real_features: whether `reset` forgets the real rows too.
        settings: of `torchmetrics.Metric`.

    Raises:
        ValueError: if a number is too small.

    Example:
        >>> shares = PrecisionRecall(neighbors=1)
        >>> shares.update([[0.0], [1.0], [5.0]], real=True)
        >>> shares.update([[0.5], [9.5]], real=False)
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
        self.neighbors = require_at_least(1, "neighbors", neighbors)

    def compute(self) -> dict[str, Tensor]:
        """Return ``precision``, ``recall``, ``density`` and ``coverage``, scalars in float64.

        Raises:
            ValueError: if a set has no more rows than neighbors.
        """
        real, fake = self._sets()
        found = precision_recall(real=real, fake=fake, neighbors=self.neighbors)
        names = ("precision", "recall", "density", "coverage")
        return {name: scalar(getattr(found, name), self.device) for name in names}


class DifferentBins(HeldFeatures):
    """The number of statistically different bins: see `convergan.metrics.different_bins`.

    Args:
        extractor: a name, an `Extractor`, a function or a module; None where features are given.
        bins: K, from 2 to the number of different real rows.
        seed: draws the first centres, the same ones each time it is computed.
        reset_real_features: whether `reset` forgets the real rows too.
        settings: of `torchmetrics.Metric`.

    Raises:
        ValueError: if a number is too small.

    Example:
        >>> count = DifferentBins(bins=2)
        >>> count.update([[0.0], [9.0]] * 50, real=True)
        >>> count.update([[0.0]] * 100, real=False)
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
        self.bins, self.seed = require_at_least(2, "bins", bins), seed

    def compute(self) -> Tensor:
        """Return the count, a scalar in float64.

        Raises:
            ValueError: if there are fewer different real rows than bins.
        """
        real, fake = self._sets()
        chance = torch.Generator().manual_seed(self.seed)
        found = different_bins(real=real, fake=fake, bins=self.bins, chance=chance)
        return scalar(float(found), self.device)
