"""Few-label classification of SVHN and CIFAR-10: the released schedules.

Salimans et al. (2016), sections 6.2 (CIFAR-10) and 6.3 (SVHN), by the released scripts with feature
matching.

Paper and released code: the paper gives no schedule. As for MNIST, there are two generations of the
scripts: the tree of 2016-06-08, nearest to the paper's tables, and the head, last changed on
2016-06-14; each is a recipe. The head lowers its rate once an epoch, here it falls with every step.
Its data-dependent start takes 500 labelled rows, here it takes any 500 training rows, as for MNIST.
The CIFAR-10 script of 2016-06-08 names a variable that it never sets; `cifar10_2016` is what it was
to do.
"""

from dataclasses import replace
from functools import partial

from ..networks import ConvolutionalDiscriminator, ConvolutionalGenerator
from ..objectives import absolute_feature_matching
from ..training import AdamInsideRoot, WeightAverage, constant_rate, semi_supervised_step, warm_up
from .recipe import Recipe, StartFromData
from .schedules import constant, linear_after

SVHN_EPOCH, CIFAR10_EPOCH = 732, 500
"""Steps in an epoch: 73,257 and 50,000 training rows by hundreds."""


def svhn() -> Recipe:
    """Return the released head: rate 3e-4 for 900 epochs, falling in the last third."""
    adam = partial(AdamInsideRoot, lr=3e-4, betas=(0.5, 0.999))
    return Recipe(
        summary="the paper's SVHN by the script of 2016-06-14 (658,800 steps)",
        data="ufldl-stanford/svhn:cropped_digits",
        labels=1000,
        discriminator=partial(ConvolutionalDiscriminator, channels=64),
        generator=ConvolutionalGenerator,
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        discriminator_start=StartFromData(),
        generator_start=StartFromData(rows=100),
        average=partial(WeightAverage, rate=constant_rate(1e-4), from_zero=True, lagging=True),
        step=partial(
            semi_supervised_step,
            feature_matching=absolute_feature_matching,
            unsupervised_weight=1.0,
        ),
        steps=900 * SVHN_EPOCH,
        schedule=partial(linear_after, flat=2 / 3),
        evaluate_every=3 * SVHN_EPOCH,
        checkpoint_every=SVHN_EPOCH,
    )


def cifar10() -> Recipe:
    """Return the released head: `svhn` with wider convolutions, for 1,200 epochs."""
    return replace(
        svhn(),
        summary="the paper's CIFAR-10 by the script of 2016-06-14 (600,000 steps)",
        data="uoft-cs/cifar10",
        labels=4000,
        discriminator=partial(ConvolutionalDiscriminator, channels=96),
        steps=1200 * CIFAR10_EPOCH,
        evaluate_every=5 * CIFAR10_EPOCH,
        checkpoint_every=CIFAR10_EPOCH,
    )


def svhn_2016() -> Recipe:
    """Return the script of 2016-06-08: a constant rate for 501 epochs, a quicker average."""
    return replace(
        _as_of_2016(svhn(), channels=64),
        summary="the paper's SVHN by the script of 2016-06-08 (366,732 steps)",
        steps=501 * SVHN_EPOCH,
    )


def cifar10_2016() -> Recipe:
    """Return the script of 2016-06-08: a constant rate for 1,001 epochs, a quicker average."""
    return replace(
        _as_of_2016(cifar10(), channels=96),
        summary="the paper's CIFAR-10 by the script of 2016-06-08 (500,500 steps)",
        steps=1001 * CIFAR10_EPOCH,
        evaluate_every=7 * CIFAR10_EPOCH,
    )


def cifar10_narrow() -> Recipe:
    """Return `cifar10` at a third of its width, for two hours of one CPU core.

    Losses and layers are those of the script. Ours are the width, batches of 50 at three times the
    rate (chosen on training rows 30,000 to 31,999, held out of training; see
    docs/experiments/cifar10.md), a schedule scaled to the steps, and an average with a short
    memory.
    """
    adam = partial(AdamInsideRoot, lr=1e-3, betas=(0.5, 0.999))
    return replace(
        cifar10(),
        summary="CIFAR-10 at a third of the paper's width: 40,000 steps, two hours of a core",
        discriminator=partial(ConvolutionalDiscriminator, channels=32),
        generator=partial(ConvolutionalGenerator, channels=128),
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        average=partial(WeightAverage, rate=warm_up(0.999)),
        schedule=partial(linear_after, flat=0.6),
        steps=40_000,
        batch_size=50,
        evaluate_every=2000,
        checkpoint_every=500,
    )


def _as_of_2016(head: Recipe, channels: int) -> Recipe:
    """Undo what the scripts changed between 2016-06-08 and the head."""
    return replace(
        head,
        discriminator=partial(
            ConvolutionalDiscriminator, channels=channels, slope=0.1, output_std=1.0, epsilon=0.0
        ),
        generator=partial(ConvolutionalGenerator, output_std=1.0, epsilon=0.0),
        discriminator_start=StartFromData(per_channel=False),
        generator_start=StartFromData(rows=100, per_channel=False),
        average=partial(WeightAverage, rate=constant_rate(1e-3), lagging=True),
        schedule=constant,
    )
