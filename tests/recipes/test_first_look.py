"""Players and data that do not go together are refused before the first step."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from bench.small import SHAPES, narrow
from convergan.data import Dataset, Rows
from convergan.recipes import RECIPES, Recipe, find_recipe
from convergan.recipes.first_look import Range, require_players_fit, require_range
from convergan.training import State
from tests.recipes.small_networks import Judge, Painter

CPU = torch.device("cpu")
NONE = torch.zeros(0, dtype=torch.int64)


def rows_of(images: Tensor, classes: int = 1) -> Dataset:
    train = Rows(images, torch.arange(len(images)) % classes)
    return Dataset("rows", tuple(map(str, range(classes))), train, Rows(images[:0], NONE))


def pictures(classes: int = 1) -> Dataset:
    chance = torch.Generator().manual_seed(0)
    return rows_of(torch.randint(256, (40, 1, 4, 4), generator=chance, dtype=torch.uint8), classes)


def recipe(**changes: Any) -> Recipe:
    plain: dict[str, Any] = {
        "discriminator": Judge,
        "generator": partial(Painter, end=torch.sigmoid),
        "discriminator_start": None,
        "batch_size": 16,
    }
    return replace(find_recipe("toy"), **(plain | changes))


def look(dataset: Dataset, **changes: Any) -> State:
    chosen = recipe(**changes)
    state = chosen.start(dataset.train.images, len(dataset.classes), seed=0, device=CPU)
    before, drawn = state.digests(), torch.get_rng_state()
    require_players_fit(chosen, state, dataset, seed=0)
    assert state.digests() == before and torch.equal(torch.get_rng_state(), drawn)
    return state


def mapped(rows: Tensor) -> Tensor:
    return (torch.tanh(rows) + 1) / 2


def in_bytes(rows: Tensor) -> Tensor:
    return 255 * torch.sigmoid(rows)


@pytest.mark.parametrize("end", [torch.sigmoid, mapped, softplus, torch.nn.Identity()])
def test_generators_that_reach_the_data_pass_and_nothing_is_changed(
    end: Callable[[Tensor], Tensor],
) -> None:
    look(pictures(), generator=partial(Painter, end=end))


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (
            torch.tanh,
            r"^the generator makes numbers from -1 to 1, the data are from 0 to 1: let it return "
            r"\(rows \+ 1\) / 2, or end in a sigmoid rather than a tanh$",
        ),
        (in_bytes, r"numbers from 0 to 255, the data are from 0 to 1: let it return 0 \+ 0.00392"),
    ],
)
def test_a_generator_of_another_range_is_refused_with_both(
    end: Callable[[Tensor], Tensor], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        look(pictures(), generator=partial(Painter, end=end))


def test_the_range_of_floating_point_rows_is_their_own() -> None:
    centred = rows_of(torch.linspace(-1, 1, 40 * 16).view(40, 1, 4, 4))
    look(centred, generator=partial(Painter, end=torch.tanh))
    with pytest.raises(ValueError, match=r"from 0 to 1, the data are from -1 to 1: .*-1 \+ 2 \* "):
        look(centred, generator=partial(Painter, end=torch.sigmoid))


@pytest.mark.parametrize(
    ("bounds", "first", "fits"),
    [
        ((-torch.inf, torch.inf), (-0.5, 0.5), True),
        ((-torch.inf, torch.inf), (40.0, 50.0), False),
        ((0.0, torch.inf), (0.1, 9.0), True),
        ((0.5, torch.inf), (0.6, 9.0), False),
        ((-torch.inf, 0.5), (-1.0, 0.1), False),
        ((0.0, 1.5), (0.1, 0.2), True),
        ((0.0, 2.0), (0.1, 0.2), False),
    ],
)
def test_bounds_keep_a_generator_from_the_data_or_lie_far_beyond(
    bounds: tuple[float, float], first: tuple[float, float], fits: bool
) -> None:
    given = Range(*bounds), Range(*first), Range(0.0, 1.0), Range(0.1, 0.9)
    if fits:
        require_range(*given)
    else:
        with pytest.raises(ValueError, match="the generator makes numbers from"):
            require_range(*given)


class OtherShape(Painter):
    def __init__(self, row_shape: Sequence[int], chance: torch.Generator) -> None:
        super().__init__((1, 5, 5), chance, end=torch.sigmoid)


class ForFiveByFive(Judge):
    def __init__(self, row_shape: Sequence[int], logits: int, chance: torch.Generator) -> None:
        super().__init__((1, 5, 5), logits, chance)


class OneLogit(Judge):
    def __init__(self, row_shape: Sequence[int], logits: int, chance: torch.Generator) -> None:
        super().__init__(row_shape, 1, chance)


class NoNoise(Painter):
    def __init__(self, row_shape: Sequence[int], chance: torch.Generator) -> None:
        super().__init__(row_shape, chance, end=torch.sigmoid)

    def draw_latent(self, count: int, chance: torch.Generator) -> Tensor:
        return torch.zeros(1, 4)


def to_meta(rows: Tensor) -> Tensor:
    return rows.to("meta")


def no_factor(progress: float) -> None:
    return None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"generator": OtherShape},
            r"generator made a tensor of shape \(16, 1, 5, 5\) of 16 noises, the data have rows of "
            r"shape \(1, 4, 4\)$",
        ),
        (
            {"discriminator": ForFiveByFive},
            r"the discriminator cannot take a tensor of shape \(16, 1, 4, 4\): mat1 and mat2",
        ),
        (
            {"discriminator": OneLogit, "labels": 3},
            "must return a logit for each of 3 classes, or one more .*; it returned 1",
        ),
        ({"generator": NoNoise}, r"draw_latent\(16, chance\) .* must return 16 rows of noise"),
        (
            {"generator": partial(Painter, end=to_meta)},
            "the generator's rows are on meta, the run is on cpu",
        ),
        (
            {"generator": partial(Painter, end=torch.Tensor.byte)},
            "the generator's rows must be floating point, got torch.uint8",
        ),
        ({"schedule": no_factor}, "schedule must return a number, it returned None"),
    ],
)
def test_networks_that_do_not_fit_the_data_are_refused(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        look(pictures(3), **changes)


SMALL = ("digits", "toy", "toy-pacgan-4", "toy-minibatch-stddev", "mnist-minibatch")


@pytest.mark.parametrize("name", SMALL)
def test_recipes_of_the_package_pass(name: str) -> None:
    require_own_recipe(name)


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in RECIPES if name not in SMALL])
def test_all_recipes_of_the_package_pass(name: str) -> None:
    require_own_recipe(name)


def require_own_recipe(name: str) -> None:
    own = narrow(find_recipe(name))
    chance = torch.Generator().manual_seed(0)
    shape = SHAPES[own.data]
    if len(shape) == 1:
        images = torch.randn(200, *shape, generator=chance)
    else:
        images = torch.randint(256, (200, *shape), generator=chance, dtype=torch.uint8)
    dataset = own.as_players_see(rows_of(images, 10))
    state = own.start(dataset.train.images, 10, seed=0, device=CPU)
    before = state.digests()
    require_players_fit(own, state, dataset, seed=0)
    assert state.digests() == before
