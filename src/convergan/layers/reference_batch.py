"""The reference batch of a network with virtual batch normalisation, for any network and input.

Salimans et al. (2016), section 3.5: the reference batch "is chosen once and fixed at the start of
training". It goes through the network in front of the live rows, with the weights of the moment,
and its rows are taken off the result. For a generator it is noise, as the live rows are (16 rows in
the released ImageNet code), for a discriminator it is images.

It is held by hooks on the network, so the network stays what it was: its names of parameters, its
arguments, its class. The reference rows are buffers, which are saved, moved and copied with it. How
many rows are in front is known while the network is called and at no other time, so a part of it
that is called by itself takes no live row for a reference.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator
from inspect import Parameter, signature
from itertools import count
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .batch_statistics_norm import BatchStatisticsNorm
from .cross_batch_norm import CrossBatchNorm
from .minibatch_discrimination import CrossHalfDiscrimination, MinibatchDiscrimination
from .minibatch_stddev import MinibatchStddev
from .virtual_batch_norm import ROWS_IN_FRONT, VirtualBatchNorm

Network = TypeVar("Network", bound=nn.Module)
NAME = "reference_batch_{}"
"""Of the buffer that holds the reference rows of an input, by the number of the input."""
COMPARE_ROWS = (
    _BatchNorm,
    BatchStatisticsNorm,
    CrossBatchNorm,
    CrossHalfDiscrimination,
    MinibatchDiscrimination,
    MinibatchStddev,
)
"""Layers that would take reference rows for rows of the batch."""


def hold_reference(network: Network, *reference: Tensor) -> Network:
    """Give a network with virtual batch normalisation its reference batch, once.

    From then on each call of ``network`` puts the reference rows in front of its inputs and takes
    them off its outputs. Hooks of yours on its parts see them. A second call of this function takes
    other rows. To load saved weights into a new network, hold the saved rows first:
    ``hold_reference(network, saved["reference_batch_0"]).load_state_dict(saved)``.

    Args:
        network: with layers `VirtualBatchNorm`, and none that compares the rows of a batch; rows of
            its outputs must be those of its inputs.
        reference: (n, ...) rows for each input of the network in their order, n at least 1. Draw
            them as the live ones are drawn: noise of the shape and distribution that a generator
            gets, with its labels if it takes any; images for a discriminator.

    Returns:
        The same network.

    Raises:
        ValueError: if the network has no such layer or one that compares rows, is compiled, there
            are no reference rows, inputs have different numbers of them, or a part of the network
            holds some already.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), VirtualBatchNorm(4))
        >>> sorted(hold_reference(network, torch.rand(8, 1, 5, 5)).state_dict())[-1]
        'reference_batch_0'
    """
    layers = [layer for layer in network.modules() if isinstance(layer, VirtualBatchNorm)]
    _require_holder(network, layers)
    counts = {len(rows) for rows in reference}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(
            "a reference batch is at least one row, as many for each input, got shapes "
            f"{[tuple(rows.shape) for rows in reference]}"
        )
    if not _held(network):
        network.register_forward_pre_hook(_put_in_front, with_kwargs=True)
        network.register_forward_hook(_take_off, with_kwargs=True)
        network.register_forward_hook(_end_call, always_call=True)
    for number in range(_held(network)):
        delattr(network, NAME.format(number))
    for number, rows in enumerate(reference):
        network.register_buffer(NAME.format(number), rows.detach().clone())
    for layer in layers:
        layer.num_reference, layer.held = len(reference[0]), True
    return network


def _require_holder(network: nn.Module, layers: list[VirtualBatchNorm]) -> None:
    kind = type(network).__name__
    if hasattr(network, "_orig_mod"):
        raise ValueError("hold the reference batch of a network before torch.compile")
    if not layers:
        raise ValueError(f"{kind} has no layer VirtualBatchNorm")
    for name, part in network.named_modules():
        if part is not network and _held(part):
            raise ValueError(
                f"{name}, a part of {kind}, holds a reference batch already; hold it in one of both"
            )
        if isinstance(part, COMPARE_ROWS):
            raise ValueError(
                f"{name} of {kind} is a {type(part).__name__} and would take reference rows for "
                "rows of the batch: put VirtualBatchNorm in its place, or hold the reference batch "
                "of the part before it"
            )


def _held(network: nn.Module) -> int:
    """Return for how many inputs a network holds reference rows."""
    return next(number for number in count() if not hasattr(network, NAME.format(number)))


def _put_in_front(
    network: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Put reference rows in front of each input that has them."""
    names = _names(network, len(inputs))
    if missing := [name for name in names if name not in named]:
        raise ValueError(
            f"{type(network).__name__} holds reference rows for its input {missing[0]}, which this "
            "call does not give"
        )
    held = _held(network)
    parts = [*inputs[:held], *(named[name] for name in names)]
    joined = [_joined(network, number, part) for number, part in enumerate(parts)]
    _require_reference(network, parts[0], [*inputs[held:], *_others(named, names)])
    if not torch.compiler.is_compiling():
        ROWS_IN_FRONT.set(len(network.get_buffer(NAME.format(0))))
    given = len(inputs[:held])
    return (*joined[:given], *inputs[held:]), named | dict(zip(names, joined[given:], strict=True))


