"""Few-label classification of MNIST: the released schedules, and shorter ones of ours.

Salimans et al. (2016), section 6.1. There are two generations of the released script: the tree of
2016-06-08 (the paper is of 2016-06-10) and the head, last changed on 2016-06-14: the commits of
2018 are to the inception score and the README. They differ in rate, start and in what is tested, so
each is a recipe.
"""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import softplus
from torch.optim import Adam

from ..data import (
    Neighbors,
    PrincipalComponents,
    describe_fast,
    nearest_neighbors,
    oriented_gradients,
    spread_labels,
    tangent_neighbors,
    upright,
)
from ..networks import (
    descriptor_discriminator,
    descriptor_generator,
    mnist_discriminator,
    mnist_generator,
)
from ..objectives import squared_feature_matching
from ..training import (
    AdamInsideRoot,
    WeightAverage,
    certainty,
    constant_rate,
    interpolation_consistency,
    semi_supervised_joint_step,
    semi_supervised_step,
    teacher_adversarial,
    teacher_consistency,
    warm_up,
)
from ..training.steps import Step
from .recipe import Recipe, StartFromData
from .schedules import constant, linear_after

STEPS_PER_EPOCH = 600
RELEASED_STEP = partial(
    semi_supervised_step, feature_matching=squared_feature_matching, unsupervised_weight=1.0
)
ADVERSARIAL_TEACHER = partial(teacher_adversarial, weight=1.0, rising=(100, 400))


def mnist() -> Recipe:
    """Return the released head: rate 0.003 for 300 epochs, a zero-started average is tested."""
    adam = partial(AdamInsideRoot, lr=0.003, betas=(0.5, 0.999))
    return Recipe(
        summary="the paper's MNIST by the script of 2016-06-14 (180,000 steps)",
        data="ylecun/mnist",
        labels=100,
        discriminator=mnist_discriminator,
        generator=partial(mnist_generator, output=torch.sigmoid, epsilon=1e-6),
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        discriminator_start=StartFromData(),
        average=partial(WeightAverage, rate=constant_rate(1e-4), from_zero=True, lagging=True),
        step=RELEASED_STEP,
        steps=300 * STEPS_PER_EPOCH,
        schedule=constant,
    )


def mnist_2016() -> Recipe:
    """Return the script of 2016-06-08: rate 0.001, falling in the last third; no average.

    Its discriminator starts from one deviation per unit, as the head's does; its generator's
    output, whose gain the head leaves at 1, from one for all pixels, on the noise of one batch.
    """
    adam = partial(AdamInsideRoot, lr=0.001, betas=(0.5, 0.999))
    return replace(
        mnist(),
        summary="the paper's MNIST by the script of 2016-06-08 (180,000 steps)",
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        generator=partial(mnist_generator, output=torch.sigmoid),
        generator_start=StartFromData(rows=100, per_channel=False),
        average=None,
        schedule=partial(linear_after, flat=2 / 3),
    )


def mnist_pixels() -> Recipe:
    """Return ours on pixels: softplus output, spread labels as the first teacher.

    Chosen on the last 10,000 training images of MNIST, held out of training; see
    docs/experiments/mnist_search.md.
    """
    adam = partial(Adam, lr=0.003, betas=(0.5, 0.999), eps=1e-4, fused=True)
    return replace(
        mnist(),
        summary="MNIST from pixels alone in an eighteenth of the steps",
        generator=partial(mnist_generator, output=softplus),
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        average=partial(WeightAverage, rate=warm_up(0.999)),
        neighbors=partial(nearest_neighbors, count=5),
        label_spreading=partial(spread_labels, sharpness=4.0),
        step=consistent_step(spread_until=4000),
        steps=10_000,
        schedule=partial(linear_after, flat=0.85),
    )


