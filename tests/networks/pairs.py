"""Every kind of pair, small, for what is to be true of them all."""

from collections.abc import Callable
from typing import TypeVar

import pytest
import torch
from torch import nn

from convergan.networks import (
    ConvolutionalDiscriminator,
    ConvolutionalGenerator,
    Critique,
    Discriminator,
    Generator,
    ResidualDiscriminator,
    ResidualGenerator,
    compact_discriminator,
    compact_generator,
    digits_discriminator,
    digits_generator,
    mnist_discriminator,
    mnist_generator,
    toy_discriminator,
    toy_generator,
    virtual_compact_generator,
    virtual_small_images_generator,
)
from tests.oracles import draw

N = TypeVar("N", bound=nn.Module)


def awake(network: N) -> N:
    """Move what starts at zero, behind which nothing else would learn."""
    with torch.no_grad():
        for number, p in enumerate(network.parameters()):
            p.add_(draw(*p.shape, seed=number), alpha=0.05)
    return network


# Discriminator with its number of classes, generator, shape of a row, width of the features,
# whether there is noise.
Pair = tuple[
    Callable[[torch.Generator], Discriminator],
    int,
    Callable[[torch.Generator], Generator],
    tuple[int, ...],
    int,
    bool,
]


PAIRS: dict[str, Pair] = {
    "toy": (
        lambda c: toy_discriminator((2,), 1, c),
        1,
        lambda c: toy_generator((2,), c),
        (2,),
        128,
        False,
    ),
    "compact": (
        lambda c: compact_discriminator((3, 28, 28), 10, c, channels=4),
        10,
        lambda c: compact_generator((3, 28, 28), c, channels=16),
        (3, 28, 28),
        256,
        False,
    ),
    "virtual compact": (
        lambda c: compact_discriminator((1, 28, 28), 10, c, channels=4),
        10,
        lambda c: virtual_compact_generator((1, 28, 28), c, channels=16),
        (1, 28, 28),
        256,
        False,
    ),
    "small grey images": (
        lambda c: ConvolutionalDiscriminator(
            (1, 28, 28), 10, c, channels=4, input_noise=0.2, centred=False
        ),
        10,
        lambda c: ConvolutionalGenerator((1, 28, 28), c, channels=16, centred=False),
        (1, 28, 28),
        8,
        True,
    ),
    "digits": (
        lambda c: digits_discriminator((1, 8, 8), 10, c),
        10,
        lambda c: digits_generator((1, 8, 8), c),
        (1, 8, 8),
        125,
        True,
    ),
    "mnist": (
        lambda c: mnist_discriminator((1, 28, 28), 10, c),
        10,
        lambda c: mnist_generator((1, 28, 28), c, output=torch.sigmoid),
        (1, 28, 28),
        250,
        True,
    ),
    "small images": (
        lambda c: ConvolutionalDiscriminator((3, 32, 32), 10, c, channels=8),
        10,
        lambda c: ConvolutionalGenerator((3, 32, 32), c, channels=32),
        (3, 32, 32),
        16,
        True,
    ),
    "virtual small images": (
        lambda c: ConvolutionalDiscriminator((3, 32, 32), 10, c, channels=4),
        10,
        lambda c: virtual_small_images_generator((3, 32, 32), c, channels=32),
        (3, 32, 32),
        8,
        True,
    ),
    "residual": (
        lambda c: awake(ResidualDiscriminator((3, 32, 32), 10, c, width=8, cardinality=4)),
        10,
        lambda c: awake(ResidualGenerator((3, 32, 32), c, width=8, cardinality=4)),
        (3, 32, 32),
        8,
        False,
    ),
}


pairs = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())


def same(one: Critique, other: Critique) -> bool:
    return torch.equal(one.logits, other.logits) and torch.equal(one.features, other.features)


def trained(network: nn.Module) -> dict[str, bool]:
    return {name: p.requires_grad for name, p in network.named_parameters()}
