"""Stacked MNIST beyond the suite's 3,000 steps: is it time, rate or width that its modes want?

``convergan train bench/longer.py:historical_averaging --seed 0 --threads 1`` and so on.
"""

from dataclasses import replace
from functools import partial

from torch.optim import Adam

from convergan.networks import compact_discriminator, compact_generator
from convergan.recipes import Recipe
from convergan.recipes.collapse import TECHNIQUES
from convergan.recipes.schedules import linear_after
from convergan.recipes.stacked import stacked

STEPS = 12_000
FALLING = partial(linear_after, flat=0.5)


def historical_averaging() -> Recipe:
    """Four times as long, at a rate that falls from the middle on."""
    recipe = TECHNIQUES["historical-averaging"](stacked())
    return replace(recipe, steps=STEPS, schedule=FALLING)


def minibatch_discrimination() -> Recipe:
    """Likewise, at R3GAN's rate."""
    adam = partial(Adam, lr=2e-4, betas=(0.5, 0.999), fused=True)
    recipe = TECHNIQUES["minibatch-discrimination"](stacked())
    recipe = replace(recipe, discriminator_optimizer=adam, generator_optimizer=adam)
    return replace(recipe, steps=STEPS, schedule=FALLING)


def pairs() -> Recipe:
    """Relativistic pairs as in the suite, four times as long, falling."""
    return replace(TECHNIQUES["relativistic"](stacked()), steps=STEPS, schedule=FALLING)


def wide_pairs() -> Recipe:
    """The same in networks of twice the width."""
    return replace(
        pairs(),
        discriminator=partial(compact_discriminator, channels=32, weight_normalised=False),
        generator=partial(compact_generator, channels=128),
    )


def both() -> Recipe:
    """Minibatch discrimination and historical averaging, twice as long as the suite, falling."""
    recipe = replace(TECHNIQUES["minibatch-discrimination"](stacked()), historical_weight=0.01)
    return replace(recipe, steps=STEPS // 2, schedule=FALLING)


def wide() -> Recipe:
    """Historical averaging in networks of twice the width, as long as the suite."""
    return replace(
        TECHNIQUES["historical-averaging"](stacked()),
        discriminator=partial(compact_discriminator, channels=32),
        generator=partial(compact_generator, channels=128),
    )
