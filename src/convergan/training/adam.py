"""Adam with epsilon inside the root, as the released scripts have it.

Kingma & Ba (2015), with the step ``lr m^ / sqrt(v^ + epsilon)``.

Paper and released code: the paper says Adam; the code adds 1e-8 *inside* the root, as much as 1e-4
outside for a vanishing gradient. With 1e-8 outside, as libraries have it, parameters with tiny
gradients move many times faster.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class AdamInsideRoot(torch.optim.Optimizer):
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
        super().__init__(parameters, {"lr": lr, "betas": betas, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients; a parameter without one stays."""
        assert closure is None, "the gradients are computed before"
        for group in self.param_groups:
            self._step_group(group)

    def _step_group(self, group: dict[str, Any]) -> None:
        parameters = [p for p in group["params"] if p.grad is not None]
        if not parameters:
            return
        gradients = [p.grad for p in parameters]
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter] = {
                    "step": torch.zeros(()),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
        first = [self.state[p]["exp_avg"] for p in parameters]
        second = [self.state[p]["exp_avg_sq"] for p in parameters]
        for parameter in parameters:
            self.state[parameter]["step"] += 1
        count = self.state[parameters[0]]["step"].item()
        beta1, beta2 = group["betas"]
        torch._foreach_lerp_(first, gradients, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - beta2)
        root = torch._foreach_div(second, 1 - beta2**count)
        torch._foreach_add_(root, group["epsilon"])
        torch._foreach_sqrt_(root)
        torch._foreach_addcdiv_(parameters, first, root, -group["lr"] / (1 - beta1**count))
