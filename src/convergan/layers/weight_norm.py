"""Weight normalisation with a data-dependent start and frozen gains.

Salimans & Kingma (2016), as used by Salimans et al. (2016), section 6 and released code:
``W_k = g_k V_k / ||V_k||`` for every output channel ``k``, and ``t = W_k * x + b_k``. The start
passes one batch through the network, layer after layer; with mean ``mu_k`` and deviation ``s_k`` of
``t`` under ``g = 1, b = 0`` it sets ``g_k = s0 / s_k`` and ``b_k = -mu_k s0 / s_k``.

Paper and released code: the paper only names the method. The code never trains ``g`` after the
start, except in the last layer of the discriminator and of the generator: see `freeze_gain`. Its
head, last changed on 2016-06-14, takes one deviation per channel. Of 2016-06-08, the convolutional
scripts and MNIST's generator take one per layer, MNIST's discriminator one per unit. A channel
without variance divides by zero there; here its gain stays 1. In the head, the convolutional
scripts and MNIST's generator add 1e-6 to ``||V||^2``, the argument ``epsilon``; none did before.
The convolutional ones start from ``s0 = 0.1`` in the last layer of each network, the argument
``start_std``; ``s0`` is 1 everywhere else.

`torch.nn.utils.parametrizations.weight_norm` has no epsilon, and its CPU kernel took 20 % of a
training step, backward most of all; the formula in plain operations takes 4 %. So the formula is
here, in torch's own parametrisation mechanism and under its names: ``original0`` is ``g``,
``original1`` is ``V``.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils import parametrize

Layer = TypeVar("Layer", bound=nn.Module)


class _Normalise(torch.autograd.Function):
    """``W = V g / ||V||`` with the fewest passes over ``V``, forward and backward.

    With ``n = ||V||`` and ``c_k = sum_i dW_ki V_ki``: ``dV = dW g / n - V g c / n^3`` and
    ``dg = c / n``. Gains that are frozen cost nothing.
    """

    @staticmethod
    def forward(ctx: Any, gains: Tensor, directions: Tensor, dim: int, epsilon: float) -> Tensor:
        norms = _norms(directions, dim, epsilon)
        ctx.save_for_backward(gains, directions, norms)
        ctx.dim, ctx.epsilon = dim, epsilon
        return directions * (gains / norms)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        [gradient] = upstream
        gains, directions, norms = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted, through the norms as well
            norms = _norms(directions, ctx.dim, ctx.epsilon)
        with torch.autocast(gradient.device.type, enabled=False):  # ``dV`` is a small difference
            along = _dot(gradient, directions, ctx.dim).view_as(norms)
        to_directions = torch.mul(gradient, gains / norms)
        to_directions = to_directions.addcmul_(directions, gains * along / norms**3, value=-1)
        to_gains = along / norms if ctx.needs_input_grad[0] else None
        return to_gains, to_directions, None, None


def _norms(directions: Tensor, dim: int, epsilon: float) -> Tensor:
    others = [d for d in range(directions.dim()) if d != dim]
    norms: Tensor = torch.linalg.vector_norm(directions, dim=others, keepdim=True)
    return (norms.square() + epsilon).sqrt() if epsilon else norms


def _dot(a: Tensor, b: Tensor, dim: int) -> Tensor:
    """Inner product per channel."""
    rows, others = a.transpose(0, dim).flatten(1), b.transpose(0, dim).flatten(1)
    return torch.bmm(rows.unsqueeze(1), others.unsqueeze(2))


class _GainAndDirection(nn.Module):
    """The map from ``g`` and ``V`` to ``W``, for `torch.nn.utils.parametrize`."""

    def __init__(self, channel_dim: int, epsilon: float, start_std: float) -> None:
        super().__init__()
        self.channel_dim = channel_dim
        self.epsilon = epsilon
        self.start_std = start_std

    def forward(self, gains: Tensor, directions: Tensor) -> Tensor:
        if torch.compiler.is_compiling():  # the compiler fuses these passes itself
            return directions * (gains / _norms(directions, self.channel_dim, self.epsilon))
        weight: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]
            gains, directions, self.channel_dim, self.epsilon
        )
        return weight

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        shape = [1] * weight.dim()
        shape[self.channel_dim] = weight.shape[self.channel_dim]
        return weight.new_ones(shape), weight


def weight_norm(layer: Layer, epsilon: float = 0.0, start_std: float = 1.0) -> Layer:
    """Normalise ``layer.weight`` per output channel; every gain starts at 1.

    Args:
        layer: a linear, convolutional or transposed convolutional layer.
        epsilon: added to the squared norm under the root.
        start_std: the deviation ``s0`` that `initialise_from_batch` is to give; changes nothing
            before.

    Returns:
        The same layer. The output channels of a transposed convolution are dimension 1 of its
        weight, of the others dimension 0.

    Raises:
        ValueError: if the layer is another, or its weight is parametrised already.

    Example:
        >>> layer = weight_norm(nn.Linear(5, 2))
        >>> bool((layer.weight.norm(dim=1) - 1).abs().max() < 1e-6)
        True
    """
    grouped = isinstance(layer, _ConvTransposeNd) and layer.groups > 1
    if not isinstance(layer, nn.Linear | _ConvNd) or grouped:
        raise ValueError(
            "weight normalisation is for linear and convolutional layers, and for transposed ones "
            f"without groups; not for {layer}"
        )
    if parametrize.is_parametrized(layer, "weight"):
        raise ValueError(f"the weight of this {type(layer).__name__} is parametrised already")
    transposed = isinstance(layer, _ConvTransposeNd)
    parametrisation = _GainAndDirection(1 if transposed else 0, epsilon, start_std)
    parametrize.register_parametrization(layer, "weight", parametrisation, unsafe=True)
    return layer


def _is_normalised(layer: nn.Module) -> bool:
    """Whether `weight_norm` made a layer.

    Raises:
        ValueError: if its weight is parametrised by something else besides.
    """
    if not parametrize.is_parametrized(layer, "weight"):
        return False
    first, *others = layer.get_submodule("parametrizations.weight").children()
    ours = isinstance(first, _GainAndDirection)
    if ours and others:
        raise ValueError(
            f"the weight of a {type(layer).__name__} goes through {type(others[0]).__name__} after "
            "weight normalisation, which cannot set its scale then"
        )
    return ours


def starts_from_batch(network: nn.Module) -> bool:
    """Whether `initialise_from_batch` has anything to start in a network."""
    return bool(_to_start(network))


def _to_start(network: nn.Module) -> list[nn.Module]:
    return [
        layer
        for layer in network.modules()
        if isinstance(layer, StartsFromBatch) or _is_normalised(layer)
    ]


def gain(layer: nn.Module) -> nn.Parameter:
    """Return the gains ``g`` of a weight-normalised layer, in the broadcast shape of its weight."""
    return layer.get_parameter("parametrizations.weight.original0")


def freeze_gain(layer: Layer) -> Layer:
    """Exclude the gains of ``layer`` from training, as the released code does in hidden layers.

    Args:
        layer: made by `weight_norm`; changed in place and returned.
    """
    gain(layer).requires_grad_(False)
    return layer


def start_std(layer: nn.Module) -> float:
    """Return the deviation ``s0`` that a weight-normalised layer is to start from."""
    parametrisation = layer.get_submodule("parametrizations.weight.0")
    assert isinstance(parametrisation, _GainAndDirection), "made by `weight_norm`"
    return parametrisation.start_std


class StartsFromBatch(nn.Module):
    """A layer that `initialise_from_batch` starts, and which knows itself how."""

    def start(self, inputs: Tensor) -> None:
        """Set parameters from the first inputs; called without a graph."""
        raise NotImplementedError


def initialise_from_batch(
    network: nn.Module, forward: Callable[[], Any], *, per_channel: bool = True
) -> None:
    """Set gains and biases so that pre-activations on one batch have mean 0 and deviation ``s0``.

    Every weight-normalised layer of ``network`` is set when ``forward`` reaches it, on the already
    normalised output of the layers below; ``forward`` should reach each layer once. So is every
    `StartsFromBatch`, in its own way. A layer without a bias gets its gain alone.

    Args:
        network: holds the layers.
        forward: calls the network once on the batch, with its noise on or off, for example
            ``lambda: network(images, chance)``.
        per_channel: one deviation per channel, or one per layer as in most scripts of 2016-06-08.

    Raises:
        ValueError: if there is nothing to start, or ``forward`` does not reach all of it.

    Example:
        >>> layer = weight_norm(nn.Linear(3, 4))
        >>> batch = torch.arange(15.0).reshape(5, 3).sin()
        >>> initialise_from_batch(layer, lambda: layer(batch))
        >>> bool((layer(batch).std(dim=0, correction=0) - 1).abs().max() < 1e-5)
        True
    """
    reached: list[nn.Module] = []

    def set_from(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        reached.append(layer)
        bias = layer.bias
        assert bias is None or isinstance(bias, Tensor)
        if isinstance(layer, nn.Linear):
            output = output.flatten(0, -2)  # channels come last
        channels = (1, -1) + (1,) * (output.dim() - 2)  # broadcast over (N, C, ...)
        raw = output if bias is None else output - bias.view(channels)
        raw = raw.transpose(0, 1).flatten(1)  # (C, N*...)
        raw = raw / gain(layer).view(-1, 1)
        mean = raw.mean(dim=1)
        deviation = raw.std(dim=1, correction=0)
        if not per_channel:
            deviation = raw.var(dim=1, correction=0).mean().sqrt().expand_as(deviation)
        scale = torch.where(deviation > 0, start_std(layer) / deviation, torch.ones_like(deviation))
        gain(layer).copy_(scale.view_as(gain(layer)))
        if bias is not None:
            bias.copy_(-mean * scale)
        normalised: Tensor = layer.forward(*inputs)
        return normalised

    def start(layer: StartsFromBatch, inputs: tuple[Tensor]) -> None:
        reached.append(layer)
        layer.start(*inputs)

    layers = _to_start(network)
    if not layers:
        raise ValueError(
            f"nothing in {type(network).__name__} starts from a batch: no layer of "
            "convergan.layers.weight_norm, no MinibatchDiscrimination"
        )
    hooks = [
        layer.register_forward_pre_hook(start)
        if isinstance(layer, StartsFromBatch)
        else layer.register_forward_hook(set_from)
        for layer in layers
    ]
    try:
        with torch.no_grad():
            forward()
    finally:
        for hook in hooks:
            hook.remove()
    if missed := [layer for layer in layers if layer not in reached]:
        raise ValueError(
            f"the forward pass did not reach this layer, which is not started: {missed[0]}"
        )
