"""Mistakes in the fields of a recipe are told by the name of the field."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convergan.networks import toy_discriminator
from convergan.objectives import non_saturating_generator_loss
from convergan.recipes import RECIPES, Recipe, find_recipe, require_fields
from convergan.training import adversarial_step

STEP = partial(adversarial_step, generator_loss=non_saturating_generator_loss)


def made_inside() -> Callable[[Tensor], Tensor]:
    def loss(logits: Tensor) -> Tensor:
        return logits.mean()

    return loss


class Nameless:
    def __call__(self, logits: Tensor) -> Tensor:
        return logits


def toy(**changes: Any) -> Recipe:
    return replace(find_recipe("toy"), **changes)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_the_package_passes(name: str) -> None:
    require_fields(find_recipe(name))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"step": partial(STEP, discriminator_loss=lambda real, fake: real)},
            r"^discriminator_loss of step is a lambda \(line \d+ of .*test_fields.py\); so that",
        ),
        ({"schedule": lambda progress: 1.0}, r"^schedule is a lambda \(line"),
        (
            {"step": partial(STEP, discriminator_loss=made_inside())},
            "^discriminator_loss of step is made_inside.<locals>.loss, made inside a function",
        ),
        ({"descriptor": Nameless()}, "^descriptor is an object of Nameless, which has no name"),
        (
            {"step": partial(STEP, discriminator_loss=torch.ones(1))},
            r"^discriminator_loss of step is tensor\(\[1.\]\), which cannot be written down",
        ),
        (
            {"schedule": partial(max, float("nan"))},
            "^0 of schedule is nan, which cannot be written down",
        ),
        ({"steps": 0}, "^steps must be a whole number of at least 1, got 0$"),
        ({"labels": -1}, "^labels must be a whole number of at least 0, got -1$"),
        ({"batch_size": 2.5}, "^batch_size must be a whole number of at least 1, got 2.5$"),
        ({"side": 0}, "^side must be a whole number of at least 1, got 0$"),
        ({"data": None}, "^data must be a text, got None$"),
        ({"takes": "labeled"}, "^takes must be some of .*, got 'labeled'$"),
        ({"takes": ("labelled",)}, "^takes must be some of .*, got .*labelled"),
        ({"schedule": 1.0}, r"^schedule must be a function, schedule\(progress\); got 1.0$"),
        ({"generator": None}, r"^generator must be a function, generator\(row_shape, chance\); go"),
        (
            {"generator": toy_discriminator},
            r"^generator is called as generator\(row_shape, chance\), which toy_discriminator does "
            "not take: missing a required argument: 'chance'$",
        ),
        (
            {"step": STEP},
            r"^step is called as step\(state, batch, chance\), which adversarial_step does not "
            "take: missing a required (keyword-only )?argument: 'discriminator_loss'$",
        ),
    ],
)
def test_a_mistake_is_told_by_its_field(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        require_fields(toy(**changes))


def test_what_is_made_already_is_refused() -> None:
    network = nn.Linear(2, 1)
    for field, made in (
        ("discriminator", network),
        ("generator_optimizer", torch.optim.SGD(network.parameters(), lr=1)),
    ):
        with pytest.raises(ValueError, match=f"^{field} must be a function, .*made already"):
            require_fields(toy(**{field: made}))
