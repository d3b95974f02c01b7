"""The paper's SVHN and CIFAR-10 pair: nine convolutions against three deconvolutions.

Salimans et al. (2016), sections 6.2 and 6.3; widths, noise and starts from the released scripts
with feature matching. The discriminator, for ``c`` channels, with leaky ReLU:

====================  =======================================  ========
noise before it       layers                                   side
====================  =======================================  ========
dropout 0.2           3x3 to c, 3x3 to c, 3x3 to c, stride 2   32 to 16
dropout 0.5           3x3 to 2c three times, last stride 2     16 to 8
dropout 0.5           3x3 to 2c without padding, 1x1 twice     8 to 6
none                  mean over the image: the features; dense
====================  =======================================  ========

The generator goes from 100 noise inputs through a dense layer to 512 channels of side 4, and by
5x5 deconvolutions of stride 2 to 256, 128 and 3 channels of side 8, 16 and 32.

Paper and released code: the paper names nine and four layers, dropout, weight and batch
normalisation; the rest is in the code. Its networks see and make [-1, 1]; images are in [0, 1]
here, so the discriminator maps them on its way in and the generator on its way out. (The CIFAR-10
script divides by 128 where 127.5 would reach 1: 0.4 %, which the data-dependent start takes out.)
Deconvolutions are normalised per output channel. The 1e-6 under the root of weight normalisation is
of the head (last changed on 2016-06-14); the scripts of 2016-06-08 have none, their slope is 0.1
and every layer starts from deviation 1: ``epsilon``, ``slope``, ``output_std``. The scripts with
minibatch discrimination add Gaussian noise of 0.2 in the place of the first dropout, and their
minibatch features to the mean.

Images may also have side 28 and any number of channels. The script for MNIST with minibatch
discrimination, of which only the history is left, pads the first convolution by 3 to side 32. Its
last deconvolution is to make side 28 from 16, which it cannot: here the middle of side 32 is cut
out. Its data are in [0, 1] and its samples in [-1, 1], and neither is mapped: ``centred`` false.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from ..layers import BatchStatisticsNorm, Dropout, GaussianNoise, freeze_gain, weight_norm
from ..layers.virtual_batch_norm import Mode
from .critique import Critique, Discriminator
from .generator import Generator
from .minibatch_features import MinibatchFeatures, no_minibatch_features
from .start import drawn, normal
from .virtual_batch import MakeNorm, VirtualBatchGenerator

SIDE = 32
SIDES = (32, 28)
LAYERS = (
    (0.2, 1, 3, 1, 1),
    (0.0, 1, 3, 1, 1),
    (0.0, 1, 3, 2, 1),
    (0.5, 2, 3, 1, 1),
    (0.0, 2, 3, 1, 1),
    (0.0, 2, 3, 2, 1),
    (0.5, 2, 3, 1, 0),
    (0.0, 2, 1, 1, 0),
    (0.0, 2, 1, 1, 0),
)
"""Dropout before it, width as a multiple of ``c``, side, stride and padding of each convolution."""
EPSILON = 1e-6
"""Under the root of weight normalisation."""
START_STD = 0.05
"""Deviation that weights are drawn with."""


def _deconvolution(
    inputs: int, outputs: int, chance: torch.Generator, *, bias: bool
) -> nn.ConvTranspose2d:
    """Double the side: 5x5, stride 2."""
    layer = nn.ConvTranspose2d(
        inputs, outputs, 5, 2, padding=2, output_padding=1, bias=bias, device="meta"
    )
    return drawn(layer, normal(START_STD, chance))


class ConvolutionalDiscriminator(Discriminator):
    """Weight-normalised convolutions under leaky ReLU and, three times, dropout.

    Args:
        image_shape: (C, 32, 32) or (C, 28, 28).
        num_classes: number of logits.
        chance: draws the initial weights.
        channels: of the first three layers, 64 for SVHN, 96 for CIFAR-10; the other six have twice
            as many.
        slope: of the leaky ReLU below zero.
        output_std: deviation of the logits at the data-dependent start.
        epsilon: under the root of weight normalisation.
        input_noise: deviation of Gaussian noise on the input; 0 for dropout of 0.2 in its place.
        centred: map images from [0, 1] to [-1, 1] first.
        minibatch_features: what is added to the features before the logits.

    Raises:
        ValueError: if ``image_shape`` is another.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_classes: int,
        chance: torch.Generator,
        *,
        channels: int,
        slope: float = 0.2,
        output_std: float = 0.1,
        epsilon: float = EPSILON,
        input_noise: float = 0.0,
        centred: bool = True,
        minibatch_features: MinibatchFeatures = no_minibatch_features,
    ) -> None:
        super().__init__()
        inputs, margin = _channels_and_margin(image_shape)
        self.slope = slope
        self.centred = centred
        self.noise = GaussianNoise(input_noise)
        self.dropouts = nn.ModuleList()
        self.layers = nn.ModuleList()
        start = normal(START_STD, chance)
        for probability, multiple, side, stride, padding in LAYERS:
            outputs = multiple * channels
            layer = nn.Conv2d(inputs, outputs, side, stride, padding + margin, device="meta")
            first = not self.layers
            self.dropouts.append(Dropout(0.0 if first and input_noise else probability))
            self.layers.append(freeze_gain(weight_norm(drawn(layer, start), epsilon)))
            inputs, margin = outputs, 0
        self.minibatch_features, inputs = minibatch_features(inputs, chance)
        output = drawn(nn.Linear(inputs, num_classes, device="meta"), start)
        self.output = weight_norm(output, epsilon, start_std=output_std)

    def forward(self, images: Tensor, chance: torch.Generator | None = None) -> Critique:
        """Judge ``images`` of shape (N, *image_shape); noise as `Discriminator` says."""
        h = self.noise(2 * images - 1 if self.centred else images, chance)
        # With channels last, convolutions are about a tenth faster on a CPU.
        h = h.contiguous(memory_format=torch.channels_last)
        for drop, layer in zip(self.dropouts, self.layers, strict=True):
            h = leaky_relu(layer(drop(h, chance)), self.slope)
        features = h.mean(dim=(2, 3))
        logits = self.output(self.minibatch_features(features))
        return Critique(logits.to(images.dtype), features.to(images.dtype))


