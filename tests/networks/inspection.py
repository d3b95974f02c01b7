"""What is inside a network: its layers, their weights by the formula, and what each gives."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

GAIN, DIRECTION = "parametrizations.weight.original0", "parametrizations.weight.original1"


def layers(network: nn.Module) -> list[nn.Module]:
    """Whatever has a weight of its own, in the order of the forward pass."""
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    return [layer for layer in network.modules() if isinstance(layer, kinds)]


def widths(network: nn.Module) -> list[tuple[int, int]]:
    """Inputs and outputs of each dense layer, in the order of the forward pass."""
    found = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    return [(layer.in_features, layer.out_features) for layer in found]


def outputs(network: nn.Module, call: Callable[[], object]) -> list[Tensor]:
    """What each layer gives during one call, before any non-linearity."""
    seen: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda _, __, output: seen.append(output.detach()))
        for layer in layers(network)
    ]
    call()
    for hook in hooks:
        hook.remove()
    return seen


def weights(network: nn.Module) -> list[tuple[Tensor, Tensor]]:
    return [(layer.get_parameter("bias"), weight(layer)) for layer in layers(network)]


def weight(layer: nn.Module) -> Tensor:
    """The normalised weight, by the formula."""
    direction, gain = layer.get_parameter(DIRECTION), layer.get_parameter(GAIN)
    dim = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    others = [d for d in range(direction.dim()) if d != dim]
    return gain * direction / (direction.square().sum(dim=others, keepdim=True) + 1e-6).sqrt()


def normalised(t: Tensor, bias: Tensor) -> Tensor:
    """By the mean and variance of each channel over rows and places, with a bias."""
    dims = [0, *range(2, t.dim())]
    variance, mean = torch.var_mean(t, dim=dims, correction=0, keepdim=True)
    return (t - mean) / (variance + 1e-6).sqrt() + bias.view(1, -1, *[1] * (t.dim() - 2))


def assert_channels(output: Tensor, std: float) -> None:
    """Mean 0 and deviation ``std`` in every channel."""
    values = output.transpose(0, 1).flatten(1)
    zeros = values.new_zeros(len(values))
    torch.testing.assert_close(values.mean(dim=1), zeros, rtol=0, atol=1e-10)
    torch.testing.assert_close(values.std(dim=1, correction=0), zeros + std, rtol=1e-5, atol=0)
