"""A compact convolutional pair for 28x28 images, quick enough for many runs on a CPU.

Ours, in the manner of DCGAN (Radford et al., 2015) and of the pair that Lin et al. (2018) use for
Stacked MNIST in "PacGAN", section 4.2: 5x5 convolutions of stride 2 from side 28 to 14, 7 and 4
with ``c``, ``2c`` and ``4c`` channels under leaky ReLU against deconvolutions from side 4 to 7, 14
and 28. As in the pair of `convergan.networks.small_images`, the discriminator is weight-normalised
unless asked not to be, the generator batch-normalised or virtually so; there is neither noise nor
dropout. Images are in [0, 1], which the discriminator maps to [-1, 1] on its way in and the
generator on its way out.
"""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from ..layers import BatchStatisticsNorm, freeze_gain, weight_norm
from .critique import Critique, Discriminator
from .generator import Generator
from .minibatch_features import MinibatchFeatures, no_minibatch_features
from .small_images import EPSILON, START_STD
from .start import drawn, normal
from .virtual_batch import MakeNorm, VirtualBatchGenerator

SIDE = 28
SLOPE = 0.2
MULTIPLES = (1, 2, 4)
"""Channels of each convolution as multiples of ``c``."""
NUM_REFERENCE = 16
"""Rows of reference noise of a virtually normalised generator."""


class CompactDiscriminator(Discriminator):
    """Three convolutions of stride 2; their last map is the features.

    Args:
        in_channels: of an image.
        num_classes: number of logits.
        channels: ``c``, of the first convolution.
        weight_normalised: normalise the weights of all layers, or none, which then start from
            He et al. (2015).
        minibatch_features: what is added to the features before the logits.
        chance: draws the initial weights.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        channels: int,
        weight_normalised: bool,
        minibatch_features: MinibatchFeatures,
        chance: torch.Generator,
    ) -> None:
        super().__init__()
        he = partial(nn.init.kaiming_normal_, a=SLOPE, generator=chance)
        start = normal(START_STD, chance) if weight_normalised else he
        widths = [in_channels, *(multiple * channels for multiple in MULTIPLES)]
        self.layers = nn.ModuleList(
            drawn(nn.Conv2d(i, o, 5, 2, 2, device="meta"), start) for i, o in pairwise(widths)
        )
        self.minibatch_features, joined = minibatch_features(4 * 4 * widths[-1], chance)
        self.output = drawn(nn.Linear(joined, num_classes, device="meta"), start)
        if weight_normalised:
            for layer in self.layers:
                freeze_gain(weight_norm(layer, EPSILON))
            weight_norm(self.output, EPSILON, start_std=0.1)

    def forward(self, images: Tensor, chance: torch.Generator | None = None) -> Critique:
        """Judge ``images`` of shape (N, in_channels, 28, 28) in [0, 1]; ``chance`` is unused."""
        h = 2 * images - 1
        for layer in self.layers:
            h = leaky_relu(layer(h), SLOPE)
        features = h.flatten(1)
        logits = self.output(self.minibatch_features(features))
        return Critique(logits.to(images.dtype), features.to(images.dtype))


class CompactGenerator(Generator):
    """Three deconvolutions, normalised but for the last.

    Args:
        out_channels: of an image.
        channels: at side 4; half of them at side 7, a quarter at side 14.
        norm: from a number of channels to their normalisation.
        chance: draws the initial weights.
    """

    def __init__(
        self, out_channels: int, *, channels: int, norm: MakeNorm, chance: torch.Generator
    ) -> None:
        super().__init__(latent_dim=100)
        self.shape = (channels, 4, 4)
        start = normal(START_STD, chance)
        widths = (channels, channels // 2, channels // 4, out_channels)
        units = math.prod(self.shape)
        self.dense = drawn(nn.Linear(self.latent_dim, units, bias=False, device="meta"), start)
        self.norms = nn.ModuleList(norm(width) for width in (units, *widths[1:-1]))
        self.layers = nn.ModuleList(
            drawn(
                nn.ConvTranspose2d(
                    i, o, 5, 2, 2, output_padding=int(level > 0), bias=level == 2, device="meta"
                ),
                start,
            )
            for level, (i, o) in enumerate(pairwise(widths))
        )
        weight_norm(self.layers[-1], EPSILON, start_std=0.1)

    def forward(self, latent: Tensor) -> Tensor:
        """Turn noise of shape (N, 100) into images of shape (N, out_channels, 28, 28)."""
        h = relu(self.norms[0](self.dense(latent))).view(-1, *self.shape)
        for layer, norm in zip(self.layers[:-1], self.norms[1:], strict=True):
            h = relu(norm(layer(h)))
        images = (torch.tanh(self.layers[-1](h)) + 1) / 2
        return images.to(latent.dtype)


def compact_discriminator(
    image_shape: Sequence[int],
    num_classes: int,
    chance: torch.Generator,
    *,
    channels: int = 16,
    weight_normalised: bool = True,
    minibatch_features: MinibatchFeatures = no_minibatch_features,
) -> CompactDiscriminator:
    """Build the discriminator for images of any number of channels.

    Args:
        image_shape: (C, 28, 28), any number of channels.
        num_classes: number of logits.
        chance: draws the initial weights.
        channels: of the first convolution; the other two have twice and four times as many.
        weight_normalised: normalise the weights of all layers, or none.
        minibatch_features: what is added to the features before the logits.

    Raises:
        ValueError: if ``image_shape`` is not (C, 28, 28).
    """
    return CompactDiscriminator(
        _channels(image_shape),
        num_classes,
        channels=channels,
        weight_normalised=weight_normalised,
        minibatch_features=minibatch_features,
        chance=chance,
    )


def compact_generator(
    image_shape: Sequence[int], chance: torch.Generator, *, channels: int = 64
) -> CompactGenerator:
    """Build the generator with batch normalisation.

    Args:
        image_shape: (C, 28, 28), any number of channels.
        chance: draws the initial weights.
        channels: at side 4, a multiple of 4; half of them at side 7, a quarter at side 14.

    Raises:
        ValueError: if ``image_shape`` is not (C, 28, 28).
    """
    return CompactGenerator(
        _channels(image_shape), channels=channels, norm=BatchStatisticsNorm, chance=chance
    )


def virtual_compact_generator(
    image_shape: Sequence[int], chance: torch.Generator, *, channels: int = 64
) -> VirtualBatchGenerator:
    """Build the generator with virtual batch normalisation.

    Args:
        image_shape: (C, 28, 28), any number of channels.
        chance: draws the initial weights and 16 rows of reference noise.
        channels: at side 4, a multiple of 4; half of them at side 7, a quarter at side 14.

    Raises:
        ValueError: if ``image_shape`` is not (C, 28, 28).
    """
    out_channels = _channels(image_shape)

    def make(norm: MakeNorm) -> Generator:
        return CompactGenerator(out_channels, channels=channels, norm=norm, chance=chance)

    return VirtualBatchGenerator(make, num_reference=NUM_REFERENCE, chance=chance)


def _channels(image_shape: Sequence[int]) -> int:
    if len(image_shape) != 3 or tuple(image_shape[1:]) != (SIDE, SIDE):
        raise ValueError(
            f"these convolutions go from side 4 to 28 and back, so rows must be (C, 28, 28) "
            f"images, got {tuple(image_shape)}"
        )
    return image_shape[0]
