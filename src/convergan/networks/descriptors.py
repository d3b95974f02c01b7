"""A pair for descriptors of images, such as oriented gradients, and other rows of a few hundred.

Ours, after Salimans et al. (2016), section 6.1: the MNIST discriminator with its first and its last
hidden layer left out, which descriptors make superfluous, and a generator with a linear output.
"""

from collections.abc import Sequence

import torch

from .dense import DenseDiscriminator, DenseGenerator


def descriptor_discriminator(
    row_shape: Sequence[int], num_classes: int, chance: torch.Generator
) -> DenseDiscriminator:
    """Build three hidden layers (500, 250, 250) under noise, for rows of mean square 1."""
    return DenseDiscriminator(
        row_shape,
        num_classes,
        hidden=(500, 250, 250),
        input_noise=0.2,
        hidden_noise=0.15,
        chance=chance,
    )


def descriptor_generator(row_shape: Sequence[int], chance: torch.Generator) -> DenseGenerator:
    """Build two hidden layers of 500 and a linear output from 100 noise inputs."""
    return DenseGenerator(
        row_shape, hidden=(500, 500), latent_dim=100, output=torch.positive, chance=chance
    )
