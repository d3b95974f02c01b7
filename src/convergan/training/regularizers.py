"""Terms that join the classifier's loss: from the state, the batch and chance to a scalar."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call

from ..data import Batch
from ..networks import Critique
from ..objectives import interpolate, interpolation_consistency_loss
from .state import State

Regularizer = Callable[[State, Batch, torch.Generator], Tensor]


def interpolation_consistency(
    state: State,
    batch: Batch,
    chance: torch.Generator,
    *,
    weight: float,
    start: int,
    ramp: int,
    neighbor_share: float = 0.0,
    neighbors_until: int = 0,
) -> Tensor:
    """Hold the classifier to straight lines between unlabelled rows; the average is the teacher.

    At first the teacher's opinion of a row is mixed with its opinion of the row's neighbors, which
    mends errors while they are many; as neighbors are of one class only 96 times in 100 (MNIST),
    their share falls to 0 on the way.

    Args:
        state: of which the discriminator and its averaged weights are used.
        batch: of which ``unlabeled`` and ``neighbors`` are used.
        chance: draws pairs, shares and noise.
        weight: factor at full strength.
        start: steps before the term appears, while the teacher still knows little.
        ramp: steps over which its factor then grows from 0 to ``weight``.
        neighbor_share: share of the neighbors in the teacher's opinion at step 0.
        neighbors_until: step at which that share has fallen to 0.
    """
    if state.step < start:
        return batch.unlabeled.new_zeros(())
    network = state.discriminator.network
    with torch.no_grad():
        targets = _opinion(state, batch.unlabeled)
        share = neighbor_share * max(0.0, 1 - state.step / max(1, neighbors_until))
        if share > 0:
            near = _opinion(state, batch.neighbors.flatten(0, 1))
            near = near.view(*batch.neighbors.shape[:2], -1).mean(dim=1)
            targets = (1 - share) * targets + share * near
        rows, targets = interpolate(batch.unlabeled, targets, chance)
    strength = weight * min(1.0, (state.step + 1 - start) / ramp)
    return strength * interpolation_consistency_loss(network(rows, chance).logits, targets)


def _opinion(state: State, rows: Tensor) -> Tensor:
    """Class probabilities by the averaged discriminator, without noise."""
    player = state.discriminator
    critique: Critique = functional_call(player.network, player.averaged_parameters(), (rows,))
    return critique.logits.softmax(dim=1)
