"""A pair for points in the plane, to see modes come and go.

Ours: not a network of the paper. Both are narrow and shallow, so a step takes under a millisecond.
"""

from collections.abc import Sequence

import torch

from .dense import DenseDiscriminator, DenseGenerator
from .minibatch_features import MinibatchFeatures, no_minibatch_features


def toy_discriminator(
    image_shape: Sequence[int],
    num_classes: int,
    chance: torch.Generator,
    *,
    minibatch_features: MinibatchFeatures = no_minibatch_features,
) -> DenseDiscriminator:
    """Build two hidden layers of 64 without noise."""
    return DenseDiscriminator(
        image_shape,
        num_classes,
        hidden=(64, 64),
        input_noise=0.0,
        hidden_noise=0.0,
        minibatch_features=minibatch_features,
        chance=chance,
    )


def toy_generator(image_shape: Sequence[int], chance: torch.Generator) -> DenseGenerator:
    """Build two hidden layers of 64 and a linear output from 8 noise inputs."""
    return DenseGenerator(
        image_shape, hidden=(64, 64), latent_dim=8, output=torch.positive, chance=chance
    )
