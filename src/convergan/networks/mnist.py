"""The paper's MNIST pair, 784-1000-500-250-250-250-10 against 100-500-500-784, and two after it.

Salimans et al. (2016), section 6.1; widths and noise from the released script. The networks follow
the shape of the images that they are given, so they serve other small images as well.

Paper and released code: the released generator has 1e-6 under the root of its output's weight
normalisation since 2016-06-14, the script of 2016-06-08 none: ``epsilon``. It ends in a sigmoid. In
a straightforward port at the released rate of 0.003 it saturates: the samples become nearly
identical, the discriminator separates at once and the test error stays above 17 % after 5,000 steps
where softplus reaches 6 %. So the output is an argument without a default.

Ours, not networks of the paper: a pair for 8x8 digits and rows of similar width, and one for
descriptors of images, such as oriented gradients, and other rows of a few hundred numbers.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

from .dense import DenseDiscriminator, DenseGenerator


def mnist_discriminator(
    image_shape: Sequence[int],
    num_classes: int,
    chance: torch.Generator,
    *,
    hidden: Sequence[int] = (1000, 500, 250, 250, 250),
) -> DenseDiscriminator:
    """Build the released discriminator: noise 0.3 on the input and 0.5 on five hidden layers.

    Args:
        image_shape: of a row, any; its numbers are taken as one vector.
        num_classes: number of logits.
        chance: draws the initial weights.
        hidden: widths of the hidden layers; the last one's outputs are the features.
    """
    return DenseDiscriminator(
        image_shape,
        num_classes,
        hidden=hidden,
        input_noise=0.3,
        hidden_noise=0.5,
        chance=chance,
    )


def mnist_generator(
    image_shape: Sequence[int],
    chance: torch.Generator,
    *,
    output: Callable[[Tensor], Tensor],
    epsilon: float = 0.0,
    hidden: Sequence[int] = (500, 500),
) -> DenseGenerator:
    """Build the released generator with ``output`` (sigmoid, softplus, ...) as its last step.

    Args:
        image_shape: of a row, any.
        chance: draws the initial weights.
        output: the last step, from (N, ...) to the same shape.
        epsilon: under the root of the output's weight normalisation, at least 0.
        hidden: widths of the hidden layers.
    """
    return DenseGenerator(
        image_shape, hidden=hidden, latent_dim=100, output=output, epsilon=epsilon, chance=chance
    )


def digits_discriminator(
    image_shape: Sequence[int], num_classes: int, chance: torch.Generator
) -> DenseDiscriminator:
    """Build the MNIST discriminator at a quarter of its width, with three hidden layers.

    Args:
        image_shape: of a row, any.
        num_classes: number of logits.
        chance: draws the initial weights.
    """
    return mnist_discriminator(image_shape, num_classes, chance, hidden=(250, 125, 125))


def digits_generator(image_shape: Sequence[int], chance: torch.Generator) -> DenseGenerator:
    """Build two hidden layers of 125 and a softplus output from 50 noise inputs.

    Args:
        image_shape: of a row, any.
        chance: draws the initial weights.
    """
    return DenseGenerator(
        image_shape, hidden=(125, 125), latent_dim=50, output=softplus, chance=chance
    )


def descriptor_discriminator(
    row_shape: Sequence[int], num_classes: int, chance: torch.Generator
) -> DenseDiscriminator:
    """Build the MNIST discriminator without its first and last hidden layer, under less noise.

    Rows are of mean square 1. Descriptors make the two layers superfluous.

    Args:
        row_shape: of a row, any; its numbers are taken as one vector.
        num_classes: number of logits.
        chance: draws the initial weights.
    """
    return DenseDiscriminator(
        row_shape,
        num_classes,
        hidden=(500, 250, 250),
        input_noise=0.2,
        hidden_noise=0.15,
        chance=chance,
    )


def descriptor_generator(
    row_shape: Sequence[int], chance: torch.Generator, *, hidden: Sequence[int] = (500, 500)
) -> DenseGenerator:
    """Build hidden layers and a linear output from 100 noise inputs.

    Args:
        row_shape: of a row, any.
        chance: draws the initial weights.
        hidden: widths of the hidden layers.
    """
    return DenseGenerator(
        row_shape, hidden=hidden, latent_dim=100, output=torch.positive, chance=chance
    )
