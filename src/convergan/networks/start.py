"""The start of a layer: drawn from the chance given, never from torch's global generator."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def drawn(layer: Layer, draw: Callable[[Tensor], Tensor], *, bias: float = 0.0) -> Layer:
    """Give a layer that was built without memory its start.

    Args:
        layer: built on the device ``meta``, which draws nothing.
        draw: fills a weight and returns it.
        bias: of every output, where the layer has biases.
    """
    layer.weight = nn.Parameter(draw(torch.empty(layer.weight.shape)))
    if layer.bias is not None:
        layer.bias = nn.Parameter(torch.full(layer.bias.shape, bias))
    return layer


def normal(std: float, chance: torch.Generator) -> Callable[[Tensor], Tensor]:
    """Return what draws a weight from N(0, std)."""
    return partial(nn.init.normal_, mean=0.0, std=std, generator=chance)
