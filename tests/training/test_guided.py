"""The guided step against the algorithm box, written out by hand with plain descent."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from convergan.core.chance import derive
from convergan.data import Batch
from convergan.networks import (
    ConvolutionalGenerator,
    GuidedDiscriminator,
    ResidualDiscriminator,
    ResidualGenerator,
    guided_residual_discriminator,
)
from convergan.objectives import minimax_discriminator_loss, non_saturating_generator_loss
from convergan.recipes import Recipe, find_recipe
from convergan.training import State, guided_step

SHAPE = (1, 28, 28)
small_guided = partial(guided_residual_discriminator, width=4, cardinality=2, blocks=1)
small_unguided = partial(ResidualDiscriminator, width=4, cardinality=2, blocks=1)
small_generator = partial(ResidualGenerator, width=4, cardinality=2, blocks=1)
RATE = 0.02
STEP = partial(
    guided_step,
    discriminator_loss=minimax_discriminator_loss,
    generator_loss=non_saturating_generator_loss,
    penalty=0.0,
)


def recipe() -> Recipe:
    descent = partial(torch.optim.SGD, lr=RATE)
    return replace(
        find_recipe("toy"),
        discriminator=small_guided,
        generator=small_generator,
        discriminator_optimizer=descent,
        generator_optimizer=descent,
        generator_average=None,
    )


def start(changed: Recipe | None = None) -> State:
    images = torch.zeros(4, *SHAPE)
    state = (changed or recipe()).start(images, 3, seed=0, device=torch.device("cpu"))
    chance = derive(1, "waking")
    with torch.no_grad():
        for player in state.players():
            for p in player.network.parameters():
                p.add_(torch.randn(p.shape, generator=chance), alpha=0.1)
    return state


def batch() -> Batch:
    chance = derive(1, "batch")
    rows = torch.rand(6, *SHAPE, generator=chance)
    return Batch(rows[:0], torch.zeros(0, dtype=torch.int64), rows, rows[:0], torch.empty(0, 0))


def descend_by_hand(network: torch.nn.Module, loss: Tensor) -> None:
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(loss, parameters)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.sub_(RATE * gradient)


@pytest.mark.parametrize(("weight", "penalty"), [(0.0, 0.0), (3.0, 0.0), (3.0, 5.0)])
def test_guided_step_is_the_algorithm_box(weight: float, penalty: float) -> None:
    stepped, by_hand, rows = start(), start(), batch()
    losses = STEP(stepped, rows, derive(0, "step"), weight=weight, penalty=penalty)
    judge, maker = by_hand.discriminator.network, by_hand.generator.network
    assert isinstance(judge, GuidedDiscriminator) and isinstance(maker, ResidualGenerator)
    chance = derive(0, "step")
    fakes, target = (t.detach() for t in maker.make(maker.draw_latent(6, chance)))
    _, maps = judge.discriminator.encode(fakes)
    cosines = cosine_similarity(judge.decoder(maps[:1]), target, dim=1)
    guidance = 1 - cosines.sum() / (6 * 8 * 8)
    reals = rows.unlabeled.clone().requires_grad_()
    real_logits, fake = judge(reals).logits, judge(fakes).logits.sigmoid()
    judging = -real_logits.sigmoid().log().mean() - (1 - fake).log().mean()
    [slopes] = torch.autograd.grad(real_logits.sum(), reals, create_graph=True)
    steepness = slopes.square().sum() / 6
    descend_by_hand(judge, judging + weight * guidance + penalty / 2 * steepness)
    made = judge(maker(maker.draw_latent(6, chance))).logits.sigmoid()
    making = -made.log().mean()
    descend_by_hand(maker, making)
    assert losses == {
        "discriminator_loss": pytest.approx(judging.item(), rel=1e-4),
        "guidance_loss": pytest.approx(guidance.item(), rel=1e-4),
        "gradient_penalty": pytest.approx(steepness.item(), rel=1e-4),
        "generator_loss": pytest.approx(making.item(), rel=1e-4),
    }
    by_hand.step += 1
    pairs = zip(stepped.tensors().items(), by_hand.tensors().items(), strict=True)
    assert all(a == b and torch.allclose(x, y, atol=1e-5) for (a, x), (b, y) in pairs)


def test_guidance_teaches_the_discriminator_the_map_of_the_generator() -> None:
    adam, nothing = partial(torch.optim.Adam, lr=0.01), partial(torch.optim.SGD, lr=0.0)
    state = start(replace(recipe(), discriminator_optimizer=adam, generator_optimizer=nothing))
    guidance = [
        STEP(state, batch(), derive(0, "step", number), weight=10.0)["guidance_loss"].item()
        for number in range(21)
    ]
    assert guidance[-1] < 0.7 * guidance[0]


def test_networks_that_show_no_maps_are_refused_by_their_names() -> None:
    plain = replace(recipe(), discriminator=small_unguided)
    with pytest.raises(ValueError, match="with a GuidedDiscriminator, got ResidualDiscriminator"):
        STEP(start(plain), batch(), derive(0, "step"), weight=10.0)

    def convolutions(shape: object, chance: torch.Generator) -> torch.nn.Module:
        return ConvolutionalGenerator((3, 32, 32), chance, channels=16)

    mute = replace(recipe(), generator=convolutions)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="with a MappingGenerator, got ConvolutionalGenerator"):
        STEP(start(mute), batch(), derive(0, "step"), weight=10.0)


def test_a_map_of_another_side_is_refused() -> None:
    other = replace(recipe(), generator=partial(small_generator, map_side=16))
    with pytest.raises(ValueError, match=r"shape \(6, 4, 16, 16\), got \(6, 4, 8, 8\)"):
        STEP(start(other), batch(), derive(0, "step"), weight=10.0)
