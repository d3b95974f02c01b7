"""The pair for descriptors: rows of mean square 1, of either sign."""

from itertools import pairwise

import torch

from convergan.networks import descriptor_discriminator, descriptor_generator
from tests.networks.inspection import widths
from tests.oracles import chance


def test_it_has_the_widths_and_noise_that_it_states() -> None:
    discriminator = descriptor_discriminator((288,), 10, chance())
    generator = descriptor_generator((288,), chance())
    assert widths(discriminator) == list(pairwise([288, 500, 250, 250, 10]))
    assert widths(generator) == list(pairwise([100, 500, 500, 288]))
    assert (discriminator.input_noise.std, discriminator.hidden_noise.std) == (0.2, 0.15)


def test_its_output_is_linear() -> None:
    generator = descriptor_generator((6,), chance())
    rows = generator(generator.draw_latent(20, chance(1)))
    assert rows.shape == (20, 6) and rows.min().item() < 0 < rows.max().item()
    with torch.no_grad():
        generator.output.bias.add_(5)
    moved = generator(generator.draw_latent(20, chance(1)))
    assert (moved - rows - 5).abs().max().item() < 1e-5
