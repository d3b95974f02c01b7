"""Terms that join the classifier's loss: from the state, the batch and chance to a scalar."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call

from ..data import Batch
from ..objectives import interpolate, interpolation_consistency_loss
from .state import State

Regularizer = Callable[[State, Batch, torch.Generator], Tensor]


def interpolation_consistency(
    state: State, batch: Batch, chance: torch.Generator, *, weight: float, start: int, ramp: int
) -> Tensor:
    """Hold the classifier to straight lines between unlabelled rows; the average is the teacher.

    Args:
        state: of which the discriminator and its averaged weights are used.
        batch: of which ``unlabeled`` is used.
        chance: draws pairs, shares and noise.
        weight: factor at full strength.
        start: steps before the term appears, while the teacher still knows little.
        ramp: steps over which its factor then grows from 0 to ``weight``.
    """
    if state.step < start:
        return batch.unlabeled.new_zeros(())
    network = state.discriminator.network
    with torch.no_grad():
        teacher = state.discriminator.averaged_parameters()
        targets = functional_call(network, teacher, (batch.unlabeled,)).logits.softmax(dim=1)
        rows, targets = interpolate(batch.unlabeled, targets, chance)
    strength = weight * min(1.0, (state.step + 1 - start) / ramp)
    return strength * interpolation_consistency_loss(network(rows, chance).logits, targets)
