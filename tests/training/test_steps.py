"""The two step functions against the algorithm box, written out by hand with plain descent."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor

from convergan.core.chance import derive
from convergan.data import Batch
from convergan.networks import toy_discriminator, toy_generator
from convergan.objectives import (
    absolute_feature_matching,
    logit_realness,
    minimax_discriminator_loss,
    non_saturating_generator_loss,
    saturating_generator_loss,
    squared_feature_matching,
)
from convergan.recipes import Recipe, find_recipe
from convergan.training import (
    NonFiniteError,
    State,
    adversarial_step,
    feature_matching_step,
    joint_step,
    labeled_adversarial_step,
    relativistic_step,
    semi_supervised_joint_step,
    semi_supervised_step,
    supervised_step,
    top_k_step,
)

CPU = torch.device("cpu")
RATE = 0.1


def toy_recipe(labels: int) -> Recipe:
    descent = partial(torch.optim.SGD, lr=RATE)
    return replace(
        find_recipe("toy"),
        labels=labels,
        discriminator=toy_discriminator,
        generator=toy_generator,
        discriminator_optimizer=descent,
        generator_optimizer=descent,
        generator_average=None,
    )


def toy_state(labels: int = 3, historical_weight: float = 0.0) -> State:
    recipe = replace(toy_recipe(labels), historical_weight=historical_weight)
    return recipe.start(torch.zeros(10, 2), 3, seed=0, device=CPU)


def toy_batch() -> Batch:
    chance = derive(1, "batch")
    rows = [torch.randn(6, 2, generator=chance) for _ in range(3)]
    return Batch(rows[0], torch.tensor([0, 1, 2, 0, 1, 2]), rows[1], rows[2], torch.empty(6, 0))


def copies(state: State) -> dict[str, Tensor]:
    return {name: t.detach().clone() for name, t in state.tensors().items()}


def descend_by_hand(network: torch.nn.Module, loss: Tensor) -> None:
    parameters = [p for p in network.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(loss, parameters)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.sub_(RATE * gradient)


def same_networks(one: State, other: State) -> bool:
    left, right = copies(one), copies(other)
    del left["step"], right["step"]  # what is done by hand is not counted
    pairs = zip(left.items(), right.items(), strict=True)
    return all(a == b and torch.allclose(x, y, atol=1e-7) for (a, x), (b, y) in pairs)


@pytest.mark.parametrize("matching", [squared_feature_matching, absolute_feature_matching])
def test_semi_supervised_step_is_the_algorithm_box(
    matching: Callable[[Tensor, Tensor], Tensor],
) -> None:
    stepped, by_hand, batch = toy_state(), toy_state(), toy_batch()
    semi_supervised_step(
        stepped,
        batch,
        derive(0, "step"),
        feature_matching=matching,
        unsupervised_weight=2.0,
    )
    judge, maker = by_hand.discriminator.network, by_hand.generator.network
    chance = derive(0, "step")
    fakes = maker(maker.draw_latent(6, chance)).detach()
    z = [judge(rows).logits.exp().sum(dim=1) for rows in (batch.unlabeled, fakes)]
    p = judge(batch.labeled).logits.softmax(dim=1)[range(6), batch.labels]
    real, fake = (-(z[0] / (z[0] + 1)).log().mean(), -(1 / (z[1] + 1)).log().mean())
    descend_by_hand(judge, -p.log().mean() + 2.0 * 0.5 * (real + fake))
    made = judge(maker(maker.draw_latent(6, chance))).features
    difference = made.mean(dim=0) - judge(batch.matching).features.mean(dim=0)
    distance = difference.abs() if matching is absolute_feature_matching else difference**2
    descend_by_hand(maker, distance.mean())
    assert same_networks(stepped, by_hand)


@pytest.mark.parametrize(("labeled_every", "generated_every"), [(1, 1), (2, 3)])
def test_semi_supervised_joint_step_moves_both_players_from_one_judgment(
    labeled_every: int, generated_every: int
) -> None:
    stepped, by_hand, batch = toy_state(), toy_state(), toy_batch()
    semi_supervised_joint_step(
        stepped,
        batch,
        derive(0, "step"),
        feature_matching=squared_feature_matching,
        unsupervised_weight=2.0,
        labeled_every=labeled_every,
        generated_every=generated_every,
        regularizers=(lambda state, batch, logits, chance: 0.5 * logits[:, 0].mean(),),
    )
    judge, maker = by_hand.discriminator.network, by_hand.generator.network
    fakes = maker(maker.draw_latent(6 // generated_every, derive(0, "step")))
    chosen, labels = batch.labeled[::labeled_every], batch.labels[::labeled_every]
    z = [judge(rows).logits.exp().sum(dim=1) for rows in (batch.unlabeled, fakes.detach())]
    p = judge(chosen).logits.softmax(dim=1)[range(len(labels)), labels]
    real, fake = (-(z[0] / (z[0] + 1)).log().mean(), -(1 / (z[1] + 1)).log().mean())
    more = 0.5 * judge(batch.unlabeled).logits[:, 0].mean()
    difference = judge(fakes).features.mean(dim=0) - judge(batch.unlabeled).features.mean(dim=0)
    matching = torch.autograd.grad((difference**2).mean(), list(maker.parameters()))
    descend_by_hand(judge, -p.log().mean() + 2.0 * 0.5 * (real + fake) + more)
    with torch.no_grad():  # the generator met the discriminator that had not moved yet
        for parameter, gradient in zip(maker.parameters(), matching, strict=True):
            parameter.sub_(RATE * gradient)
    assert same_networks(stepped, by_hand)


def test_a_regularizer_of_the_joint_step_can_ask_for_slopes_of_the_unlabelled_rows() -> None:
    def sloping(state: State, batch: Batch, logits: Tensor, chance: torch.Generator) -> Tensor:
        [slope] = torch.autograd.grad(logits.sum(), batch.unlabeled, retain_graph=True)
        slopes.append(slope)
        return logits.new_zeros(())

    slopes: list[Tensor] = []
    semi_supervised_joint_step(
        toy_state(),
        toy_batch(),
        derive(0, "step"),
        feature_matching=squared_feature_matching,
        unsupervised_weight=1.0,
        regularizers=(sloping,),
    )
    assert slopes[0].shape == (6, 2) and slopes[0].abs().min().item() > 0


@pytest.mark.parametrize("saturating", [True, False])
def test_adversarial_step_is_the_algorithm_box(saturating: bool) -> None:
    stepped, by_hand, batch = toy_state(0), toy_state(0), toy_batch()
    adversarial_step(
        stepped,
        batch,
        derive(0, "step"),
        discriminator_loss=minimax_discriminator_loss,
        generator_loss=saturating_generator_loss if saturating else non_saturating_generator_loss,
    )
    judge, maker = by_hand.discriminator.network, by_hand.generator.network
    chance = derive(0, "step")
    fakes = maker(maker.draw_latent(6, chance)).detach()
    real, fake = (judge(rows).logits.sigmoid() for rows in (batch.unlabeled, fakes))
    descend_by_hand(judge, -real.log().mean() - (1 - fake).log().mean())
    made = judge(maker(maker.draw_latent(6, chance))).logits.sigmoid()
    descend_by_hand(maker, (1 - made).log().mean() if saturating else -made.log().mean())
    assert same_networks(stepped, by_hand)


@pytest.mark.parametrize("generator_steps", [1, 3])
def test_labeled_adversarial_step_judges_apart_and_moves_the_generator_several_times(
    generator_steps: int,
) -> None:
    stepped, by_hand, batch = toy_state(), toy_state(), toy_batch()
    labeled_adversarial_step(
        stepped,
        batch,
        derive(0, "step"),
        discriminator_loss=minimax_discriminator_loss,
        generator_loss=saturating_generator_loss,
        adversarial_weight=0.5,
        generator_steps=generator_steps,
    )
    judge, maker = by_hand.discriminator.network, by_hand.generator.network
    chance = derive(0, "step")
    fakes = maker(maker.draw_latent(6, chance)).detach()
    z = [judge(rows).logits.exp().sum(dim=1) for rows in (batch.unlabeled, fakes)]
    p = judge(batch.labeled).logits.softmax(dim=1)[range(6), batch.labels]
    real, fake = (-(z[0] / (z[0] + 1)).log().mean(), -(1 / (z[1] + 1)).log().mean())
    descend_by_hand(judge, -p.log().mean() + 0.5 * (real + fake))
    for _ in range(generator_steps):
        z_fake = judge(maker(maker.draw_latent(6, chance))).logits.exp().sum(dim=1)
        descend_by_hand(maker, (1 / (z_fake + 1)).log().mean())
    assert same_networks(stepped, by_hand)


def test_joint_step_moves_both_players_from_one_judgment_of_one_batch() -> None:
    stepped, by_hand, batch = toy_state(), toy_state(), toy_batch()
    batch = batch._replace(labels=batch.labels % 2)  # of three logits the last is "generated"
    joint_step(
        stepped,
        batch,
        derive(0, "step"),
        discriminator_loss=minimax_discriminator_loss,
        generator_loss=non_saturating_generator_loss,
    )
    judge, maker = by_hand.discriminator.network, by_hand.generator.network
    before = {n: p.detach().clone() for n, p in judge.named_parameters()}
    fakes = maker(maker.draw_latent(6, derive(0, "step")))
    p_real, p_fake = (judge(rows).logits.softmax(1) for rows in (batch.labeled, fakes.detach()))
    classes = p_real[range(6), batch.labels].log().mean()
    descend_by_hand(judge, -classes - (1 - p_real[:, 2]).log().mean() - p_fake[:, 2].log().mean())
    moved = {n: p.detach().clone() for n, p in judge.named_parameters()}
    with torch.no_grad():  # the generator meets the discriminator that has not moved yet
        for name, parameter in judge.named_parameters():
            parameter.copy_(before[name])
    p_fake = judge(maker(maker.draw_latent(6, derive(0, "step")))).logits.softmax(1)
    descend_by_hand(maker, -(1 - p_fake[:, 2]).log().mean())
    with torch.no_grad():
        for name, parameter in judge.named_parameters():
            parameter.copy_(moved[name])
    assert same_networks(stepped, by_hand)


def judged_by_hand(state: State, batch: Batch, chance: torch.Generator) -> None:
    """The discriminator's half of the box, for the steps whose generator does something else."""
    judge, maker = state.discriminator.network, state.generator.network
    fakes = maker(maker.draw_latent(6, chance)).detach()
    real, fake = (judge(rows).logits.sigmoid() for rows in (batch.unlabeled, fakes))
    descend_by_hand(judge, -real.log().mean() - (1 - fake).log().mean())


