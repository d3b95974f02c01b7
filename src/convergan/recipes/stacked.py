"""Three digits in the three channels of an image: a thousand modes that can be counted.

Metz et al. (2017); rows, batch and number of samples of Lin et al. (2018), "PacGAN", section 4.2.
The pair is smaller and its rate ours.
`convergan.recipes.collapse` has the variants.
"""

from dataclasses import replace
from functools import partial

from torch.optim import Adam

from ..networks import compact_discriminator, compact_generator
from .collapse import Plain
from .judges import stacked_modes
from .schedules import linear_after
from .toy import toy


def stacked() -> Plain:
    """Return the game of `toy` on images, without labels and without help."""
    rate = 0.0005
    adam = partial(Adam, lr=rate, betas=(0.5, 0.999), fused=True)
    recipe = replace(
        toy().recipe,
        data="stacked-mnist",
        discriminator=compact_discriminator,
        generator=compact_generator,
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        steps=3000,
        batch_size=64,
        judge=stacked_modes,
        judged_samples=26_000,
        evaluate_every=1000,
        checkpoint_every=500,
    )
    unnormalised = partial(compact_discriminator, weight_normalised=False)
    summary = "Stacked MNIST, a thousand modes, no labels: {technique}"
    return Plain(summary, recipe, compact_discriminator, unnormalised, rate, penalty=0.25)


def stacked_long() -> Plain:
    """Return the game of `stacked` for four times as long, at a rate that falls from the middle."""
    plain = stacked()
    return plain._replace(
        summary=f"{plain.summary}; 12,000 steps, the rate falls",
        recipe=replace(plain.recipe, steps=12_000, schedule=partial(linear_after, flat=0.5)),
    )
