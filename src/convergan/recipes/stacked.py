"""Three digits in the three channels of an image: a thousand modes that can be counted.

Metz et al. (2017); rows, batch and number of samples of Lin et al. (2018), "PacGAN", section 4.2.
The pair is smaller and its rate ours.
`convergan.recipes.collapse` has the variants.
"""

from functools import partial

from torch.optim import Adam

from ..networks import compact_discriminator, compact_generator
from ..objectives import minimax_discriminator_loss, non_saturating_generator_loss
from ..training import WeightAverage, adversarial_step, warm_up
from .collapse import Plain
from .judges import stacked_modes
from .recipe import Recipe, StartFromData
from .schedules import constant


def stacked() -> Plain:
    """Return the non-saturating game, without labels and without help."""
    rate = 0.0005
    adam = partial(Adam, lr=rate, betas=(0.5, 0.999), fused=True)
    recipe = Recipe(
        summary="Stacked MNIST, a thousand modes, no labels: the plain game",
        data="stacked-mnist",
        labels=0,
        discriminator=compact_discriminator,
        generator=compact_generator,
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        discriminator_start=StartFromData(),
        generator_average=partial(WeightAverage, rate=warm_up(0.999)),
        step=partial(
            adversarial_step,
            discriminator_loss=minimax_discriminator_loss,
            generator_loss=non_saturating_generator_loss,
        ),
        steps=3000,
        schedule=constant,
        batch_size=64,
        judge=stacked_modes,
        judged_samples=26_000,
        evaluate_every=1000,
        checkpoint_every=500,
    )
    unnormalised = partial(compact_discriminator, weight_normalised=False)
    return Plain(recipe, compact_discriminator, unnormalised, rate, penalty=0.25)
