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
    spread_weight: float,
    spread_until: int,
) -> Tensor:
    """Hold the classifier to straight lines between unlabelled rows.

    The teacher is label spreading at first, as the network knows less than a graph of the rows, and
    its own averaged weights in the end; in between, the mean of both in changing shares.

    Args:
        state: of which the discriminator and its averaged weights are used.
        batch: of which ``unlabeled`` and ``spread`` are used.
        chance: draws pairs, shares and noise.
        weight: factor of the loss from step ``spread_until`` on.
        spread_weight: factor at step 0; it goes in a straight line to ``weight``.
        spread_until: step at which label spreading, alone the teacher at step 0, has no share left.

    Raises:
        ValueError: if the batch has no spread labels.
    """
    if not batch.spread.shape[1]:
        raise ValueError("interpolation_consistency needs a recipe with label_spreading")
    network = state.discriminator.network
    progress = min(1.0, state.step / spread_until)
    with torch.no_grad():
        targets = batch.spread.lerp(_opinion(state, batch.unlabeled), progress)
        rows, targets = interpolate(batch.unlabeled, targets, chance)
    strength = spread_weight + progress * (weight - spread_weight)
    return strength * interpolation_consistency_loss(network(rows, chance).logits, targets)


def _opinion(state: State, rows: Tensor) -> Tensor:
    """Class probabilities by the averaged discriminator, without noise."""
    player = state.discriminator
    critique: Critique = functional_call(player.network, player.averaged_parameters(), (rows,))
    return critique.logits.softmax(dim=1)
