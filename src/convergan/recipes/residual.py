"""Pictures of CIFAR-10 by the residual pair: relativistic training, and a guided discriminator.

Huang et al. (2024), "The GAN is dead; long live the GAN!" (R3GAN), and Lee et al. (2022),
"Generator Knows What Discriminator Should Learn in Unconditional GANs" (GGDR).

Paper and public code: both are shortened to what one GPU trains. R3GAN's published run on CIFAR-10
has the ten labels, in both networks, and mirrored images; here are neither. It moves its settings
along a cosine over 20 million images: the rate from 2e-4 to 5e-5, beta2 from 0.9 to 0.99, gamma
from 0.05 to 0.005, augmentation from 0 to a share of 0.55, the half-life of the average from 0 to
5 million images. Here each is constant, that half-life 88,700 images (693 steps of 128) once the
first 9,000 steps are over, and there is no augmentation. Its networks are three times as wide, its
batches four times as large. See `convergan.networks.residual` for the networks.
"""

from dataclasses import replace
from functools import partial

from torch.optim import Adam

from ..networks import ResidualDiscriminator, ResidualGenerator, guided_residual_discriminator
from ..objectives import minimax_discriminator_loss, non_saturating_generator_loss
from ..training import WeightAverage, guided_step, relativistic_step, warm_up
from .recipe import Recipe
from .schedules import constant

WIDTH = 256
PENALTY = 0.05 / 4
"""The published gamma, for images in [-1, 1]: slopes are twice as steep over [0, 1]."""


def cifar10_r3gan() -> Recipe:
    """Return relativistic pairs under R1 and R2 at R3GAN's first settings, for 20 million images.

    R3GAN's ``gamma`` of 0.05 is 0.0125 here, see `PENALTY`. Beta2 is the last published, 0.99.
    """
    adam = partial(Adam, lr=2e-4, betas=(0.0, 0.99), fused=True)
    return Recipe(
        summary="CIFAR-10 without labels by relativistic pairs, after R3GAN; for a GPU",
        data="uoft-cs/cifar10",
        labels=0,
        discriminator=partial(ResidualDiscriminator, width=WIDTH),
        generator=partial(ResidualGenerator, width=WIDTH),
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        generator_average=partial(WeightAverage, rate=warm_up(0.999)),
        step=partial(relativistic_step, penalty=PENALTY),
        steps=156_250,
        schedule=constant,
        batch_size=128,
        evaluate_every=1250,
        checkpoint_every=1250,
    )


def cifar10_ggdr() -> Recipe:
    """Return the same pair in the non-saturating game, guided by the generator's map of side 8.

    GGDR guides StyleGAN2 and keeps its R1 penalty, augmentation and schedules. Here are R1 with the
    pair's own gamma and neither of the others.
    """
    return replace(
        cifar10_r3gan(),
        summary="CIFAR-10 without labels by a guided discriminator, after GGDR; for a GPU",
        discriminator=partial(guided_residual_discriminator, width=WIDTH, map_side=8),
        generator=partial(ResidualGenerator, width=WIDTH, map_side=8),
        step=partial(
            guided_step,
            discriminator_loss=minimax_discriminator_loss,
            generator_loss=non_saturating_generator_loss,
            weight=10.0,
            penalty=PENALTY,
        ),
    )
