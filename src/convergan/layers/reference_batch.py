"""The reference batch of a network with virtual batch normalisation, for any network and input.

Salimans et al. (2016), section 3.5: the reference batch "is chosen once and fixed at the start of
training". It goes through the network in front of the live rows, with the weights of the moment,
and its rows are taken off the result. For a generator it is noise, as the live rows are (16 rows in
the released ImageNet code), for a discriminator it is images.

It is held by hooks on the network, so the network stays what it was: its names of parameters, its
arguments, its class. The reference rows are buffers, which are saved, moved and copied with it.
"""

from collections.abc import Callable
from inspect import signature
from itertools import count
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .virtual_batch_norm import VirtualBatchNorm

Network = TypeVar("Network", bound=nn.Module)
NAME = "reference_batch_{}"
"""Of the buffer that holds the reference rows of an input, by the number of the input."""


def hold_reference(network: Network, *reference: Tensor) -> Network:
    """Give a network with virtual batch normalisation its reference batch, once.

    From then on each call of ``network`` puts the reference rows in front of its inputs and takes
    them off its outputs. Call the network itself, not a part of it, which would not have them. A
    second call of this function takes other rows.

    Args:
        network: with layers `VirtualBatchNorm`; rows of its outputs must be those of its inputs.
        reference: (n, ...) rows for each input of the network in their order, n at least 1. Draw
            them as the live ones are drawn: noise of the shape and distribution that a generator
            gets, with its labels if it takes any; images for a discriminator.

    Returns:
        The same network.

    Raises:
        ValueError: if the network has no such layer, there are no reference rows, inputs have
            different numbers of them, or a part of the network holds some already.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), VirtualBatchNorm(4))
        >>> sorted(hold_reference(network, torch.rand(8, 1, 5, 5)).state_dict())[-1]
        'reference_batch_0'
    """
    layers = [layer for layer in network.modules() if isinstance(layer, VirtualBatchNorm)]
    if not layers:
        raise ValueError(f"{type(network).__name__} has no layer VirtualBatchNorm")
    counts = {len(rows) for rows in reference}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(
            "a reference batch is at least one row, as many for each input, got shapes "
            f"{[tuple(rows.shape) for rows in reference]}"
        )
    held = [name for name, part in network.named_modules() if part is not network and _held(part)]
    if held:
        raise ValueError(
            f"{held[0]}, a part of {type(network).__name__}, holds a reference batch already; hold "
            "it in one of both"
        )
    if not _held(network):
        network.register_forward_pre_hook(_put_in_front, with_kwargs=True)
        network.register_forward_hook(_take_off, with_kwargs=True)
    for number in range(_held(network)):
        delattr(network, NAME.format(number))
    for number, rows in enumerate(reference):
        network.register_buffer(NAME.format(number), rows.detach().clone())
    for layer in layers:
        layer.num_reference = len(reference[0])
    return network


def _held(network: nn.Module) -> int:
    """Return for how many inputs a network holds reference rows."""
    return next(number for number in count() if not hasattr(network, NAME.format(number)))


def _names(network: nn.Module, given: int) -> list[str]:
    """Return the names of the inputs that have reference rows and are not ``given`` by position."""
    held = _held(network)
    return list(signature(network.forward).parameters)[given:held] if given < held else []


def _put_in_front(
    network: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Put reference rows in front of each input that has them."""
    joined = [
        _joined(network, number, part) if number < _held(network) else part
        for number, part in enumerate(inputs)
    ]
    names = _names(network, len(inputs))
    if missing := [name for name in names if name not in named]:
        raise ValueError(
            f"{type(network).__name__} holds reference rows for its input {missing[0]}, which this "
            "call does not give"
        )
    fronted = {
        name: _joined(network, number, named[name])
        for number, name in enumerate(names, start=len(inputs))
    }
    return tuple(joined), named | fronted


def _joined(network: nn.Module, number: int, live: Tensor) -> Tensor:
    rows = network.get_buffer(NAME.format(number))
    if live.shape[1:] != rows.shape[1:]:
        raise ValueError(
            f"{type(network).__name__} has a reference batch of rows of shape "
            f"{tuple(rows.shape[1:])}, got rows of shape {tuple(live.shape[1:])}"
        )
    return torch.cat([rows.to(live.dtype), live])


def _take_off(
    network: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], outputs: Any
) -> Any:
    """Take the outputs of the reference rows off."""
    first = len(network.get_buffer(NAME.format(0)))
    total = (inputs[0] if inputs else named[_names(network, 0)[0]]).shape[0]

    def without(rows: Tensor) -> Tensor:
        if rows.shape[0] != total:
            raise ValueError(
                f"{type(network).__name__} made {len(rows)} rows of {total}: under virtual batch "
                "normalisation each row of its input must have one of its output"
            )
        return rows[first:]

    return _mapped(without, outputs)


def _mapped(function: Callable[[Tensor], Tensor], outputs: Any) -> Any:
    """Apply ``function`` to a tensor, or to all tensors of a tuple, list or mapping."""
    if isinstance(outputs, Tensor):
        return function(outputs)
    if isinstance(outputs, dict):
        return {name: _mapped(function, part) for name, part in outputs.items()}
    if isinstance(outputs, tuple) and hasattr(outputs, "_fields"):
        return type(outputs)(*(_mapped(function, part) for part in outputs))
    if isinstance(outputs, list | tuple):
        return type(outputs)(_mapped(function, part) for part in outputs)
    return outputs
