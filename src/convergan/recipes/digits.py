"""Few-label classification of scikit-learn's embedded digits. Ours: no table of the paper."""

from functools import partial

from torch.optim import Adam

from ..data import spread_labels
from ..networks import digits_discriminator, digits_generator
from ..objectives import squared_feature_matching
from ..training import WeightAverage, interpolation_consistency, semi_supervised_step, warm_up
from .recipe import Recipe, StartFromData
from .schedules import linear_after


def digits() -> Recipe:
    """Return the recipe of the demo: 5 labels per class, as `mnist_fast` at a smaller size."""
    adam = partial(Adam, lr=0.003, betas=(0.5, 0.999), eps=1e-4, fused=True)
    consistency = partial(
        interpolation_consistency, weight=1.0, spread_weight=4.0, spread_until=1600
    )
    return Recipe(
        summary="scikit-learn's 8x8 digits with 50 labels; a minute on two cores",
        data="digits",
        labels=50,
        discriminator=digits_discriminator,
        generator=digits_generator,
        discriminator_optimizer=adam,
        generator_optimizer=adam,
        discriminator_start=StartFromData(),
        average=partial(WeightAverage, rate=warm_up(0.999)),
        step=partial(
            semi_supervised_step,
            feature_matching=squared_feature_matching,
            unsupervised_weight=1.0,
            regularizers=(consistency,),
        ),
        label_spreading=partial(spread_labels, sharpness=4.0),
        steps=4000,
        schedule=partial(linear_after, flat=0.85),
    )
