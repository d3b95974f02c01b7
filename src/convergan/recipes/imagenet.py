"""Images of 128x128 and all their labels: the released ImageNet code.

Salimans et al. (2016), section 6.4. Virtual batch normalisation, one-sided label smoothing with
targets 0.75 and 0.375, minibatch features over both halves of a batch, and a classifier of 1000
classes and "generated" that knows every label; both players move at once.

Paper and released code: the paper gives no numbers. The code trains on four GPUs with 16 real and
16 generated rows each, by TensorFlow's Adam; here is one of the four, so gradients are noisier. It
has no last step; the number here is ours. Images are cut to their centre square and scaled to 128:
all of ImageNet would be 63 GB in memory, so ``--stream`` decodes them as they are needed.
"""

from functools import partial

from ..networks import imagenet_discriminator, imagenet_generator
from ..objectives import smoothed_discriminator_loss, smoothed_generator_loss
from ..training import TensorFlowAdam, joint_step
from .recipe import Recipe
from .schedules import constant


def imagenet() -> Recipe:
    """Return the released code's settings for one GPU of four."""
    adam = partial(TensorFlowAdam, lr=4e-4, betas=(0.5, 0.999))
    return Recipe(
        summary="the paper's ImageNet at 128x128, all labels (500,000 steps)",
        data="ILSVRC/imagenet-1k",
        side=128,
        labels=1_281_167,
        discriminator=imagenet_discriminator,
        generator=imagenet_generator,
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        step=partial(
            joint_step,
            discriminator_loss=partial(smoothed_discriminator_loss, real_target=0.75),
            generator_loss=partial(smoothed_generator_loss, generator_target=0.375),
        ),
        steps=500_000,
        schedule=constant,
        batch_size=16,
        takes=("labeled",),
        test_batch=0,
        evaluate_every=1000,
        checkpoint_every=1000,
    )
