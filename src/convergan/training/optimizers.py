"""What a player asks of its optimizer, before the first step.

A checkpoint holds tensors alone, the same ones at every step, so an optimizer's state must be
tensors that exist from the start; torch's create them in their first step. And what torch's fused
kernels get wrong (see `convergan.core.layout`) is refused rather than trained.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from ..core.layout import fills_its_memory

MakeOptimizer = Callable[[Iterable[Tensor]], Optimizer]
HALF_PRECISION = (torch.bfloat16, torch.float16)


def make_ready(make: MakeOptimizer, parameters: Mapping[str, Tensor]) -> Optimizer:
    """Make an optimizer whose state exists and stands before the first step.

    Args:
        make: from parameters to an optimizer.
        parameters: by name; unchanged.

    Raises:
        ValueError: if ``make`` makes no optimizer of just these parameters, or one that needs a
            closure, keeps something else than tensors, starts from a state other than zeros that it
            creates in its first step, or cannot take the memory layout or dtype of a parameter.
    """
    optimizer = make(parameters.values())
    _require_owner(optimizer, parameters)
    if any(group.get("fused") for group in optimizer.param_groups):
        for name, parameter in parameters.items():
            _require_fused_update_is_right(optimizer, name, parameter)
    try:
        _create_state(optimizer, list(parameters.values()))
    except TypeError as error:
        raise ValueError(
            f"{_kind(optimizer)} cannot take a step along given gradients ({error}); take one that "
            "needs no closure"
        ) from error
    except RuntimeError as error:
        strided = [name for name, p in parameters.items() if not p.is_contiguous()]
        if not strided or "view size" not in str(error):
            raise
        raise ValueError(
            f"{_kind(optimizer)} cannot take parameters that are not contiguous, as {strided[0]} "
            f"({error}); keep the network in torch.contiguous_format, or take another optimizer"
        ) from error
    if isinstance(make, Hashable):
        _require_start_from_zero(make)
    return optimizer


def require_owned(optimizer: Optimizer, parameters: Mapping[str, Tensor]) -> None:
    """Require an optimizer to own all trainable parameters of a network.

    Args:
        optimizer: may own others too.
        parameters: by name.

    Raises:
        ValueError: if it does not; the message names those that it does not own.
    """
    owned = _owned(optimizer)
    names = [name.removeprefix("network.") for name, p in parameters.items() if id(p) not in owned]
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise ValueError(
            f"{_kind(optimizer)} does not own {', '.join(names[:3])}{more}; make it of all "
            "parameters, and set requires_grad_(False) on what is not to be trained"
        )


def _owned(optimizer: Optimizer) -> set[int]:
    return {id(tensor) for group in optimizer.param_groups for tensor in group["params"]}


def _require_owner(optimizer: object, parameters: Mapping[str, Tensor]) -> None:
    """Require an optimizer of these parameters and no others."""
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            "the optimizer must be a torch.optim.Optimizer, made of the parameters that it is "
            f"called with; got {optimizer!r}"
        )
    require_owned(optimizer, parameters)
    if (others := len(_owned(optimizer)) - len(parameters)) > 0:
        raise ValueError(
            f"{_kind(optimizer)} owns {others} tensors of no parameter of the network; make it of "
            "the parameters that it is called with"
        )


def _kind(optimizer: Optimizer) -> str:
    return type(optimizer).__name__


def _require_fused_update_is_right(optimizer: Optimizer, name: str, parameter: Tensor) -> None:
    if not fills_its_memory(parameter):
        raise ValueError(
            f"parameter {name} of shape {tuple(parameter.shape)} and strides {parameter.stride()} "
            "has gaps or overlaps in its memory, which a fused optimizer walks over; make it "
            "nn.Parameter(tensor.contiguous())"
        )
    half = parameter.device.type == "cpu" and parameter.dtype in HALF_PRECISION
    if half and isinstance(optimizer, SGD):
        raise ValueError(
            f"parameter {name} is {parameter.dtype}, of which torch's fused SGD moves almost none "
            "on a CPU before torch 2.14; keep weights in float32, as autocast does, or leave out "
            "fused=True"
        )


@torch.no_grad()
def _create_state(optimizer: Optimizer, parameters: Sequence[Tensor]) -> None:
    """Take a step along no gradient and undo it: what it created is zero, the rest as before."""
    values = [parameter.clone() for parameter in parameters]
    states = [dict(optimizer.state.get(parameter, {})) for parameter in parameters]
    states = [{key: _cloned(value) for key, value in state.items()} for state in states]
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    for parameter, value, before in zip(parameters, values, states, strict=True):
        parameter.copy_(value)
        for key, kept in optimizer.state[parameter].items():
            if not isinstance(kept, Tensor):
                raise ValueError(
                    f"{_kind(optimizer)} keeps {key} as {type(kept).__name__}, and a checkpoint "
                    "holds tensors alone"
                )
            kept.copy_(before[key]) if key in before else kept.zero_()


def _cloned(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


@lru_cache(maxsize=64)
def _require_start_from_zero(make: MakeOptimizer) -> None:
    """Compare two steps from a created state with two as the optimizer itself begins.

    One that is made for particular parameters only, and not for a probe, is not compared.
    """
    ends = []
    for created in (False, True):
        probe = nn.Parameter(torch.ones(2))
        try:
            optimizer = make([probe])
        except Exception:
            return
        if created:
            _create_state(optimizer, [probe])
        for _ in range(2):
            probe.grad = torch.tensor([0.5, -2.0])
            optimizer.step()
        ends.append(probe.detach())
    if not torch.equal(*ends):
        raise ValueError(
            f"{_kind(optimizer)} does not start from a state of zeros, from which checkpoints here "
            "begin; take Adam, AdamW, RMSprop, Adagrad or SGD"
        )
