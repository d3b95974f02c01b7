"""A pair for points in the plane, to see modes come and go.

Ours: not a network of the paper. Two hidden layers of 128 on either side, without normalisation,
noise or any other help, so that what helps is seen.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from ..core.chance import draw_into
from .critique import Critique, Discriminator
from .generator import Generator
from .minibatch_features import MinibatchFeatures, no_minibatch_features
from .start import drawn

WIDTH = 128
LATENT = 2


def _layer(inputs: int, outputs: int, chance: torch.Generator) -> nn.Linear:
    limit = inputs**-0.5
    start = partial(nn.init.uniform_, a=-limit, b=limit, generator=chance)
    layer = drawn(nn.Linear(inputs, outputs, device="meta"), start)
    start(layer.bias)  # without biases, every kink would go through the origin
    return layer


class ToyDiscriminator(Discriminator):
    """Two hidden layers under leaky ReLU; the second is the features.

    Args:
        inputs: coordinates of a point.
        num_classes: number of logits.
        minibatch_features: what is added to the features before the logits.
        chance: draws the initial weights.
    """

    def __init__(
        self,
        inputs: int,
        num_classes: int,
        *,
        minibatch_features: MinibatchFeatures,
        chance: torch.Generator,
    ) -> None:
        super().__init__()
        widths = (inputs, WIDTH, WIDTH)
        self.hidden = nn.ModuleList(_layer(i, o, chance) for i, o in pairwise(widths))
        self.minibatch_features, joined = minibatch_features(WIDTH, chance)
        self.output = _layer(joined, num_classes, chance)

    def forward(self, images: Tensor, chance: torch.Generator | None = None) -> Critique:
        """Judge points of shape (N, inputs); ``chance`` is unused."""
        features = images
        for layer in self.hidden:
            features = leaky_relu(layer(features), 0.2)
        logits = self.output(self.minibatch_features(features))
        return Critique(logits.to(images.dtype), features.to(images.dtype))


class ToyGenerator(Generator):
    """Two hidden layers under ReLU and a linear output, from normal noise.

    Args:
        outputs: coordinates of a point.
        chance: draws the initial weights.
    """

    def __init__(self, outputs: int, *, chance: torch.Generator) -> None:
        super().__init__(latent_dim=LATENT)
        widths = (LATENT, WIDTH, WIDTH)
        self.hidden = nn.ModuleList(_layer(i, o, chance) for i, o in pairwise(widths))
        self.output = _layer(WIDTH, outputs, chance)

    def draw_latent(self, count: int, chance: torch.Generator) -> Tensor:
        """Draw ``count`` noise vectors from a standard normal distribution."""
        empty = torch.empty(count, LATENT, device=chance.device)
        return draw_into(empty, lambda latent: latent.normal_(generator=chance))

    def forward(self, latent: Tensor) -> Tensor:
        """Turn noise of shape (N, 2) into points of shape (N, outputs)."""
        h = latent
        for layer in self.hidden:
            h = relu(layer(h))
        points: Tensor = self.output(h)
        return points.to(latent.dtype)


def toy_discriminator(
    image_shape: Sequence[int],
    num_classes: int,
    chance: torch.Generator,
    *,
    minibatch_features: MinibatchFeatures = no_minibatch_features,
) -> ToyDiscriminator:
    """Build the discriminator.

    Args:
        image_shape: (A,), coordinates of a point.
        num_classes: number of logits.
        chance: draws the initial weights.
        minibatch_features: what is added to the features before the logits.

    Raises:
        ValueError: if ``image_shape`` is not one dimension.
    """
    return ToyDiscriminator(
        _coordinates(image_shape),
        num_classes,
        minibatch_features=minibatch_features,
        chance=chance,
    )


def toy_generator(image_shape: Sequence[int], chance: torch.Generator) -> ToyGenerator:
    """Build the generator.

    Args:
        image_shape: (A,), coordinates of a point.
        chance: draws the initial weights.

    Raises:
        ValueError: if ``image_shape`` is not one dimension.
    """
    return ToyGenerator(_coordinates(image_shape), chance=chance)


def _coordinates(image_shape: Sequence[int]) -> int:
    if len(image_shape) != 1:
        raise ValueError(f"this pair is for points, rows of shape (A,), got {tuple(image_shape)}")
    return image_shape[0]
