"""A ring of eight Gaussians in the plane: see whether the generator finds every mode. Ours."""

from functools import partial

from torch.optim import Adam

from ..networks import toy_discriminator, toy_generator
from ..objectives import minimax_discriminator_loss, non_saturating_generator_loss
from ..training import adversarial_step
from .recipe import Recipe
from .schedules import constant


def toy_ring() -> Recipe:
    """Return the non-saturating game on the ring, without labels."""
    adam = partial(Adam, lr=0.001, betas=(0.5, 0.999), fused=True)
    return Recipe(
        summary="eight Gaussians in the plane, no labels; seconds",
        data="ring",
        labels=0,
        discriminator=toy_discriminator,
        generator=toy_generator,
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        step=partial(
            adversarial_step,
            discriminator_loss=minimax_discriminator_loss,
            generator_loss=non_saturating_generator_loss,
        ),
        steps=3000,
        schedule=constant,
    )
