"""Terms that join the classifier's loss in a semi-supervised step."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call

from ..collective import all_whole, average, own, whole
from ..data import Batch
from ..networks import Critique
from ..objectives import consistency_loss, interpolate, virtual_adversarial_loss
from .state import State

Regularizer = Callable[[State, Batch, Tensor, torch.Generator], Tensor]
"""From the state, the batch, the logits of ``batch.unlabeled`` under noise, whole, and chance."""


def teacher_consistency(
    state: State,
    batch: Batch,
    unlabeled_logits: Tensor,
    chance: torch.Generator,
    *,
    weight: float,
    spread_weight: float | None,
    spread_until: int,
    spread_share: float = 0.0,
) -> Tensor:
    """Hold the classifier under noise to what its teacher says of the same rows.

    The teacher is label spreading at first, as the network knows less than a graph of the rows;
    then its own averaged weights take a growing share of the mean of both.

    Args:
        state: of which the discriminator and its averaged weights are used.
        batch: of which ``unlabeled`` and ``spread`` are used.
        unlabeled_logits: (N, K), receive the gradient.
        chance: unused.
        weight: factor of the loss from step ``spread_until`` on.
        spread_weight: factor at step 0; it goes in a straight line to ``weight``. None where no
            labels are spread: the averaged weights teach alone, with a factor that begins at 0.
        spread_until: step at which label spreading, alone the teacher at step 0, would have no
            share left.
        spread_share: what it keeps all the same.

    Raises:
        ValueError: if the batch has no spread labels.
    """
    targets = whole(_teach(state, batch, spread_weight, spread_until, spread_share))
    strength = _strength(state, weight, spread_weight, spread_until)
    return strength * consistency_loss(unlabeled_logits, targets)


def interpolation_consistency(
    state: State,
    batch: Batch,
    unlabeled_logits: Tensor,
    chance: torch.Generator,
    *,
    weight: float,
    spread_weight: float | None,
    spread_until: int,
) -> Tensor:
    """Hold the classifier to straight lines between unlabelled rows, which are made whole for it.

    Arguments and errors as for `teacher_consistency`, but ``unlabeled_logits`` are unused,
    ``chance`` draws pairs, shares and noise, and label spreading keeps no share. A ``weight`` is
    worth K times that of the released code, see `convergan.objectives.interpolation_consistency`;
    there the averaged weights teach alone, from the start.
    """
    targets = _teach(state, batch, spread_weight, spread_until, 0.0)
    rows, targets = all_whole(batch.unlabeled, targets)
    rows, targets = interpolate(rows, targets, chance)
    mixed_logits = whole(state.discriminator.network(own(rows), chance).logits)
    strength = _strength(state, weight, spread_weight, spread_until)
    return strength * consistency_loss(mixed_logits, targets)


def virtual_adversarial(
    state: State,
    batch: Batch,
    unlabeled_logits: Tensor,
    chance: torch.Generator,
    *,
    weight: float,
    radius: float,
    probe: float,
) -> Tensor:
    """Hold the classifier to its own predictions against the worst small change of each row.

    The rows are ``batch.unlabeled``, judged without noise; ``unlabeled_logits`` are unused, and
    ``chance`` draws first directions. ``radius`` and ``probe`` are those of
    `convergan.objectives.virtual_adversarial_loss`.
    """
    network = state.discriminator.network

    def classify(rows: Tensor) -> Tensor:
        return network(rows).logits

    loss = virtual_adversarial_loss(
        classify, batch.unlabeled, radius=radius, probe=probe, chance=chance
    )
    return weight * average(loss)


def _teach(
    state: State,
    batch: Batch,
    spread_weight: float | None,
    spread_until: int,
    spread_share: float,
) -> Tensor:
    """Class probabilities of the unlabelled rows by the teacher of this step."""
    if spread_weight is not None and not batch.spread.shape[1]:
        raise ValueError("a teacher that begins with spread labels needs a recipe's neighbors")
    player = state.discriminator
    with torch.no_grad():
        critique: Critique = functional_call(
            player.network, player.averaged_parameters(), (batch.unlabeled,)
        )
        averaged = critique.logits.softmax(dim=1)
        if spread_weight is None:
            return averaged
        return batch.spread.lerp(averaged, min(1 - spread_share, _progress(state, spread_until)))


def _strength(state: State, weight: float, spread_weight: float | None, spread_until: int) -> float:
    first = spread_weight or 0.0
    return first + _progress(state, spread_until) * (weight - first)


def _progress(state: State, spread_until: int) -> float:
    """Go from 0 to 1 as the averaged weights take over."""
    return min(1.0, state.step / spread_until)
