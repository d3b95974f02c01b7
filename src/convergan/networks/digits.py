"""A small pair for 8x8 digits and rows of similar width; the MNIST pair at a quarter of its width.

Ours, after Salimans et al. (2016), section 6.1: not a network of the paper.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import softplus

from .dense import DenseDiscriminator, DenseGenerator


def digits_discriminator(
    image_shape: Sequence[int], num_classes: int, chance: torch.Generator
) -> DenseDiscriminator:
    """Build three hidden layers (250, 125, 125) under the noise of the MNIST discriminator."""
    return DenseDiscriminator(
        image_shape,
        num_classes,
        hidden=(250, 125, 125),
        input_noise=0.3,
        hidden_noise=0.5,
        chance=chance,
    )


def digits_generator(image_shape: Sequence[int], chance: torch.Generator) -> DenseGenerator:
    """Build two hidden layers of 125 and a softplus output from 50 noise inputs."""
    return DenseGenerator(
        image_shape, hidden=(125, 125), latent_dim=50, output=softplus, chance=chance
    )
