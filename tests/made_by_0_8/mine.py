"""What a user has written: recipes of narrow networks, and a network to score images by."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import softplus

from convergan.networks import DenseDiscriminator, DenseGenerator
from convergan.recipes import Recipe, find_recipe


def discriminator(
    shape: Sequence[int], num_classes: int, chance: torch.Generator
) -> DenseDiscriminator:
    return DenseDiscriminator(
        shape, num_classes, hidden=(6, 6), input_noise=0.1, hidden_noise=0.1, chance=chance
    )


def generator(shape: Sequence[int], chance: torch.Generator) -> DenseGenerator:
    return DenseGenerator(shape, hidden=(6,), latent_dim=8, output=softplus, chance=chance)


def _narrow(name: str) -> Recipe:
    recipe = replace(find_recipe(name), discriminator=discriminator, generator=generator)
    return replace(recipe, data="digits", labels=20, batch_size=20, discriminator_start=None)


def digits() -> Recipe:
    """Trained in the same way by 0.8 and by later versions."""
    return _narrow("digits")


def mnist() -> Recipe:
    """Its average is another one since 0.9."""
    return _narrow("mnist")


def pixels(images: Tensor) -> Tensor:
    return images.flatten(1)[:, ::4]
