"""The scripts with minibatch discrimination, which made the paper's pictures of small images.

Salimans et al. (2016), sections 6.1 to 6.3. They differ from those with feature matching in the
discriminator's minibatch features and Gaussian input noise, and in the generator, which takes three
steps of the saturating game for one of the discriminator. Labels are learned as before; the paper
says that as a classifier the discriminator "does not work at all" then, so a generator is what they
are for.

Paper and released code: the scripts for SVHN and CIFAR-10 are those of the head, last changed on
2016-06-14. That for MNIST is in the history only (2016-06-08 to 06-12); `mnist_minibatch` is what
it says, but for its geometry, see `convergan.networks.small_images`.
"""

from dataclasses import replace
from functools import partial

from ..networks import ConvolutionalDiscriminator, ConvolutionalGenerator, similarities
from ..objectives import minimax_discriminator_loss, saturating_generator_loss
from ..training import AdamInsideRoot, WeightAverage, labeled_adversarial_step, warm_up
from .mnist import STEPS_PER_EPOCH
from .recipe import Recipe, StartFromData
from .schedules import linear_after
from .small_images import cifar10, cifar10_narrow, svhn

STEP = partial(
    labeled_adversarial_step,
    discriminator_loss=minimax_discriminator_loss,
    generator_loss=saturating_generator_loss,
    adversarial_weight=0.5,
    generator_steps=3,
)
DISCRIMINATOR = partial(
    ConvolutionalDiscriminator, channels=96, input_noise=0.2, minibatch_features=similarities
)


def svhn_minibatch() -> Recipe:
    """Return the released head for SVHN, as wide as for CIFAR-10."""
    return replace(
        svhn(),
        summary="the paper's SVHN with minibatch discrimination (658,800 steps)",
        discriminator=DISCRIMINATOR,
        step=STEP,
        test_batch=100,
    )


def cifar10_minibatch() -> Recipe:
    """Return the released head for CIFAR-10."""
    return replace(
        cifar10(),
        summary="the paper's CIFAR-10 with minibatch discrimination (600,000 steps)",
        discriminator=DISCRIMINATOR,
        step=STEP,
        test_batch=100,
    )


def cifar10_narrow_minibatch() -> Recipe:
    """Return `cifar10_minibatch` with the networks and the schedule of `cifar10_narrow`."""
    return replace(
        cifar10_narrow(),
        summary="cifar10-narrow with minibatch discrimination, for its pictures",
        discriminator=partial(DISCRIMINATOR, channels=32),
        generator_average=partial(WeightAverage, rate=warm_up(0.999)),
        step=STEP,
        steps=20_000,
        test_batch=50,
    )


def mnist_minibatch() -> Recipe:
    """Return the lost script: 500 epochs, the rate falls in the last two fifths; no average."""
    adam = partial(AdamInsideRoot, lr=3e-4, betas=(0.5, 0.999))
    features = partial(similarities, theta_std=0.1)
    return Recipe(
        summary="the paper's MNIST with minibatch discrimination, a lost script (300,000 steps)",
        data="ylecun/mnist",
        labels=4000,
        discriminator=partial(
            ConvolutionalDiscriminator,
            channels=96,
            slope=0.1,
            output_std=1.0,
            epsilon=0.0,
            input_noise=0.2,
            centred=False,
            minibatch_features=features,
        ),
        generator=partial(ConvolutionalGenerator, epsilon=0.0, centred=False),
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        discriminator_start=StartFromData(per_channel=False),
        step=STEP,
        steps=500 * STEPS_PER_EPOCH,
        schedule=partial(linear_after, flat=0.6),
        test_batch=100,
        evaluate_every=STEPS_PER_EPOCH,
        checkpoint_every=STEPS_PER_EPOCH,
    )
