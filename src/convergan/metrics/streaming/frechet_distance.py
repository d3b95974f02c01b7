"""The Frechet distance of batches, from moments in float64."""

from typing import Any

from torch import Tensor

from ..frechet_distance import FeatureMoments, frechet_distance
from ..tensor_like import TensorLike
from .any_extractor import AnyExtractor
from .metric import scalar
from .two_sets import TwoSets


class FrechetDistance(TwoSets):
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
        >>> distance.update([[-1.0], [0.0], [1.0]], real=True)
        >>> distance.update([[0.0], [2.0], [4.0]], real=False)
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
        width = self._require_width("num_features")
        for side in ("real", "fake"):
            start = FeatureMoments(width, device=self.device).packed()
            self.add_state(f"{side}_moments", start, dist_reduce_fx=_joined)

    def _add(self, side: str, images: TensorLike) -> None:
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
        return scalar(frechet_distance(*sets), self.device)


def _joined(parts: Tensor) -> Tensor:
    """Join packed moments of several sets of rows, (W, D + 2, D), to those of all."""
    moments = FeatureMoments.unpacked(parts[0])
    for part in parts[1:]:
        moments.merge(FeatureMoments.unpacked(part))
    return moments.packed()