def test_feature_matching_step_compares_other_rows_than_the_discriminator_saw() -> None:
    stepped, by_hand, batch = toy_state(0), toy_state(0), toy_batch()
    feature_matching_step(
        stepped,
        batch,
        derive(0, "step"),
        discriminator_loss=minimax_discriminator_loss,
        feature_matching=squared_feature_matching,
    )
    chance = derive(0, "step")
    judged_by_hand(by_hand, batch, chance)
    judge, maker = by_hand.discriminator.network, by_hand.generator.network
    made = judge(maker(maker.draw_latent(6, chance))).features
    difference = made.mean(dim=0) - judge(batch.matching).features.mean(dim=0)
    descend_by_hand(maker, (difference**2).mean())
    assert same_networks(stepped, by_hand)


@pytest.mark.parametrize(("step", "kept"), [(0, 6), (1, 4), (9, 2)])
def test_top_k_step_learns_from_fewer_and_fewer_of_the_best_rows(step: int, kept: int) -> None:
    stepped, by_hand, batch = toy_state(0), toy_state(0), toy_batch()
    stepped.step = by_hand.step = step
    top_k_step(
        stepped,
        batch,
        derive(0, "step"),
        discriminator_loss=minimax_discriminator_loss,
        generator_losses=lambda logits: torch.nn.functional.softplus(-logits),
        realness=logit_realness,
        gamma=0.7,
        nu=0.34,
    )
    chance = derive(0, "step")
    judged_by_hand(by_hand, batch, chance)
    judge, maker = by_hand.discriminator.network, by_hand.generator.network
    made = judge(maker(maker.draw_latent(6, chance))).logits.sigmoid().flatten()
    best = made.sort(descending=True).values[:kept]
    descend_by_hand(maker, -best.log().mean())
    assert same_networks(stepped, by_hand)


