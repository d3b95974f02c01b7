"""Few-label classification of scikit-learn's embedded digits. Ours: no table of the paper."""

from dataclasses import replace

from ..networks import digits_discriminator, digits_generator
from .mnist import consistent_step, mnist_pixels
from .recipe import Recipe


def digits() -> Recipe:
    """Return the recipe of the demo: `mnist_pixels` at a smaller size, 5 labels per class."""
    return replace(
        mnist_pixels(),
        summary="scikit-learn's 8x8 digits with 50 labels; a minute or two on two cores",
        data="digits",
        labels=50,
        discriminator=digits_discriminator,
        generator=digits_generator,
        step=consistent_step(spread_until=1600),
        steps=4000,
    )
