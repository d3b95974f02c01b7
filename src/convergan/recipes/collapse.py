"""The suite against mode collapse: one plain game, and one variant of it for each technique.

Each variant changes what its technique is and nothing else: not the networks' widths, the rate or
the number of steps. Its settings follow the technique's paper where there are any, and were not
searched for, but for the weight of historical averaging and relativistic pairing on Stacked
MNIST.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import softplus
from torch.optim import Adam

from ..networks import (
    Discriminator,
    MinibatchFeatures,
    deviation,
    packed_discriminator,
    similarities,
)
from ..objectives import logit_realness, minimax_discriminator_loss, squared_feature_matching
from ..training import feature_matching_step, relativistic_step, top_k_step
from .recipe import MakeDiscriminator, Recipe


class SeesMinibatch(Protocol):
    """A function that builds a discriminator, with minibatch features if it is given some."""

    def __call__(
        self,
        image_shape: Sequence[int],
        num_classes: int,
        chance: torch.Generator,
        *,
        minibatch_features: MinibatchFeatures = ...,
    ) -> Discriminator:
        """Build it."""
        ...


class Plain(NamedTuple):
    """The game that the techniques are to help.

    Attributes:
        summary: of a recipe, with ``{technique}`` where that stands.
        recipe: of it.
        discriminator: what ``recipe`` builds, open to minibatch features.
        unnormalised: a discriminator without normalisation, which R3GAN wants.
        rate: of both players.
        penalty: gamma of R1 and R2, which depends on the scale of rows.
    """

    summary: str
    recipe: Recipe
    discriminator: SeesMinibatch
    unnormalised: MakeDiscriminator
    rate: float
    penalty: float


Technique = Callable[[Plain], Recipe]


def feature_matching(plain: Plain) -> Recipe:
    """Let the generator match features, section 3.1, and nothing else."""
    step = partial(
        feature_matching_step,
        discriminator_loss=minimax_discriminator_loss,
        feature_matching=squared_feature_matching,
    )
    return replace(plain.recipe, step=step)


def minibatch_discrimination(plain: Plain, num_kernels: int) -> Recipe:
    """Let the discriminator see how close rows are, section 3.2; the scripts have 100 kernels."""
    features = partial(similarities, num_kernels=num_kernels)
    see = partial(plain.discriminator, minibatch_features=features)
    return replace(plain.recipe, discriminator=see)


def minibatch_stddev(plain: Plain) -> Recipe:
    """Let the discriminator see how much the rows of a group of four differ."""
    see = partial(plain.discriminator, minibatch_features=deviation)
    return replace(plain.recipe, discriminator=see)


def historical_averaging(plain: Plain, weight: float) -> Recipe:
    """Hold both players to the mean of their past, section 3.3, which names no weight.

    Of 0.1, 0.01 and 0.001 on one seed of the grid, 0.1 nearly stopped the players, and 0.001 left
    modes as uneven as they were.
    """
    return replace(plain.recipe, historical_weight=weight)


def packing(plain: Plain, m: int) -> Recipe:
    """Judge ``m`` rows at a time, as many packs in a step as there were rows."""
    see = partial(packed_discriminator, make=plain.discriminator, m=m)
    batch_size = m * plain.recipe.batch_size
    return replace(plain.recipe, discriminator=see, batch_size=batch_size)


def top_k(plain: Plain) -> Recipe:
    """Let the generator learn from a hundredth less every 100 steps, from a half at least."""
    step = partial(
        top_k_step,
        discriminator_loss=minimax_discriminator_loss,
        generator_losses=non_saturating_losses,
        realness=logit_realness,
        gamma=0.9999,
        nu=0.5,
    )
    return replace(plain.recipe, step=step)


def non_saturating_losses(fake_logits: Tensor) -> Tensor:
    """Return ``-log D(G(z))`` of every row."""
    return softplus(-fake_logits)


def relativistic(plain: Plain) -> Recipe:
    """Judge pairs of rows under R1 and R2, without normalisation and with Adam's beta1 0."""
    adam = partial(Adam, lr=plain.rate, betas=(0.0, 0.99), fused=True)
    return replace(
        plain.recipe,
        discriminator=plain.unnormalised,
        step=partial(relativistic_step, penalty=plain.penalty),
        discriminator_optimizer=adam,
        generator_optimizer=adam,
    )


TECHNIQUES: Mapping[str, Technique] = {
    "feature-matching": feature_matching,
    "minibatch-discrimination": partial(minibatch_discrimination, num_kernels=20),
    "minibatch-stddev": minibatch_stddev,
    "historical-averaging": partial(historical_averaging, weight=0.01),
    "pacgan-2": partial(packing, m=2),
    "pacgan-4": partial(packing, m=4),
    "top-k": top_k,
    "relativistic": relativistic,
}
"""By the name that follows that of the plain recipe."""


def variants(name: str, make: Callable[[], Plain]) -> dict[str, Callable[[], Recipe]]:
    """Return makers of a plain recipe and its variants, by name.

    Args:
        name: of the plain recipe; the others go on with that of a technique.
        make: the plain game.
    """
    makers: dict[str, Callable[[], Recipe]] = {name: partial(_plain, make)}
    for technique in TECHNIQUES:
        makers[f"{name}-{technique}"] = partial(_vary, make, technique)
    return makers


def _plain(make: Callable[[], Plain]) -> Recipe:
    plain = make()
    return replace(plain.recipe, summary=plain.summary.format(technique="the plain game"))


def _vary(make: Callable[[], Plain], technique: str) -> Recipe:
    plain = make()
    varied = TECHNIQUES[technique](plain)
    return replace(varied, summary=plain.summary.format(technique=technique.replace("-", " ")))
