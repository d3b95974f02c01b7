"""Adam with epsilon inside the root, as the released scripts have it.

Kingma & Ba (2015), with the step ``lr m^ / sqrt(v^ + epsilon)``.

Paper and released code: the paper says Adam; the code adds 1e-8 *inside* the root, as much as 1e-4
outside for a vanishing gradient. With 1e-8 outside, as libraries have it, parameters with tiny
gradients move many times faster.

That is Adam whose second moment averages ``g^2 + epsilon`` in place of ``g^2``, with nothing added
to the root: ``v_t / (1 - beta2^t)`` is then larger by exactly ``epsilon``. So one addition to the
second moment, ahead of torch's fused update, is all there is to it.
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
            moving = [p for p in group["params"] if p.grad is not None]
            for parameter in moving:
                parameter.grad = match_layout(parameter.grad, parameter)
            seconds = [self.state[p]["exp_avg_sq"] for p in moving]
            beta2 = group["betas"][1]
            torch._foreach_add_(seconds, self.epsilon * (1 - beta2) / beta2)
        super().step()
