"""Gaussians in the plane: see whether the generator finds every mode. Ours.

``ring`` has eight, ``--data grid`` has 25; `convergan.recipes.collapse` has the variants.
"""

from functools import partial

from torch.optim import Adam

from ..networks import toy_discriminator, toy_generator
from ..objectives import minimax_discriminator_loss, non_saturating_generator_loss
from ..training import WeightAverage, adversarial_step, warm_up
from .collapse import Plain
from .judges import mixture_modes
from .recipe import Recipe, StartFromData
from .schedules import constant


def toy() -> Plain:
    """Return the non-saturating game, without labels and without help."""
    rate = 0.001
    adam = partial(Adam, lr=rate, betas=(0.5, 0.999), fused=True)
    recipe = Recipe(
        summary="",
        data="ring",
        labels=0,
        discriminator=toy_discriminator,
        generator=toy_generator,
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        discriminator_start=StartFromData(),
        generator_average=partial(WeightAverage, rate=warm_up(0.999)),
        step=partial(
            adversarial_step,
            discriminator_loss=minimax_discriminator_loss,
            generator_loss=non_saturating_generator_loss,
        ),
        steps=8000,
        schedule=constant,
        judge=mixture_modes,
        evaluate_every=2000,
        checkpoint_every=2000,
    )
    summary = "Gaussians in the plane, no labels: {technique}; seconds"
    return Plain(summary, recipe, toy_discriminator, toy_discriminator, rate, penalty=0.1)
