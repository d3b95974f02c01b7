"""Networks of the user's as players."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convergan.data import Batch, load
from convergan.networks import Critique, Discriminator, Generator
from convergan.objectives import (
    absolute_feature_matching,
    minimax_discriminator_loss,
    non_saturating_generator_loss,
)
from convergan.recipes import Recipe, find_recipe
from convergan.recipes.first_look import require_players_fit
from convergan.recipes.players import as_discriminator
from convergan.training import (
    PlainDiscriminator,
    State,
    adversarial_step,
    feature_matching_step,
)
from tests.recipes.small_networks import Judge, Painter

CPU = torch.device("cpu")


def recipe(**changes: Any) -> Recipe:
    plain = {"discriminator_start": None, "batch_size": 16}
    return replace(find_recipe("toy"), **(plain | changes))


def start(**changes: Any) -> State:
    return recipe(**changes).start(load("ring").train.images[:], 1, seed=3, device=CPU)


def plain_judge(row_shape: Sequence[int], logits: int, chance: torch.Generator) -> nn.Module:
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, logits))


def test_a_plain_module_judges() -> None:
    state = start(discriminator=plain_judge)
    network = state.discriminator.network
    rows = torch.rand(5, 2)
    assert isinstance(network, PlainDiscriminator)
    critique = network(rows, torch.Generator())
    assert isinstance(critique, Critique) and critique.logits.shape == (5, 1)
    assert torch.equal(critique.logits, network(rows).logits)
    assert network.rows_together == 1


def test_first_weights_of_torchs_layers_are_a_function_of_the_seed() -> None:
    chosen = {"discriminator": plain_judge}
    one = start(**chosen)
    torch.rand(3)
    before = torch.get_rng_state()
    other = start(**chosen)
    assert one.digests() == other.digests()
    assert torch.equal(torch.get_rng_state(), before)
    third = recipe(**chosen).start(load("ring").train.images[:], 1, seed=4, device=CPU)
    assert third.digests() != one.digests()


def test_logits_alone_do_where_no_features_are_needed_and_else_are_refused() -> None:
    batch = torch.rand(16, 2)
    state = start(discriminator=plain_judge)
    losses = {"discriminator_loss": minimax_discriminator_loss}
    rows = Batch(batch[:0], torch.zeros(0, dtype=torch.int64), batch, batch, torch.empty(16, 0))
    chance = torch.Generator().manual_seed(0)
    found = adversarial_step(
        state, rows, chance, generator_loss=non_saturating_generator_loss, **losses
    )
    assert bool(found["generator_loss"].isfinite())
    with pytest.raises(ValueError, match="the discriminator returns no features to match"):
        feature_matching_step(
            state, rows, chance, feature_matching=absolute_feature_matching, **losses
        )


class Returns(nn.Module):
    """Returns what it was made with."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = found

    def forward(self, images: Tensor) -> Any:
        return self.found


@pytest.mark.parametrize(
    ("found", "shape"), [(torch.ones(3), (3, 1)), (torch.ones(3, 1, 1, 1), (3, 1))]
)
def test_logits_of_any_shape_become_a_row_each(found: Tensor, shape: tuple[int, ...]) -> None:
    critique = as_discriminator(Returns(found))(torch.ones(3, 2))
    assert critique.logits.shape == shape and not critique.features.numel()


def test_a_pair_of_tensors_is_a_critique_and_other_things_are_refused() -> None:
    pair = (torch.ones(3, 1), torch.ones(3, 4))
    critique = as_discriminator(Returns(pair))(torch.ones(3, 2))
    assert torch.equal(critique.features, pair[1])
    with pytest.raises(ValueError, match=r"must return logits, or \(logits.* got NoneType$"):
        as_discriminator(Returns(None))(torch.ones(3, 2))


class NoNoise(nn.Module):
    def __init__(self, row_shape: Sequence[int], chance: torch.Generator) -> None:
        super().__init__()


class TakesClasses(Generator):
    def __init__(self, row_shape: Sequence[int], chance: torch.Generator) -> None:
        super().__init__(2)

    def forward(self, latent: Tensor, classes: Tensor) -> Tensor:
        return latent


def nothing(*given: Any) -> None:
    pass


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"generator": NoNoise}, "draw_latent.* and NoNoise has no draw_latent: derive it from"),
        (
            {"generator": TakesClasses},
            "with the noise alone.* TakesClasses .*: missing .*'classes'",
        ),
        ({"generator": nothing}, "generator of a recipe must return a network.* returned None"),
        ({"discriminator": nothing}, "discriminator of a recipe must return .* returned None"),
        (
            {"discriminator_optimizer": nothing},
            "discriminator: the optimizer must be a torch.optim.Optimizer.* got None",
        ),
    ],
)
def test_what_is_no_player_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        start(**changes)


def first_only(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(list(parameters)[:1], lr=0.1)


def one_more(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD([*parameters, torch.zeros(1, requires_grad=True)], lr=0.1)


def test_an_optimizer_owns_the_parameters_of_its_player_and_no_others() -> None:
    with pytest.raises(
        ValueError, match=r"^discriminator: SGD does not own 0.bias, 2.weight, 2.bias; make it"
    ):
        start(discriminator=plain_judge, discriminator_optimizer=first_only)
    with pytest.raises(ValueError, match="^generator: SGD owns 1 tensors of no parameter"):
        start(generator_optimizer=one_more)


def test_a_discriminator_of_ours_is_left_as_it_is() -> None:
    network = start().discriminator.network
    assert isinstance(network, Discriminator)
    assert not network._forward_hooks and not network._forward_pre_hooks


def test_networks_that_are_derived_from_ours_play() -> None:
    chosen = {"discriminator": Judge, "generator": partial(Painter, end=torch.nn.Identity())}
    state = start(**chosen)
    require_players_fit(recipe(**chosen), state, load("ring"), seed=0)