class ConvolutionalGenerator(Generator):
    """Batch-normalised ReLU deconvolutions and a weight-normalised one.

    Args:
        image_shape: (C, 32, 32) or (C, 28, 28).
        chance: draws the initial weights.
        channels: at side 4; half of them at side 8, a quarter at side 16.
        output_std: deviation of every output channel, before tanh, at the data-dependent start.
        epsilon: under the root of the output's weight normalisation.
        centred: map images from [-1, 1] to [0, 1] at the end.
        norm: from a number of channels to their normalisation.

    Raises:
        ValueError: if ``image_shape`` is another.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        chance: torch.Generator,
        *,
        channels: int = 512,
        output_std: float = 0.1,
        epsilon: float = EPSILON,
        centred: bool = True,
        norm: MakeNorm = BatchStatisticsNorm,
    ) -> None:
        out_channels, self.margin = _channels_and_margin(image_shape)
        super().__init__(latent_dim=100)
        self.centred = centred
        self.shape = (channels, 4, 4)
        units = math.prod(self.shape)
        dense = nn.Linear(self.latent_dim, units, bias=False, device="meta")
        self.dense = drawn(dense, normal(START_STD, chance))
        self.dense_norm = norm(units)
        widths = (channels, channels // 2, channels // 4)
        self.hidden = nn.ModuleList(
            _deconvolution(inputs, outputs, chance, bias=False)
            for inputs, outputs in pairwise(widths)
        )
        self.norms = nn.ModuleList(norm(width) for width in widths[1:])
        output = _deconvolution(widths[-1], out_channels, chance, bias=True)
        self.output = weight_norm(output, epsilon, start_std=output_std)

    def forward(self, latent: Tensor) -> Tensor:
        """Turn noise of shape (N, 100) into images of shape (N, *image_shape)."""
        h = relu(self.dense_norm(self.dense(latent))).view(-1, *self.shape)
        for layer, norm in zip(self.hidden, self.norms, strict=True):
            h = relu(norm(layer(h)))
        images = torch.tanh(self.output(h))
        if self.centred:
            images = (images + 1) / 2
        inside = slice(self.margin, SIDE - self.margin)
        return images[:, :, inside, inside].to(latent.dtype)


def virtual_small_images_generator(
    image_shape: Sequence[int],
    chance: torch.Generator,
    *,
    channels: int = 512,
    output_std: float = 0.1,
    num_reference: int = 16,
    mode: Mode = "per_example",
) -> VirtualBatchGenerator:
    """Build `ConvolutionalGenerator` with virtual batch normalisation, as section 6.2 compares.

    No released script has it, so ``num_reference`` is that of the ImageNet code. Scales are learned
    here, and the data-dependent start sees the reference rows as well.

    Raises:
        ValueError: for a bad shape, or if ``num_reference`` is below 1.
    """

    def make(norm: MakeNorm) -> Generator:
        return ConvolutionalGenerator(
            image_shape, chance, channels=channels, output_std=output_std, norm=norm
        )

    return VirtualBatchGenerator(make, num_reference=num_reference, mode=mode, chance=chance)


def _channels_and_margin(image_shape: Sequence[int]) -> tuple[int, int]:
    """Return the channels of an image, and what it lacks on every edge to a side of 32."""
    if len(image_shape) != 3 or image_shape[1] != image_shape[2] or image_shape[1] not in SIDES:
        raise ValueError(
            f"these convolutions go from side 4 to 32 and back, so rows must be (C, 32, 32) or "
            f"(C, 28, 28) images, got {tuple(image_shape)}"
        )
    return image_shape[0], (SIDE - image_shape[1]) // 2
