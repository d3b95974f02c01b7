"""What metrics of one's own loop have in common: the extractor, states, and results."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..matrices import finite_matrix
from ..tensor_like import TensorLike
from .any_extractor import AnyExtractor, Part, extracted_rows, known_extractor, row_width

try:
    from torchmetrics import Metric
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


class StreamingMetric(Metric):
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

    def _rows(self, images: TensorLike, name: str, width: int | None = None) -> Tensor:
        rows = extracted_rows(self.extractor, images, self._part, device=self.device)
        return finite_matrix(rows, name, width=width or self._width).detach().to(self.device)

    def _require_width(self, keyword: str) -> int:
        self._width = self._width or row_width(self.extractor, self._part)
        if self._width is None:
            raise ValueError(f"give {keyword}=..., as the extractor does not say it")
        return self._width

    def set_dtype(self, dst_type: str | torch.dtype) -> "StreamingMetric":
        """Change nothing: sums stay in float64 or whole numbers.

        Args:
            dst_type: of no effect.

        Returns:
            The metric.
        """
        return self

    def _apply(
        self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = ()
    ) -> "StreamingMetric":
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


def require_at_least(least: int, name: str, value: int) -> int:
    """Return a number that is large enough.

    Args:
        least: that it may be.
        name: of it in the message.
        value: to check.

    Raises:
        ValueError: if it is less.
    """
    if value < least:
        raise ValueError(f"{name} must be {least} or more, got {value}")
    return value


def mean_and_std(mean: float, std: float, device: torch.device) -> MeanAndDeviation:
    """Return both as scalars in float64.

    Args:
        mean: of the splits or subsets.
        std: of them.
        device: for the scalars.
    """
    return MeanAndDeviation(scalar(mean, device), scalar(std, device))


def scalar(value: float, device: torch.device) -> Tensor:
    """Return a figure as a tensor in float64.

    Args:
        value: of the figure.
        device: for the scalar.
    """
    return torch.tensor(value, dtype=torch.float64, device=device)
