"""Tensors that lie in memory as others do.

Torch's fused optimizers walk the memory of a parameter, its gradient and its moments side by side.
``backward`` accumulates a gradient in the strides of its parameter; `torch.autograd.grad` returns
it in whatever strides it was computed, and for a convolution in channels-last, or a second
derivative of one, those are not the strides of the weight. The fused CPU kernels (Adam, AdamW, SGD,
Adagrad) of torch 2.13, and still of 2.14.1, ignore strides: each weight is then moved by the
gradient of another. That fused SGD left half precision alone, as in 2.13, is mended in 2.14.
docs/design.md has the smallest programs that show both.
"""

import torch
from torch import Tensor
from torch.optim import Optimizer


def match_layout(tensor: Tensor, like: Tensor) -> Tensor:
    """Return ``tensor`` with the strides of ``like``: itself, or a copy where they differ.

    Args:
        tensor: of any strides, for example a gradient.
        like: for example its parameter. Where it has gaps or overlaps in memory, the copy has none.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> weight = torch.zeros(2, 3, 4, 4)
        >>> gradient = torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)
        >>> match_layout(gradient, weight).stride() == weight.stride()
        True
    """
    if tensor.shape != like.shape:
        raise ValueError(f"shapes {tuple(tensor.shape)} and {tuple(like.shape)} are not the same")
    if tensor.stride() == like.stride():
        return tensor
    return torch.empty_like(like, dtype=tensor.dtype).copy_(tensor)


def align(optimizer: Optimizer) -> None:
    """Give the gradients and the moments of an optimizer the strides of their parameters."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            parameter.grad = match_layout(parameter.grad, parameter)
            state = optimizer.state.get(parameter, {})
            for key, value in state.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    state[key] = match_layout(value, parameter)


def fills_its_memory(tensor: Tensor) -> bool:
    """Whether the elements lie side by side, in any order, without gaps or overlaps.

    Example:
        >>> fills_its_memory(torch.zeros(2, 3).T), fills_its_memory(torch.zeros(2, 4)[:, ::2])
        (True, False)
    """
    return torch.empty_like(tensor, device="meta").stride() == tensor.stride()
