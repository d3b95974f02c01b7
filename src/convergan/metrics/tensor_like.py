"""What figures take: tensors, arrays and lists of numbers, all seen as tensors.

A tensor stays on its device and of its dtype, an array keeps its dtype and lies on the CPU, and the
numbers of a list are float64. Where two sets are compared, the second goes to the device of the
first.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TensorLike: TypeAlias = Tensor | NDArray[Any] | Sequence[Any]
"""A tensor, an array of NumPy, whatever NumPy makes one of, or lists of numbers."""


def as_tensor(values: TensorLike, name: str) -> Tensor:
    """Return values as a tensor, without a copy where that is possible.

    Args:
        values: on any device; where that has no float64 (Apple's), they come to the CPU.
        name: of the values in the message.

    Raises:
        ValueError: if they are not numbers, or not in rows of one length.

    Example:
        >>> as_tensor([[1, 2], [3, 4]], "features").dtype
        torch.float64
    """
    if isinstance(values, Tensor):
        return values.cpu() if values.device.type == "mps" else values
    try:
        array = np.asarray(values, None if isinstance(values, np.ndarray) else np.float64)
        if not array.ndim:
            raise ValueError("one number, or None")
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
        return torch.from_numpy(array if array.flags.writeable else array.copy())
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be a tensor, an array or lists of numbers of one length, "
            f"got {_described(values)}"
        ) from None


def _described(values: TensorLike) -> str:
    kind = type(values).__name__
    return f"{kind} of {values.dtype}" if isinstance(values, np.ndarray) else kind