def mnist_vectors() -> Recipe:
    """Return ours on the paper's own problem: rows are vectors, no row has neighbors.

    The averaged weights teach at the worst small change of each row; predictions are to be sure
    and balanced. Chosen on the last 10,000 training images of MNIST, held out of training; see
    docs/experiments/mnist_search.md.
    """
    return replace(
        mnist_pixels(),
        summary="MNIST as vectors, without neighbors, in a tenth of the paper's work",
        neighbors=None,
        batch_size=200,
        takes=("labeled", "unlabeled"),
        step=partial(
            semi_supervised_joint_step,
            feature_matching=squared_feature_matching,
            unsupervised_weight=1.0,
            labeled_every=4,
            generated_every=2,
            regularizers=(
                partial(ADVERSARIAL_TEACHER, radius=1.5),
                partial(certainty, weight=0.2, balance_weight=1.0, slack=0.1, rising=(100, 400)),
            ),
        ),
        steps=10_500,
        schedule=partial(linear_after, flat=0.6),
    )


def mnist_components() -> Recipe:
    """Return ours on 256 principal components: many cheap steps of small networks.

    The game alone comes first, as a teacher keeps what it gets wrong early; from a third on, the
    averaged weights teach beside it. Chosen on the last 10,000 training images of MNIST, held out
    of training; see docs/experiments/mnist_search.md.
    """
    adam = partial(Adam, betas=(0.5, 0.999), eps=1e-4, fused=True)
    teacher = partial(ADVERSARIAL_TEACHER, radius=1.0, rising=(39_000, 39_300))
    return replace(
        mnist_vectors(),
        summary="the same in 256 principal components: small networks, many cheap steps",
        descriptor=PrincipalComponents(256),
        discriminator=partial(mnist_discriminator, hidden=(500, 250, 250)),
        generator=partial(descriptor_generator, hidden=(250, 250)),
        discriminator_optimizer=partial(adam, lr=0.002),
        generator_optimizer=partial(adam, lr=0.003),
        batch_size=50,
        step=partial(
            semi_supervised_joint_step,
            feature_matching=squared_feature_matching,
            unsupervised_weight=1.0,
            labeled_every=4,
            regularizers=(teacher,),
        ),
        steps=98_000,
        schedule=partial(linear_after, flat=0.5),
    )


def consistent_step(spread_until: int) -> Step:
    """Return the semi-supervised step with the interpolation consistency of `mnist_pixels`."""
    consistency = partial(
        interpolation_consistency, weight=1.0, spread_weight=4.0, spread_until=spread_until
    )
    return partial(RELEASED_STEP, regularizers=(consistency,))


def mnist_graph() -> Recipe:
    """Return ours on oriented gradients: no longer the paper's permutation-invariant problem.

    Labels spread over a graph of images that may be moved and bent a little, and a small pair of
    networks that sees descriptors learns from them and from its own averaged weights. Chosen on the
    last 10,000 training images of MNIST and of Fashion-MNIST, held out of training; see
    docs/experiments/mnist_search.md.
    """
    consistency = partial(
        teacher_consistency, weight=4.0, spread_weight=4.0, spread_until=1000, spread_share=0.5
    )
    adam = partial(Adam, betas=(0.5, 0.999), eps=1e-4, fused=True)
    return replace(
        mnist_pixels(),
        summary="28x28 images by their oriented gradients, in a few minutes",
        discriminator=descriptor_discriminator,
        generator=descriptor_generator,
        discriminator_optimizer=partial(adam, lr=0.002),
        generator_optimizer=partial(adam, lr=0.001),
        descriptor=upright_gradients,
        neighbors=bending_neighbors,
        step=partial(RELEASED_STEP, regularizers=(consistency,)),
        steps=3000,
        schedule=partial(linear_after, flat=0.6),
    )


def upright_gradients(images: Tensor) -> Tensor:
    """Describe every image, set upright, by the directions of its edges: (N, 288) of 28x28."""
    return oriented_gradients(upright(images))


def bending_neighbors(images: Tensor) -> Neighbors:
    """Find five neighbors of every image, set upright, whatever small deformation is between."""
    return tangent_neighbors(upright(images), 5, descriptor=describe_fast, stiffness=0.9)
