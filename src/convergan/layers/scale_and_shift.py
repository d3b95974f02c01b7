"""The learned scale and shift of a normalisation, under torch's names."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

EARLIER = {"gamma": "weight", "beta": "bias"}
"""Names of parameters up to version 0.13."""


class ScaleAndShift(nn.Module):
    """Parameters ``weight``, from N(1, 0.02), and ``bias``, from 0; subclasses normalise.

    Weights that were saved as ``gamma`` and ``beta`` load.

    Args:
        shape: of either.
        chance: draws the scales; None for torch's own generator.
    """

    def __init__(self, *shape: int, chance: torch.Generator | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape).normal_(1.0, 0.02, generator=chance))
        self.bias = nn.Parameter(torch.zeros(shape))

    @property
    def gamma(self) -> nn.Parameter:
        """``weight``, by its name up to version 0.13."""
        return self._by_earlier_name("gamma", self.weight)

    @property
    def beta(self) -> nn.Parameter:
        """``bias``, by its name up to version 0.13."""
        return self._by_earlier_name("beta", self.bias)

    def _by_earlier_name(self, name: str, parameter: nn.Parameter) -> nn.Parameter:
        text = f"{name} is called {EARLIER[name]}, as in torch; the old name goes in 0.15"
        warnings.warn(text, DeprecationWarning, stacklevel=3)
        return parameter

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        for earlier, name in EARLIER.items():
            if f"{prefix}{earlier}" in state_dict:
                state_dict[f"{prefix}{name}"] = state_dict.pop(f"{prefix}{earlier}")
        super()._load_from_state_dict(state_dict, prefix, *rest)
