"""Adam with epsilon where the released code has it.

Kingma & Ba (2015): ``lr m^ / (sqrt(v^) + epsilon)`` with ``m^ = m / (1 - beta1^t)`` and
``v^ = v / (1 - beta2^t)``, which is torch's.

Paper and released code: the paper says Adam.

* The Theano scripts have ``lr m^ / sqrt(v^ + epsilon)``, `AdamInsideRoot`: 1e-8 *inside* the root
  is as much as 1e-4 outside for a vanishing gradient. With 1e-8 outside, parameters with tiny
  gradients move many times faster. That is Adam whose second moment averages ``g^2 + epsilon`` in
  place of ``g^2``, with nothing added to the root: ``v^`` is then larger by exactly ``epsilon``. So
  one addition to the second moment, ahead of torch's fused update, is all there is to it.
* The ImageNet code has TensorFlow's, `TensorFlowAdam`:
  ``lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon)``. Epsilon stands beside the
  *uncorrected* root, which is torch's Adam with ``epsilon / sqrt(1 - beta2^t)``: 31.6 times as much
  at step 1, 3.2 times at step 100, 1.08 times at step 2,000.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ..layout import match_layout


class AdamInsideRoot(torch.optim.Adam):
    """Adam whose epsilon stands under the root.

    Args:
        parameters: to be optimised.
        lr: learning rate.
        betas: decay of the first and of the second moment.
        epsilon: added to the bias-corrected second moment, under the root.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        betas: tuple[float, float],
        epsilon: float = 1e-8,
    ) -> None:
        """Start both moments of every parameter at zero."""
        super().__init__(parameters, lr=lr, betas=betas, eps=0.0, fused=True)
        self.epsilon = epsilon
        for parameter in [p for group in self.param_groups for p in group["params"]]:
            self.state[parameter] = {
                "step": torch.zeros((), device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients, of any strides; a parameter without one stays."""
        assert closure is None, "the gradients are computed before"
        for group in self.param_groups:
            seconds = [self.state[p]["exp_avg_sq"] for p in _moving(group)]
            beta2 = group["betas"][1]
            torch._foreach_add_(seconds, self.epsilon * (1 - beta2) / beta2)
        super().step()


class TensorFlowAdam(torch.optim.Adam):
    """Adam whose epsilon stands beside the root of the uncorrected second moment.

    Args:
        parameters: to be optimised; in each step all that have a gradient have taken as many steps.
        lr: learning rate.
        betas: decay of the first and of the second moment.
        epsilon: added to the root.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        betas: tuple[float, float],
        epsilon: float = 1e-8,
    ) -> None:
        """Moments start at zero with the first step."""
        super().__init__(parameters, lr=lr, betas=betas, fused=True)
        self.epsilon = epsilon

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients, of any strides; a parameter without one stays."""
        assert closure is None, "the gradients are computed before"
        for group in self.param_groups:
            moving = _moving(group)
            if moving:
                taken = float(self.state[moving[0]].get("step", 0.0))
                group["eps"] = self.epsilon / (1 - group["betas"][1] ** (taken + 1)) ** 0.5
        super().step()


def _moving(group: dict[str, Any]) -> list[Tensor]:
    """Return the parameters that have a gradient, which lies in memory as they lie."""
    moving = [parameter for parameter in group["params"] if parameter.grad is not None]
    for parameter in moving:
        parameter.grad = match_layout(parameter.grad, parameter)
    return moving
