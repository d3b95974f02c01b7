"""Tensors that lie in memory as others do.

Fused optimizers of torch walk the memory of parameter, gradient and moments side by side. Where
``backward`` accumulates a gradient, it gives it the strides of its parameter; `torch.autograd.grad`
returns whatever strides the derivative came in, and a convolution in channels-last, or a second
derivative of one, gives others than those of its weight. The fused CPU kernels of torch 2.13 (Adam,
AdamW, SGD, Adagrad) do not look: each weight is then moved by the gradient of another. (On bfloat16
and float16 weights fused SGD moves almost none, whatever the layout.) docs/design.md has the
smallest programs that show it.
"""

import torch
from torch import Tensor


def match_layout(tensor: Tensor, like: Tensor) -> Tensor:
    """Return ``tensor`` with the strides of ``like``: itself, or a copy where they differ.

    Args:
        tensor: of any strides, for example a gradient.
        like: of the same shape, for example its parameter. Where it has gaps or overlaps in memory,
            see `fills_its_memory`, the copy is contiguous.

    Example:
        >>> weight = torch.zeros(2, 3, 4, 4)
        >>> gradient = torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)
        >>> match_layout(gradient, weight).stride() == weight.stride()
        True
    """
    if tensor.stride() == like.stride():
        return tensor
    return torch.empty_like(like, dtype=tensor.dtype).copy_(tensor)


def fills_its_memory(tensor: Tensor) -> bool:
    """Whether the elements lie side by side, in any order, without gaps or overlaps.

    Example:
        >>> fills_its_memory(torch.zeros(2, 3).T), fills_its_memory(torch.zeros(2, 4)[:, ::2])
        (True, False)
    """
    return torch.empty_like(tensor, device="meta").stride() == tensor.stride()
