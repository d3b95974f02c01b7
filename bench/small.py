"""Recipes as they are but for the width of their networks, and a few rows for each."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from convergan.data import Dataset, load
from convergan.data.sources import Rows
from convergan.networks import packed_discriminator
from convergan.recipes import Recipe

SHAPES: dict[str, tuple[int, ...]] = {
    "digits": (1, 8, 8),
    "ring": (2,),
    "stacked-mnist": (3, 28, 28),
    "ylecun/mnist": (1, 28, 28),
    "zalando-datasets/fashion_mnist": (1, 28, 28),
    "ufldl-stanford/svhn:cropped_digits": (3, 32, 32),
    "uoft-cs/cifar10": (3, 32, 32),
    "ILSVRC/imagenet-1k": (3, 128, 128),
}
"""Of one row of a recipe's data."""
WIDTHS = {"channels": 4, "width": 8, "cardinality": 2, "blocks": 1}
DEEP = {"channels": 16}
"""Of generators, whose widths are those of their widest map."""


def narrow(recipe: Recipe) -> Recipe:
    """Return a recipe whose convolutions take little time, with batches of eight."""
    return replace(
        recipe,
        discriminator=_narrow(recipe.discriminator, WIDTHS),
        generator=_narrow(recipe.generator, WIDTHS | DEEP),
        batch_size=8,
    )


def _narrow(make: Callable[..., Any], widths: dict[str, int]) -> Any:
    function = make.func if isinstance(make, partial) else make
    if function is packed_discriminator:
        assert isinstance(make, partial)
        return partial(make, make=_narrow(make.keywords["make"], widths))
    named = inspect.signature(function).parameters
    return partial(make, **{name: width for name, width in widths.items() if name in named})


def small(recipe: Recipe) -> tuple[Recipe, Dataset]:
    """Return a narrow recipe without a judge of images, and rows that it can take."""
    shape = SHAPES[recipe.data]
    if len(shape) == 1:
        return narrow(recipe), load(recipe.data)
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (52, *shape), generator=chance, dtype=torch.uint8)
    labels = torch.arange(52) % 2
    train, test = Rows(images[:48], labels[:48]), Rows(images[48:], labels[48:])
    return replace(narrow(recipe), judge=None), Dataset("noise", ("even", "odd"), train, test)
