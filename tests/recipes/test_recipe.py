"""A recipe's two players: what they see, how they start, and what they are given."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from convergan.data import Dataset, PrincipalComponents, Rows
from convergan.networks import toy_discriminator, toy_generator
from convergan.recipes import Recipe, find_recipe
from convergan.training import WeightAverage, warm_up

CPU = torch.device("cpu")
ROWS = torch.arange(24).view(12, 2) / 24


def recipe(**changes: Any) -> Recipe:
    plain = {"discriminator_start": None, "generator_average": None}
    return replace(find_recipe("toy"), **(plain | changes))


def dataset() -> Dataset:
    labels = torch.arange(12) % 3
    train, test = Rows(ROWS[:8], labels[:8], tuple("abcdefgh")), Rows(ROWS[8:], labels[8:])
    return Dataset("rows", ("x", "y", "z"), train, test, left_out=("i: zero bytes",))


def thrice(rows: Tensor) -> Tensor:
    return torch.cat([rows, rows, rows], dim=1)


def test_players_see_the_rows_themselves_where_there_is_no_descriptor() -> None:
    data = dataset()
    assert recipe().as_players_see(data) is data


def test_players_see_the_descriptors_of_both_splits_with_labels_and_names_as_they_were() -> None:
    data = dataset()
    seen = recipe(descriptor=thrice).as_players_see(data)
    assert seen.row_shape == (6,)
    for before, after in ((data.train, seen.train), (data.test, seen.test)):
        assert torch.equal(after.images[:], thrice(before.images[:]))
        assert after.labels is before.labels and after.names == before.names
    assert (seen.source, seen.classes, seen.left_out) == ("rows", data.classes, data.left_out)
    assert data.row_shape == (2,)


def test_a_descriptor_that_learns_does_so_from_the_training_rows_alone() -> None:
    data = dataset()
    seen = recipe(descriptor=PrincipalComponents(1)).as_players_see(data)
    learned = PrincipalComponents(1).learn(data.train.images[:])
    for before, after in ((data.train, seen.train), (data.test, seen.test)):
        assert torch.equal(after.images[:], learned(before.images[:]))
    assert not torch.equal(seen.test.images[:], PrincipalComponents(1)(data.test.images[:]))


@pytest.mark.parametrize(
    ("labels", "test_batch", "expected"), [(3, 10, True), (0, 10, False), (3, 0, False)]
)
def test_a_classifier_needs_labels_and_a_batch_to_be_tested_in(
    labels: int, test_batch: int, expected: bool
) -> None:
    assert recipe(labels=labels, test_batch=test_batch).classifies is expected


@pytest.mark.parametrize(("labels", "logits"), [(6, 3), (0, 1)])
def test_there_is_a_logit_for_each_class_or_one_where_nothing_is_labeled(
    labels: int, logits: int
) -> None:
    state = recipe(labels=labels).start(ROWS, 3, seed=0, device=CPU)
    assert state.discriminator.network(ROWS).logits.shape == (12, logits)
    assert state.step == 0


@pytest.mark.parametrize("name", ["toy", "digits"])
def test_a_start_is_a_function_of_the_seed(name: str) -> None:
    images = {"toy": ROWS, "digits": torch.arange(640, dtype=torch.uint8).view(10, 1, 8, 8)}[name]
    start = find_recipe(name).start
    first = start(images, 2, seed=5, device=CPU).digests()
    torch.rand(3)  # of the global generator
    before = torch.get_rng_state()
    assert start(images, 2, seed=5, device=CPU).digests() == first
    assert torch.equal(torch.get_rng_state(), before)
    assert start(images, 2, seed=6, device=CPU).digests() != first


class Remember:
    """In the place of a data-dependent start: what the network is run on."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.networks: list[Any] = []

    def __call__(self, network: Any, forward: Any) -> None:
        seen: list[Tensor] = []
        hook = network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        forward()
        hook.remove()
        self.networks.append((network, seen))


def test_each_player_starts_from_as_many_rows_as_asked_for_real_ones_and_noise() -> None:
    judging, making = Remember(5), Remember(7)
    images = torch.arange(0, 240, 10, dtype=torch.uint8).view(12, 2)
    chosen: dict[str, Any] = {"discriminator_start": judging, "generator_start": making}
    state = recipe(**chosen).start(images, 3, seed=0, device=CPU)
    [(discriminator, [rows])], [(generator, [latent])] = judging.networks, making.networks
    assert discriminator is state.discriminator.network and generator is state.generator.network
    assert rows.shape == (5, 2) and latent.shape == (7, 2)
    numbers = [(images.float() / 255 == row).all(dim=1).nonzero().tolist() for row in rows]
    assert all(len(found) == 1 for found in numbers) and len({n[0][0] for n in numbers}) == 5


def test_each_player_gets_its_own_optimizer_and_average() -> None:
    chosen = recipe(
        discriminator_optimizer=partial(torch.optim.SGD, lr=0.25),
        generator_optimizer=partial(torch.optim.Adam, lr=0.5),
        average=None,
        generator_average=partial(WeightAverage, rate=warm_up(0.9)),
        historical_weight=0.125,
    )
    chance = torch.Generator().manual_seed(0)
    judge, maker = toy_discriminator((2,), 1, chance), toy_generator((2,), chance)
    state = chosen.players(judge, maker)
    judging, making = state.players()
    assert (judging.name, making.name) == ("discriminator", "generator")
    assert judging.network is judge and making.network is maker
    assert isinstance(judging.optimizer, torch.optim.SGD) and judging.base_rates == [0.25]
    assert isinstance(making.optimizer, torch.optim.Adam) and making.base_rates == [0.5]
    assert judging.average is None and making.average is not None
    assert judging.historical_weight == making.historical_weight == 0.125
