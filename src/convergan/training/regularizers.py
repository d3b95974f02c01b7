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
    spread_until: int = 0,
) -> Tensor:
    """Hold the classifier to straight lines between unlabelled rows; the average is the teacher.

    At first label spreading is the teacher, as the network knows less than a graph of the rows;
    its share falls to 0 on the way, as the network comes to know more.

    Args:
        state: of which the discriminator and its averaged weights are used.
        batch: of which ``unlabeled`` and ``spread`` are used.
        chance: draws pairs, shares and noise.
        weight: factor at full strength.
        start: steps before the term appears, while the teacher still knows little.
        ramp: steps over which its factor then grows from 0 to ``weight``.
        spread_until: step at which the share of label spreading, all at step 0, is 0; for recipes
            that spread labels.
    """
    if state.step < start:
        return batch.unlabeled.new_zeros(())
    network = state.discriminator.network
    with torch.no_grad():
        targets = _opinion(state, batch.unlabeled)
        if state.step < spread_until:
            targets = batch.spread.lerp(targets, state.step / spread_until)
        rows, targets = interpolate(batch.unlabeled, targets, chance)
    strength = weight * min(1.0, (state.step + 1 - start) / ramp)
    return strength * interpolation_consistency_loss(network(rows, chance).logits, targets)


def _opinion(state: State, rows: Tensor) -> Tensor:
    """Class probabilities by the averaged discriminator, without noise."""
    player = state.discriminator
    critique: Critique = functional_call(player.network, player.averaged_parameters(), (rows,))
    return critique.logits.softmax(dim=1)
