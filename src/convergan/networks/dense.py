"""Fully connected networks for images and vectors.

Salimans et al. (2016), section 6.1 and the released MNIST script: a weight-normalised ReLU
discriminator with Gaussian noise on its input and after every hidden layer, and a
batch-normalised softplus generator whose output layer is weight-normalised.

Paper and released code: the paper speaks of five hidden layers for both networks, the released
generator has two. The features for feature matching are the last hidden layer *before* its own
noise, with the noise of the layers below on. Weights start from N(0, 0.1) in the
discriminator and Glorot uniform in the generator.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from ..layers import BatchStatisticsNorm, GaussianNoise, freeze_gain, weight_norm
from .critique import Critique, Discriminator
from .generator import Generator
from .minibatch_features import MinibatchFeatures, no_minibatch_features
from .start import drawn, normal


def _dense(
    inputs: int, outputs: int, start: Callable[[Tensor], Tensor], bias: bool = True
) -> nn.Linear:
    return drawn(nn.Linear(inputs, outputs, bias=bias, device="meta"), start)


class DenseDiscriminator(Discriminator):
    """Weight-normalised ReLU layers, each under Gaussian noise.

    Args:
        image_shape: shape of one row, any number of dimensions.
        num_classes: number of logits.
        hidden: widths of the hidden layers; the last one is the feature layer.
        input_noise: standard deviation of the noise on the input.
        hidden_noise: standard deviation of the noise after each hidden layer.
        minibatch_features: what is added to the features before the logits.
        chance: draws the initial weights.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_classes: int,
        *,
        hidden: Sequence[int],
        input_noise: float,
        hidden_noise: float,
        minibatch_features: MinibatchFeatures = no_minibatch_features,
        chance: torch.Generator,
    ) -> None:
        super().__init__()
        start = normal(0.1, chance)
        widths = [math.prod(image_shape), *hidden]
        self.input_noise = GaussianNoise(input_noise)
        self.hidden_noise = GaussianNoise(hidden_noise)
        self.hidden = nn.ModuleList(
            freeze_gain(weight_norm(_dense(inputs, outputs, start)))
            for inputs, outputs in pairwise(widths)
        )
        self.minibatch_features, joined = minibatch_features(widths[-1], chance)
        self.output = weight_norm(_dense(joined, num_classes, start))

    def forward(self, images: Tensor, chance: torch.Generator | None = None) -> Critique:
        """Judge ``images`` of shape (N, *image_shape); noise as `Discriminator` says."""
        h = features = self.input_noise(images.flatten(1), chance)
        for layer in self.hidden:
            features = relu(layer(h))
            h = self.hidden_noise(features, chance)
        logits = self.output(self.minibatch_features(h))
        return Critique(logits.to(images.dtype), features.to(images.dtype))


class DenseGenerator(Generator):
    """Batch-normalised softplus layers and a weight-normalised output.

    Args:
        image_shape: shape of one row, any number of dimensions.
        hidden: widths of the hidden layers.
        latent_dim: number of noise inputs, uniform on [0, 1).
        output: non-linearity of the output; see `convergan.networks.mnist`.
        epsilon: under the root of the output's weight normalisation.
        chance: draws the initial weights.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        hidden: Sequence[int],
        latent_dim: int,
        output: Callable[[Tensor], Tensor],
        epsilon: float = 0.0,
        chance: torch.Generator,
    ) -> None:
        super().__init__(latent_dim)
        glorot = partial(nn.init.xavier_uniform_, generator=chance)
        self.image_shape = tuple(image_shape)
        self.nonlinearity = output
        widths = [latent_dim, *hidden]
        self.hidden = nn.ModuleList(
            _dense(inputs, outputs, glorot, bias=False) for inputs, outputs in pairwise(widths)
        )
        self.norms = nn.ModuleList(BatchStatisticsNorm(width) for width in hidden)
        self.output = weight_norm(_dense(widths[-1], math.prod(image_shape), glorot), epsilon)

    def forward(self, latent: Tensor) -> Tensor:
        """Turn noise of shape (N, latent_dim) into rows of shape (N, *image_shape)."""
        h = latent
        for layer, norm in zip(self.hidden, self.norms, strict=True):
            h = softplus(norm(layer(h)))
        rows = self.nonlinearity(self.output(h).to(latent.dtype))
        return rows.view(len(latent), *self.image_shape)