def test_relativistic_step_pairs_rows_and_keeps_the_discriminator_flat() -> None:
    stepped, by_hand, batch = toy_state(0), toy_state(0), toy_batch()
    losses = relativistic_step(stepped, batch, derive(0, "step"), penalty=0.4)
    judge, maker = by_hand.discriminator.network, by_hand.generator.network
    chance = derive(0, "step")
    slopes, logits = [], []
    for rows in (batch.unlabeled, maker(maker.draw_latent(6, chance)).detach()):
        rows = rows.clone().requires_grad_()
        logits.append(judge(rows).logits)
        total = torch.zeros(())
        for row in range(6):  # one at a time
            alone = judge(rows[row : row + 1]).logits.sum()
            [slope] = torch.autograd.grad(alone, rows, create_graph=True)
            total = total + (slope**2).sum()
        slopes.append(total / 6)
    pairing = -(logits[0] - logits[1]).sigmoid().log().mean()
    assert losses["gradient_penalty"].item() == pytest.approx(
        (slopes[0] + slopes[1]).item(), rel=1e-5
    )
    descend_by_hand(judge, pairing + 0.2 * (slopes[0] + slopes[1]))
    ahead = judge(batch.matching).logits - judge(maker(maker.draw_latent(6, chance))).logits
    descend_by_hand(maker, -(-ahead).sigmoid().log().mean())
    assert same_networks(stepped, by_hand)
    assert not batch.unlabeled.requires_grad


