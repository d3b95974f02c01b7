"""The paper's ImageNet pair for 128x128 images.

Salimans et al. (2016), section 6.4; widths, noise and starts from the released code. The generator
takes 8192 noise inputs and further noise channels at every side, all uniform on [-1, 1). All of it
is one latent vector, so that an image is a function of its latent:

====  ====================================  ==============
side  layers                                noise channels
====  ====================================  ==============
4     dense to 512 channels, norm, ReLU     64
8     deconvolution to 256, norm, ReLU      64
16    deconvolution to 128, norm, ReLU      32
32    deconvolution to 64, norm, ReLU       16
64    deconvolution to 64, norm, ReLU       8
128   deconvolution to 64, norm, ReLU       8
128   deconvolution of stride 1 to 3, tanh  none
====  ====================================  ==============

Deconvolutions are 5x5, the norm is virtual batch normalisation. The discriminator sees images under
Gaussian noise of 0.1: 3x3 convolutions to 64, 128 and 256 channels of stride 2, to 256 twice, to
512 of stride 2 twice, then a dense layer to 2560 features; after each of them cross batch
normalisation and leaky ReLU 0.2; then minibatch features and a dense layer to the logits. It judges
real and fake rows together.

Paper and released code: the paper gives none of these numbers. The code pads as "SAME" does, at the
bottom and right where the stride is 2; torch pads all around, which gives the same pair for images
turned by half a turn. Convolutions and deconvolutions before a normalisation have a bias in the
code that the mean takes out again, and none here; the generator's first dense layer has one of each
unit, as the code does, since the mean is over the 4x4 places of a channel. The discriminator's
dense layer is normalised unit by unit and needs none. A noise tensor that the code computes and
never uses is left out. The code labels images with 1000 classes and "generated", here it is the
caller's number and one. Its networks see and make [-1, 1]; images are in [0, 1] here and mapped on
their way in and out. How rows are normalised has changed in the code, see
`convergan.layers.virtual_batch_norm`.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from ..layers import CrossBatchNorm, GaussianNoise
from ..layers.virtual_batch_norm import Mode
from .critique import Critique, Discriminator
from .generator import Generator
from .minibatch_features import MinibatchFeatures, cross_half_similarities, no_minibatch_features
from .start import drawn, normal
from .virtual_batch import MakeNorm, VirtualBatchGenerator

IMAGE_SHAPE = (3, 128, 128)
GENERATOR_LEVELS = ((64, 8), (32, 8), (16, 4), (8, 2), (8, 1), (8, 1))
"""Channels and noise channels from side 4 to side 128, in eighths of the width."""
DISCRIMINATOR_LAYERS = ((1, 2), (2, 2), (4, 2), (4, 1), (4, 1), (8, 2), (8, 2))
"""Channels of each convolution, in widths, and its stride."""


class ImageNetGenerator(Generator):
    """Normalised ReLU deconvolutions with fresh noise channels at every side.

    Args:
        width: channels at side 128, a multiple of 8; all others are in proportion.
        norm: from a number of channels to their normalisation.
        chance: draws the initial weights.

    Raises:
        ValueError: if ``width`` is not a positive multiple of 8.
    """

    def __init__(self, *, width: int, norm: MakeNorm, chance: torch.Generator) -> None:
        _require_width(width)
        channels = [count * width // 8 for count, _ in GENERATOR_LEVELS]
        extra = [count * width // 8 for _, count in GENERATOR_LEVELS]
        noise_shapes = [(count, 4 << level, 4 << level) for level, count in enumerate(extra)]
        noise_sizes = [128 * width, *map(math.prod, noise_shapes)]
        super().__init__(latent_dim=sum(noise_sizes))
        self.noise_sizes, self.noise_shapes = noise_sizes, noise_shapes
        self.first_shape = (channels[0], 4, 4)
        start = normal(0.02, chance)
        units = math.prod(self.first_shape)
        self.dense = drawn(nn.Linear(128 * width, units, device="meta"), start)
        self.register_load_state_dict_pre_hook(_without_bias)  # type: ignore[no-untyped-call]
        self.norms = nn.ModuleList(norm(count) for count in channels)
        inputs = [count + noise for count, noise in zip(channels, extra, strict=True)]
        self.layers = nn.ModuleList(
            drawn(nn.ConvTranspose2d(i, o, 5, 2, 2, 1, bias=False, device="meta"), start)
            for i, o in zip(inputs[:-1], channels[1:], strict=True)
        )
        output = nn.ConvTranspose2d(inputs[-1], IMAGE_SHAPE[0], 5, padding=2, device="meta")
        self.layers.append(drawn(output, normal(0.075, chance), bias=-0.45))

    def draw_latent(self, count: int, chance: torch.Generator) -> Tensor:
        """Draw ``count`` noise vectors, uniform on [-1, 1)."""
        return super().draw_latent(count, chance).mul_(2).sub_(1)

    def forward(self, latent: Tensor) -> Tensor:
        """Turn noise of shape (N, latent_dim) into images of shape (N, 3, 128, 128) in [0, 1]."""
        first, *noises = torch.split(latent, self.noise_sizes, dim=1)
        h = self.dense(first).view(-1, *self.first_shape)
        levels = zip(self.norms, noises, self.noise_shapes, self.layers, strict=True)
        for norm, noise, shape, layer in levels:
            h = layer(torch.cat([relu(norm(h)), noise.view(-1, *shape)], dim=1))
        return ((torch.tanh(h) + 1) / 2).to(latent.dtype)


def _without_bias(
    generator: nn.Module, weights: dict[str, Tensor], prefix: str, *rest: object
) -> None:
    """Take the weights of convergan 0.8, whose first layer had no bias: they make the same rows."""
    weight = weights.get(f"{prefix}dense.weight")
    if weight is not None:
        weights.setdefault(f"{prefix}dense.bias", weight.new_zeros(len(weight)))


class ImageNetDiscriminator(Discriminator):
    """Convolutions under cross batch normalisation, then minibatch features.

    Args:
        num_logits: number of logits, 1001 in the released code.
        width: channels of the first convolution, a multiple of 8; all others are in proportion.
        minibatch_features: what is added to the features of B real and B fake rows.
        chance: draws the initial weights.

    Raises:
        ValueError: if ``width`` is not a positive multiple of 8.
    """

    def __init__(
        self,
        num_logits: int,
        *,
        width: int,
        minibatch_features: MinibatchFeatures = no_minibatch_features,
        chance: torch.Generator,
    ) -> None:
        _require_width(width)
        super().__init__()
        start = normal(0.02, chance)

        def truncated(weight: Tensor) -> Tensor:
            inside = math.erf(2**0.5)  # the share of a normal distribution within two deviations
            return weight.uniform_(-inside, inside, generator=chance).erfinv_().mul_(0.02 * 2**0.5)

        self.noise = GaussianNoise(0.1)
        widths = [IMAGE_SHAPE[0], *(multiple * width for multiple, _ in DISCRIMINATOR_LAYERS)]
        strides = [stride for _, stride in DISCRIMINATOR_LAYERS]
        self.layers = nn.ModuleList(
            drawn(nn.Conv2d(i, o, 3, stride, 1, bias=False, device="meta"), truncated)
            for (i, o), stride in zip(pairwise(widths), strides, strict=True)
        )
        self.norms = nn.ModuleList(CrossBatchNorm(count, chance=chance) for count in widths[1:])
        features = 40 * width
        dense = nn.Linear(4 * 4 * widths[-1], features, bias=False, device="meta")
        self.dense = drawn(dense, start)
        self.dense_norm = CrossBatchNorm(features, chance=chance)
        self.minibatch_features, joined = minibatch_features(features, chance)
        self.output = drawn(nn.Linear(joined, num_logits, device="meta"), start)

    def forward(self, images: Tensor, chance: torch.Generator | None = None) -> Critique:
        """Judge (2 B, 3, 128, 128) images in [0, 1], B real, then B fake ones.

        Each row's judgment depends on all rows. Features are those before the minibatch features.

        Raises:
            ValueError: if the number of rows is odd.
        """
        h = self.noise(2 * images - 1, chance)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h = leaky_relu(norm(layer(h)), 0.2)
        features = leaky_relu(self.dense_norm(self.dense(h.flatten(1))), 0.2)
        logits = self.output(self.minibatch_features(features))
        return Critique(logits.to(images.dtype), features.to(images.dtype))


def imagenet_generator(
    image_shape: Sequence[int],
    chance: torch.Generator,
    *,
    width: int = 64,
    num_reference: int = 16,
    mode: Mode = "per_example",
) -> VirtualBatchGenerator:
    """Build the released generator with 16 rows of reference noise.

    Raises:
        ValueError: if ``image_shape`` is not (3, 128, 128), or for a bad width or reference.
    """
    _require_imagenet(image_shape)

    def make(norm: MakeNorm) -> Generator:
        return ImageNetGenerator(width=width, norm=norm, chance=chance)

    return VirtualBatchGenerator(make, num_reference=num_reference, mode=mode, chance=chance)


def imagenet_discriminator(
    image_shape: Sequence[int],
    num_classes: int,
    chance: torch.Generator,
    *,
    width: int = 64,
    minibatch_features: MinibatchFeatures = cross_half_similarities,
) -> ImageNetDiscriminator:
    """Build the released discriminator with a logit for each class and a last one for "generated".

    Raises:
        ValueError: if ``image_shape`` is not (3, 128, 128), or for a bad width.
    """
    _require_imagenet(image_shape)
    return ImageNetDiscriminator(
        num_classes + 1, width=width, minibatch_features=minibatch_features, chance=chance
    )


def _require_imagenet(image_shape: Sequence[int]) -> None:
    if tuple(image_shape) != IMAGE_SHAPE:
        raise ValueError(
            f"these convolutions go from side 4 to 128 and back, so rows must be (3, 128, 128) "
            f"colour images, got {tuple(image_shape)}"
        )


def _require_width(width: int) -> None:
    if width < 8 or width % 8:
        raise ValueError(f"width must be a positive multiple of 8, got {width}")
