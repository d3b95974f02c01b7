"""Recipes for a GPU at a width that a CPU trains for some thousand steps within a quarter hour.

``convergan train bench/narrow.py:cifar10_minibatch --steps 2000 --precision bfloat16`` shows
whether losses fall and samples form. But for widths, the batch of the residual pair and how often
they are looked at, the recipes are those of the same names.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from convergan.networks import no_minibatch_features
from convergan.recipes import Recipe, find_recipe
from convergan.training import supervised_step

EVERY = 250


def mnist_minibatch() -> Recipe:
    return _narrow(find_recipe("mnist-minibatch"), {"channels": 12}, {"channels": 64})


def cifar10_minibatch() -> Recipe:
    return _narrow(find_recipe("cifar10-minibatch"), {"channels": 12}, {"channels": 64})


def cifar10_r3gan() -> Recipe:
    recipe = _narrow(find_recipe("cifar10-r3gan"), {"width": 16}, {"width": 16})
    return replace(recipe, batch_size=64)


def cifar10_twin() -> Recipe:
    """`cifar10-narrow` without the game: the same network on labels alone."""
    return replace(find_recipe("cifar10-narrow"), step=supervised_step, takes=("labeled",))


def cifar10_without_minibatch_features() -> Recipe:
    """`cifar10-narrow-minibatch` whose discriminator sees each row alone."""
    recipe = find_recipe("cifar10-narrow-minibatch")
    return _narrow(recipe, {"minibatch_features": no_minibatch_features}, {})


def imagenet() -> Recipe:
    return _narrow(find_recipe("imagenet"), {"width": 8}, {"width": 8})


def _narrow(recipe: Recipe, judge: dict[str, Any], maker: dict[str, Any]) -> Recipe:
    return replace(
        recipe,
        discriminator=partial(recipe.discriminator, **judge),
        generator=partial(recipe.generator, **maker),
        evaluate_every=EVERY,
        checkpoint_every=EVERY,
    )
