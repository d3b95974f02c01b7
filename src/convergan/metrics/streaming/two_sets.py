"""Figures of real and fake rows, which come in batches of one side."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

from ..tensor_like import TensorLike
from .any_extractor import AnyExtractor
from .metric import StreamingMetric


class TwoSets(StreamingMetric):
    """A figure of real and fake rows, in states that end with ``_kind``."""

    _kind: str

    def __init__(
        self,
        extractor: AnyExtractor,
        num_features: int | None,
        reset_real_features: bool,
        **settings: Any,
    ) -> None:
        super().__init__(extractor, "features", num_features, **settings)
        self.reset_real_features = reset_real_features

    def update(self, images: TensorLike, real: bool) -> None:
        """Add a batch.

        Args:
            images: what the extractor takes; without one features (B, D).
            real: which set they belong to.

        Raises:
            ValueError: if they are none, or not finite.
        """
        self._add(side_of(real), images)

    def _add(self, side: str, images: TensorLike) -> None:
        """Add a batch to one side."""
        raise NotImplementedError

    def forward(self, images: TensorLike, real: bool) -> Tensor:
        """Add a batch and return NaN: a batch has one side. See `update`.

        Args:
            images: as for `update`.
            real: which set they belong to.

        Returns:
            NaN, a scalar.
        """
        self.update(images, real)
        none = torch.tensor(math.nan, device=self.device)
        self._forward_cache = none  # type: ignore[assignment]
        return none

    def reset(self) -> None:
        """Begin anew; real rows stay where ``reset_real_features`` is False."""
        name = f"real_{self._kind}"
        kept = getattr(self, name)
        kept = kept if isinstance(kept, Tensor) else list(kept)  # a list is emptied in place
        super().reset()
        if not self.reset_real_features:
            setattr(self, name, kept)


def side_of(real: bool) -> str:
    """Return ``real`` or ``fake``.

    Args:
        real: True or False.

    Raises:
        ValueError: if it is something else, such as a name, which would pass for True.
    """
    if real not in (True, False):
        raise ValueError(f"real must be True or False, got {real!r}")
    return "real" if real else "fake"


class HeldFeatures(TwoSets):
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

    def _add(self, side: str, images: TensorLike) -> None:
        held = [*self.real_features, *self.fake_features]
        width = held[0].shape[1] if held else None
        getattr(self, f"{side}_features").append(self._rows(images, f"{side} features", width))

    def _sets(self) -> tuple[Tensor, Tensor]:
        sets = []
        for side in ("real", "fake"):
            held = getattr(self, f"{side}_features")
            if not len(held):
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
