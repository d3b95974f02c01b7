"""The pair for digits: a quarter of the width of that for MNIST, under the same noise."""

from itertools import pairwise

from torch.nn.functional import softplus

from convergan.networks import digits_discriminator, digits_generator
from tests.networks.inspection import widths
from tests.oracles import chance


def test_it_has_the_widths_noise_and_output_that_it_states() -> None:
    discriminator = digits_discriminator((1, 8, 8), 10, chance())
    generator = digits_generator((1, 8, 8), chance())
    assert widths(discriminator) == list(pairwise([64, 250, 125, 125, 10]))
    assert widths(generator) == list(pairwise([50, 125, 125, 64]))
    assert (discriminator.input_noise.std, discriminator.hidden_noise.std) == (0.3, 0.5)
    assert generator.nonlinearity is softplus