def test_supervised_step_leaves_the_generator_alone() -> None:
    state = toy_state()
    before = copies(state)
    supervised_step(state, toy_batch(), derive(0, "step"))
    changed = {name.split(".")[0] for name, t in copies(state).items() if not t.equal(before[name])}
    assert changed == {"discriminator", "step"}


def test_historical_penalty_joins_the_one_backward_pass() -> None:
    weight = 0.5
    plain, pulled, batch = toy_state(), toy_state(historical_weight=weight), toy_batch()
    biases = [state.discriminator.parameters["output.bias"] for state in (plain, pulled)]
    for state in (plain, pulled):  # the first step starts at the mean, so the penalty is silent
        supervised_step(state, batch, derive(0, "first"))
    assert biases[0].equal(biases[1])
    start = biases[1].detach().clone()
    history = pulled.discriminator.history
    assert history is not None
    mean = history.means["output.bias"].float().clone()
    for state in (plain, pulled):
        supervised_step(state, batch, derive(0, "second"))
    torch.testing.assert_close(biases[1] - biases[0], -RATE * weight * 2 * (start - mean))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_before_any_update(bad: float) -> None:
    state, batch = toy_state(), toy_batch()
    before = copies(state)
    batch.labeled[3, 1] = bad
    with pytest.raises(NonFiniteError, match="discriminator: the loss is not finite"):
        supervised_step(state, batch, derive(0, "step"))
    assert all(t.equal(before[name]) for name, t in copies(state).items())


def test_a_gradient_that_is_not_finite_is_named() -> None:
    state = toy_state()
    bias = state.discriminator.parameters["output.bias"]
    loss = (bias - bias.detach()).abs().sum().sqrt()  # value 0, infinite slope
    with pytest.raises(NonFiniteError, match=r"the gradient of output\.bias is not finite"):
        state.discriminator.descend(
            loss + sum(p.sum() for p in state.discriminator.parameters.values())
        )
