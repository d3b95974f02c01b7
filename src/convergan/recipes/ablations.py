"""The rows of the paper's ablation table, one line each.

Salimans et al. (2016), table 3: every technique but feature matching and historical averaging, then
one of them changed at a time. `ablation` is small enough for 28x28 images on a CPU,
`cifar10_ablation` has the paper's networks for CIFAR-10.

Paper and released code: no script has all of these techniques on small images. Here the networks
are those of the scripts, the targets of label smoothing (0.75 and 0.375) and the virtual batch
normalisation those of the ImageNet code. Without smoothing the targets are 1. The paper does not
say how strong its historical averaging was.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from ..networks import (
    ConvolutionalDiscriminator,
    ConvolutionalGenerator,
    compact_discriminator,
    compact_generator,
    similarities,
    virtual_compact_generator,
    virtual_small_images_generator,
)
from ..objectives import (
    minimax_discriminator_loss,
    non_saturating_generator_loss,
    smoothed_discriminator_loss,
    smoothed_generator_loss,
)
from ..training import (
    AdamInsideRoot,
    WeightAverage,
    adversarial_step,
    labeled_adversarial_step,
    warm_up,
)
from .judges import class_figures
from .recipe import MakeDiscriminator, MakeGenerator, Recipe, StartFromData
from .schedules import constant

SMOOTHED = partial(smoothed_discriminator_loss, real_target=0.75)
HALFWAY = partial(smoothed_generator_loss, generator_target=0.375)
STEP = partial(labeled_adversarial_step, discriminator_loss=SMOOTHED, generator_loss=HALFWAY)


class Ablation(NamedTuple):
    """Our methods, and what takes the place of two of them.

    Attributes:
        setting: what they are tried on, in a few words.
        ours: all techniques.
        without_minibatch_features: a discriminator.
        with_batch_norm: a generator.
    """

    setting: str
    ours: Recipe
    without_minibatch_features: MakeDiscriminator
    with_batch_norm: MakeGenerator


ABLATIONS = {
    "our methods": "ours",
    "-VBN+BN": "batch-norm",
    "-L+HA": "historical-averaging",
    "-LS": "no-smoothing",
    "-L": "no-labels",
    "-MBF": "no-minibatch-features",
}
"""By the paper's name of a row, what the names of its recipes end in."""


def _recipes(of: Ablation) -> dict[str, Recipe]:
    step = partial(adversarial_step, discriminator_loss=SMOOTHED, generator_loss=HALFWAY)
    no_labels = replace(of.ours, labels=0, step=step)
    no_smoothing = partial(
        STEP,
        discriminator_loss=minimax_discriminator_loss,
        generator_loss=non_saturating_generator_loss,
    )
    return {
        "our methods": of.ours,
        "-VBN+BN": replace(of.ours, generator=of.with_batch_norm),
        "-L+HA": replace(no_labels, historical_weight=0.01),
        "-LS": replace(of.ours, step=no_smoothing),
        "-L": no_labels,
        "-MBF": replace(of.ours, discriminator=of.without_minibatch_features),
    }


def ablation() -> Ablation:
    """Return the table for 28x28 images."""
    adam = partial(AdamInsideRoot, lr=3e-4, betas=(0.5, 0.999))
    recipe = Recipe(
        summary="",
        data="zalando-datasets/fashion_mnist",
        labels=4000,
        discriminator=partial(compact_discriminator, minibatch_features=similarities),
        generator=virtual_compact_generator,
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        discriminator_start=StartFromData(),
        generator_start=StartFromData(rows=100),
        generator_average=partial(WeightAverage, rate=warm_up(0.999)),
        step=STEP,
        steps=1000,
        schedule=constant,
        test_batch=100,
        judge=class_figures,
        judged_samples=10_000,
        evaluate_every=500,
        checkpoint_every=500,
    )
    setting = "28x28 images, small enough for a CPU"
    return Ablation(setting, recipe, compact_discriminator, compact_generator)


def cifar10_ablation() -> Ablation:
    """Return the table for CIFAR-10 with the paper's networks."""
    discriminator = partial(ConvolutionalDiscriminator, channels=96, input_noise=0.2)
    recipe = replace(
        ablation().ours,
        data="uoft-cs/cifar10",
        discriminator=partial(discriminator, minibatch_features=similarities),
        generator=virtual_small_images_generator,
        steps=200_000,
        judged_samples=50_000,
        evaluate_every=10_000,
        checkpoint_every=1000,
    )
    setting = "CIFAR-10 with the paper's networks, for a GPU"
    return Ablation(setting, recipe, discriminator, ConvolutionalGenerator)


def ablations(name: str, make: Callable[[], Ablation]) -> dict[str, Callable[[], Recipe]]:
    """Return a maker of each row's recipe, by a name such as ``ablation-no-labels``.

    Args:
        name: what the names begin with.
        make: the parts that rows are made of.
    """
    return {recipe_name(name, row): partial(_recipe_of, make, row) for row in ABLATIONS}


def recipe_name(name: str, row: str) -> str:
    """Return the name of a row's recipe.

    Example:
        >>> recipe_name("ablation", "-L+HA")
        'ablation-historical-averaging'
    """
    return f"{name}-{ABLATIONS[row]}"


def _recipe_of(make: Callable[[], Ablation], row: str) -> Recipe:
    ablation = make()
    return replace(_recipes(ablation)[row], summary=f"{row} on {ablation.setting}")
