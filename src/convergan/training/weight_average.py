"""The moving average of a network's weights, which is what gets tested.

Released code of Salimans et al. (2016): ``average += rate (theta - average)`` at every step, over
the trainable tensors only; frozen gains stay as they are. ``theta`` are the weights *before* the
step, as Theano takes all updates of a function at once: the argument ``lagging``. That makes a
difference of 0.6 % of the average after 20 steps, and hardly any later.

Paper and released code: this average is only in the code, and is not the historical averaging of
section 3.3. The scripts as last changed start it at *zero* with rate 1e-4, so after T steps it
holds only ``1 - (1 - 1e-4)^T`` of the weights' mass: 6 % at 600 steps, 63 % at 10,000. Weight
normalisation divides the shrinkage out of directions, but not out of biases and the output gain, so
early test errors are far too high. `warm_up` starts at the weights, and gives its start no weight
in the long run.
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

Rate = Callable[[int], float]
"""From the number of updates so far, this one included, to the weight of the newest values."""


def _constant(rate: float, count: int) -> float:
    return rate


def _warm_up(decay: float, count: int) -> float:
    return 1 - min(decay, (1 + count) / (10 + count))


def constant_rate(rate: float) -> Rate:
    """Return a rate that never changes; the released code has 1e-4.

    Args:
        rate: weight of the newest values, in (0, 1].
    """
    return partial(_constant, rate)


def warm_up(decay: float) -> Rate:
    """Return the rate ``1 - min(decay, (1 + t) / (10 + t))``: short memory first, then ``decay``.

    Args:
        decay: weight of the average in the end, in [0, 1).

    Example:
        >>> round(warm_up(0.999)(1), 3), round(warm_up(0.999)(10**6), 3)
        (0.818, 0.001)
    """
    return partial(_warm_up, decay)


class WeightAverage:
    """The average of named tensors.

    Args:
        parameters: by name; read, not kept.
        rate: weight of the newest values at each update.
        from_zero: start at zero, as the released scripts do, rather than at the present values.
        lagging: average the weights before each step, as the released scripts do, rather than those
            after it. `convergan.training.Player` calls `update` accordingly.

    Attributes:
        values: the averages by name, in the dtype of the parameters.
        count: int64 scalar tensor, number of updates.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        *,
        rate: Rate,
        from_zero: bool = False,
        lagging: bool = False,
    ) -> None:
        start = torch.zeros_like if from_zero else torch.clone
        self.rate = rate
        self.lagging = lagging
        self.values = {name: start(p.detach()) for name, p in parameters.items()}
        self.count = torch.zeros((), dtype=torch.int64)

    @torch.no_grad()
    def update(self, parameters: Mapping[str, Tensor]) -> None:
        """Move towards the present values."""
        self.count += 1
        newest = [parameters[name].detach() for name in self.values]
        torch._foreach_lerp_(list(self.values.values()), newest, self.rate(int(self.count)))

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that a checkpoint must hold, as live tensors."""
        return {"count": self.count} | {f"value.{name}": v for name, v in self.values.items()}
