"""Adam with epsilon where the authors' released code has it.

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

Both keep ``epsilon`` in their parameter groups, so it is saved and loaded with them, and may differ
from group to group.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ..core.layout import align, fills_its_memory

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]


class AdamInsideRoot(torch.optim.Adam):
    """Adam whose epsilon stands under the root.

    Args:
        parameters: to be optimised, or groups of them; float32 or float64.
        lr: learning rate.
        betas: decay of the first and of the second moment, each in (0, 1).
        epsilon: added to the bias-corrected second moment, under the root; not negative.

    Raises:
        ValueError: if a value is out of range, or a parameter is of another dtype or has gaps in
            its memory, which the fused update would walk over.
    """

    def __init__(
        self,
        parameters: Parameters,
        *,
        lr: float,
        betas: tuple[float, float],
        epsilon: float = 1e-8,
    ) -> None:
        _require(betas, epsilon)
        super().__init__(parameters, lr=lr, betas=betas, eps=0.0, fused=True)
        # An update that a gradient scaler skips must skip the addition to the second moment too.
        self._step_supports_amp_scaling = False
        self.defaults["epsilon"] = epsilon
        for group in self.param_groups:
            group.setdefault("epsilon", epsilon)
        for parameter in [p for group in self.param_groups for p in group["params"]]:
            self._start(parameter)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a saved state; that of another Adam brings its moments."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        for group in self.param_groups:
            group.setdefault("epsilon", self.defaults.get("epsilon", 1e-8))
            group |= {"eps": 0.0, "fused": True}
        self._step_supports_amp_scaling = False

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take a further group, or refuse it as the first ones."""
        super().add_param_group(param_group)
        try:
            _require_dense(self.param_groups[-1])
        except ValueError:
            self.param_groups.pop()
            raise

    def _start(self, parameter: Tensor) -> None:
        self.state[parameter] = {
            "step": torch.zeros((), device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients; a parameter without a gradient does not move.

        Gradients and moments get the strides of their parameters first, whatever theirs are.
        """
        _refuse_closure(self, closure)
        align(self)
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            for parameter in moving:
                if "exp_avg_sq" not in self.state[parameter]:  # its group was added later
                    self._start(parameter)
            if moving:
                seconds = [self.state[p]["exp_avg_sq"] for p in moving]
                beta2 = group["betas"][1]
                torch._foreach_add_(seconds, group["epsilon"] * (1 - beta2) / beta2)
        super().step()


class TensorFlowAdam(torch.optim.Optimizer):
    """Adam whose epsilon stands beside the root of the uncorrected second moment.

    Args:
        parameters: to be optimised, or groups of them.
        lr: learning rate.
        betas: decay of the first and of the second moment, each in (0, 1).
        epsilon: added to the root; not negative.

    Raises:
        ValueError: if a value is out of range.
    """

    def __init__(
        self,
        parameters: Parameters,
        *,
        lr: float,
        betas: tuple[float, float],
        epsilon: float = 1e-8,
    ) -> None:
        _require(betas, epsilon)
        super().__init__(parameters, {"lr": lr, "betas": betas, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients; a parameter without a gradient does not move."""
        _refuse_closure(self, closure)
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            if moving:
                self._move(moving, group)

    def _move(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        gradients = [p.grad for p in parameters if p.grad is not None]
        states = [self._state_of(p) for p in parameters]
        firsts, seconds, steps = ([s[key] for s in states] for key in ("m", "v", "step"))
        torch._foreach_add_(steps, 1)
        torch._foreach_lerp_(firsts, gradients, 1 - beta1)
        torch._foreach_mul_(seconds, beta2)
        torch._foreach_addcmul_(seconds, gradients, gradients, value=1 - beta2)
        roots = torch._foreach_sqrt(seconds)
        torch._foreach_add_(roots, group["epsilon"])
        moves = torch._foreach_div(firsts, roots)
        rates = [group["lr"] * (1 - beta2**t).sqrt() / (1 - beta1**t) for t in steps]
        torch._foreach_mul_(moves, rates)
        torch._foreach_sub_(parameters, moves)

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        if not state:  # steps are counted in float64, as 1 - beta2^t is a small difference
            state["step"] = torch.zeros((), dtype=torch.float64, device=parameter.device)
            state["m"], state["v"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state


def _require(betas: tuple[float, float], epsilon: float) -> None:
    if not all(0 < beta < 1 for beta in betas):
        raise ValueError(f"betas must lie between 0 and 1, got {betas}")
    if epsilon < 0:
        raise ValueError(f"epsilon must not be negative, got {epsilon}")


def _require_dense(group: dict[str, Any]) -> None:
    for parameter in group["params"]:
        shown = f"a parameter of shape {tuple(parameter.shape)}"
        if parameter.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"{shown} is {parameter.dtype}, in which epsilon is lost; keep weights in float32, "
                "as autocast does"
            )
        if not fills_its_memory(parameter):
            raise ValueError(
                f"{shown} has strides {parameter.stride()}, with gaps or overlaps in its memory, "
                "which a fused update walks over; make it nn.Parameter(tensor.contiguous())"
            )


def _refuse_closure(optimizer: torch.optim.Optimizer, closure: object) -> None:
    if closure is not None:
        raise ValueError(
            f"{type(optimizer).__name__} takes no closure: compute the gradients before the step"
        )
