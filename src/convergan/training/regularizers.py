"""Terms that join the classifier's loss in a semi-supervised step."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call

from ..collective import all_whole, average, own, whole
from ..data import Batch
from ..networks import Critique, evaluating
from ..objectives import (
    class_imbalance,
    consistency_loss,
    interpolate,
    prediction_divergence,
    prediction_entropy,
    virtual_adversarial_loss,
    worst_change,
)
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

    See `convergan.objectives.virtual_adversarial_loss`.

    Args:
        state: of which the discriminator is used.
        batch: of which ``unlabeled`` is used, judged in evaluation mode and so without noise.
        unlabeled_logits: unused.
        chance: draws first directions.
        weight: factor of the loss.
        radius: length of the change, in the units of the rows.
        probe: length of the step that finds its direction, likewise.
    """
    network = state.discriminator.network

    def classify(rows: Tensor) -> Tensor:
        return network(rows).logits

    with evaluating(network):
        loss = virtual_adversarial_loss(
            classify, batch.unlabeled, radius=radius, probe=probe, chance=chance
        )
    return weight * average(loss)


def teacher_adversarial(
    state: State,
    batch: Batch,
    unlabeled_logits: Tensor,
    chance: torch.Generator,
    *,
    weight: float,
    radius: float,
    rising: tuple[int, int],
) -> Tensor:
    """Hold the classifier, at the worst small change of each row, to what its average says.

    `virtual_adversarial` searches for that change from the classifier's own prediction, where the
    divergence has no slope, so it has to probe in a random direction. Under noise and against
    another's prediction there is a slope, and the pass that is there already gives it.

    Args:
        state: of which the discriminator and its averaged weights are used; they teach on the rows
            as they are, without noise.
        batch: of which ``unlabeled`` is used, which must require gradients.
        unlabeled_logits: (N, K), which must depend on ``batch.unlabeled``.
        chance: draws the noise of the pass at the changed rows.
        weight: factor of the loss in the end.
        radius: length of the change, in the units of the rows.
        rising: the steps from which the factor rises from 0, and at which it is ``weight``. Where
            it is 0, no pass is made.

    Raises:
        ValueError: if the unlabelled rows require no gradients, as in `semi_supervised_step`.
    """
    if not batch.unlabeled.requires_grad:
        raise ValueError(
            "the unlabelled rows require no gradients, so no change of theirs can be found; "
            "take semi_supervised_joint_step"
        )
    factor = weight * _rise(state, rising)
    if not factor:
        return unlabeled_logits.new_zeros(())
    targets = _teach(state, batch, None, 0, 0.0).clamp(min=1e-12).log()
    found = prediction_divergence(whole(targets), unlabeled_logits)
    change = worst_change(found, batch.unlabeled, radius=radius)
    logits = state.discriminator.network(batch.unlabeled.detach() + change, chance).logits
    return factor * average(prediction_divergence(targets, logits))


def certainty(
    state: State,
    batch: Batch,
    unlabeled_logits: Tensor,
    chance: torch.Generator,
    *,
    weight: float,
    balance_weight: float,
    slack: float,
    rising: tuple[int, int],
) -> Tensor:
    """Make each prediction sure, and all together balanced; see `convergan.objectives.certainty`.

    Args:
        state: of which the step is used.
        batch: unused.
        unlabeled_logits: (N, K), receive the gradient.
        chance: unused.
        weight: factor of the predictions' entropy in the end.
        balance_weight: factor of `convergan.objectives.class_imbalance`, from the start.
        slack: of the imbalance, what costs nothing, in nats.
        rising: the steps from which ``weight`` rises from 0, and at which it is there.
    """
    sure = weight * _rise(state, rising) * prediction_entropy(unlabeled_logits)
    return sure + balance_weight * class_imbalance(unlabeled_logits, slack=slack)


def _rise(state: State, rising: tuple[int, int]) -> float:
    """Go from 0 to 1 between two steps."""
    first, last = rising
    return min(1.0, max(0.0, (state.step - first) / max(1, last - first)))


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
    with torch.no_grad(), evaluating(player.network):
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
