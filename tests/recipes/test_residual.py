"""The residual recipes have the published numbers."""

import math

from pytest import approx

from convergan.recipes import describe, find_recipe


def test_the_residual_recipes_have_the_published_numbers() -> None:
    pairs, guided = describe(find_recipe("cifar10-r3gan")), describe(find_recipe("cifar10-ggdr"))
    for recipe in (pairs, guided):
        assert recipe["labels"] == 0 and recipe["steps"] * recipe["batch_size"] == 20_000_000
        for player in ("discriminator", "generator"):
            assert recipe[player]["arguments"]["width"] == 256
            optimizer = recipe[f"{player}_optimizer"]["arguments"]
            assert optimizer == {"lr": 2e-4, "betas": [0.0, 0.99], "fused": True}
    # |d/dx D(2 x - 1)|^2 is four times the published square.
    assert pairs["step"]["arguments"] == {"penalty": 0.05 / 4}
    assert guided["step"]["arguments"]["weight"] == 10.0
    for player in ("discriminator", "generator"):
        assert guided[player]["arguments"]["map_side"] == 8


def test_the_average_of_the_residual_recipes_has_the_half_life_that_they_state() -> None:
    for name in ("cifar10-r3gan", "cifar10-ggdr"):
        recipe = find_recipe(name)
        assert recipe.generator_average is not None
        average = recipe.generator_average({})
        assert average.rate(8_989) > 0.001 == approx(average.rate(8_990))
        steps = math.log(0.5) / math.log1p(-average.rate(100_000))
        assert steps == approx(693, abs=0.5)
        assert recipe.batch_size * steps == approx(88_700, abs=50)