def _names(network: nn.Module, given: int) -> list[str]:
    """Return the names of the inputs that have reference rows and are not given by position."""
    held = _held(network)
    if given >= held:
        return []
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    parameters = signature(network.forward).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind in kinds][given:held]
    if len(names) < held - given:
        raise ValueError(
            f"{type(network).__name__} holds reference rows for {held} inputs: give them by "
            "position"
        )
    return names


def _others(named: dict[str, Any], names: list[str]) -> Iterator[Any]:
    return (part for name, part in named.items() if name not in names)


def _joined(network: nn.Module, number: int, live: Any) -> Tensor:
    rows = network.get_buffer(NAME.format(number))
    kind = type(network).__name__
    if not isinstance(live, Tensor):
        raise ValueError(f"{kind} holds reference rows for input {number}, got {live!r} there")
    if live.shape[1:] != rows.shape[1:]:
        raise ValueError(
            f"{kind} has a reference batch of rows of shape {tuple(rows.shape[1:])}, got rows of "
            f"shape {tuple(live.shape[1:])}"
        )
    if live.is_floating_point() != rows.is_floating_point():
        raise ValueError(f"{kind} has a reference batch of {rows.dtype}, got rows of {live.dtype}")
    return torch.cat([rows.to(live.dtype), live])


def _require_reference(network: nn.Module, live: Tensor, others: list[Any]) -> None:
    for part in others:
        if isinstance(part, Tensor) and part.dim() and part.shape[0] == live.shape[0]:
            raise ValueError(
                f"{type(network).__name__} gets an input of shape {tuple(part.shape)} that has no "
                "reference rows; give them for each input: hold_reference(network, noise, labels)"
            )


def _take_off(
    network: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], outputs: Any
) -> Any:
    """Take the outputs of the reference rows off."""
    first = len(network.get_buffer(NAME.format(0)))
    total = (inputs[0] if inputs else named[_names(network, 0)[0]]).shape[0]

    def without(rows: Tensor) -> Tensor:
        if rows.dim() and rows.shape[0] != total:
            raise ValueError(
                f"{type(network).__name__} made {len(rows)} rows of {total}: under virtual batch "
                "normalisation each row of its input must have one of its output"
            )
        return rows[first:] if rows.dim() else rows

    return _mapped(without, outputs)


def _end_call(network: nn.Module, inputs: tuple[Any, ...], outputs: Any) -> None:
    """Forget how many rows were in front, also after an error."""
    if not torch.compiler.is_compiling():
        ROWS_IN_FRONT.set(None)


def _mapped(function: Callable[[Tensor], Tensor], outputs: Any) -> Any:
    """Apply ``function`` to a tensor, or to all tensors of a container."""
    if isinstance(outputs, Tensor):
        return function(outputs)
    if isinstance(outputs, dict):
        mapped = outputs if type(outputs) is dict else copy.copy(outputs)
        found = {name: _mapped(function, part) for name, part in outputs.items()}
        if mapped is outputs:
            return found
        for name, part in found.items():
            mapped[name] = part
        return mapped
    if isinstance(outputs, tuple) and hasattr(outputs, "_fields"):
        return type(outputs)(*(_mapped(function, part) for part in outputs))
    if isinstance(outputs, list | tuple):
        return type(outputs)(_mapped(function, part) for part in outputs)
    if dataclasses.is_dataclass(outputs) and not isinstance(outputs, type):
        names = [field.name for field in dataclasses.fields(outputs)]
        changed = {name: _mapped(function, getattr(outputs, name)) for name in names}
        return dataclasses.replace(outputs, **changed)
    if outputs is None or isinstance(outputs, bool | int | float | str):
        return outputs
    raise ValueError(
        f"a network with a reference batch must return tensors, or tuples, lists, dicts or "
        f"dataclasses of them, so that the reference rows can be taken off; got "
        f"{type(outputs).__name__}"
    )
