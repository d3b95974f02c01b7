"""The paper's MNIST pair, and those for digits and for descriptors."""

from itertools import pairwise

import torch
from pytest import approx
from torch.nn.functional import softplus

from convergan.networks import (
    DenseDiscriminator,
    DenseGenerator,
    descriptor_discriminator,
    descriptor_generator,
    digits_discriminator,
    digits_generator,
    mnist_discriminator,
    mnist_generator,
)
from tests.networks.inspection import widths
from tests.networks.pairs import trained
from tests.oracles import chance


def mnist_pair() -> tuple[DenseDiscriminator, DenseGenerator]:
    shape = (1, 28, 28)
    discriminator = mnist_discriminator(shape, 10, chance())
    return discriminator, mnist_generator(shape, chance(), output=torch.sigmoid)


def test_mnist_pair_has_the_widths_and_noise_of_the_paper() -> None:
    discriminator, generator = mnist_pair()
    assert widths(discriminator) == list(pairwise([784, 1000, 500, 250, 250, 250, 10]))
    assert widths(generator) == list(pairwise([100, 500, 500, 784]))
    assert (discriminator.input_noise.std, discriminator.hidden_noise.std) == (0.3, 0.5)
    assert generator.latent_dim == 100


def test_mnist_pair_trains_gains_in_the_last_layers_alone() -> None:
    discriminator, generator = mnist_pair()
    gains, directions = (f"parametrizations.weight.original{i}" for i in (0, 1))
    expected = {"output.bias": True, f"output.{gains}": True, f"output.{directions}": True}
    for i in range(5):
        expected |= {f"hidden.{i}.bias": True, f"hidden.{i}.{directions}": True}
        expected |= {f"hidden.{i}.{gains}": False}
    assert trained(discriminator) == expected
    expected = {"output.bias": True, f"output.{gains}": True, f"output.{directions}": True}
    expected |= {f"hidden.{i}.weight": True for i in range(2)}
    expected |= {f"norms.{i}.bias": True for i in range(2)}
    assert trained(generator) == expected
    assert discriminator.state_dict().keys() == trained(discriminator).keys()  # no buffers
    assert generator.state_dict().keys() == trained(generator).keys()


def test_mnist_pair_starts_from_the_released_distributions() -> None:
    discriminator, generator = mnist_pair()
    for name, tensor in discriminator.state_dict().items():
        if name.endswith("bias"):
            assert not tensor.any()
        elif name.endswith("original0"):
            assert bool((tensor == 1).all())
        else:
            assert tensor.mean().item() == approx(0, abs=0.01)
            assert tensor.std().item() == approx(0.1, rel=0.05)
    for name in ("hidden.0.weight", "hidden.1.weight", "output.parametrizations.weight.original1"):
        tensor = generator.get_parameter(name).detach()
        bound = (6 / sum(tensor.shape)) ** 0.5
        assert 0.99 * bound < tensor.abs().max().item() <= bound
        assert tensor.std().item() == approx(bound / 3**0.5, rel=0.01)


def test_mnist_generator_ends_in_the_output_it_was_given() -> None:
    latent = torch.rand(20, 100, generator=chance())
    made = [
        mnist_generator((784,), chance(), output=output)(latent)
        for output in (torch.positive, torch.sigmoid, softplus)
    ]
    torch.testing.assert_close(made[1], made[0].sigmoid())
    torch.testing.assert_close(made[2], softplus(made[0]))


def test_the_pair_for_digits_has_the_widths_noise_and_output_that_it_states() -> None:
    discriminator = digits_discriminator((1, 8, 8), 10, chance())
    generator = digits_generator((1, 8, 8), chance())
    assert widths(discriminator) == list(pairwise([64, 250, 125, 125, 10]))
    assert widths(generator) == list(pairwise([50, 125, 125, 64]))
    assert (discriminator.input_noise.std, discriminator.hidden_noise.std) == (0.3, 0.5)
    assert generator.nonlinearity is softplus


def test_the_pair_for_descriptors_has_the_widths_and_noise_that_it_states() -> None:
    discriminator = descriptor_discriminator((288,), 10, chance())
    generator = descriptor_generator((288,), chance())
    assert widths(discriminator) == list(pairwise([288, 500, 250, 250, 10]))
    assert widths(generator) == list(pairwise([100, 500, 500, 288]))
    assert (discriminator.input_noise.std, discriminator.hidden_noise.std) == (0.2, 0.15)


def test_the_output_of_the_pair_for_descriptors_is_linear() -> None:
    generator = descriptor_generator((6,), chance())
    rows = generator(generator.draw_latent(20, chance(1)))
    assert rows.shape == (20, 6) and rows.min().item() < 0 < rows.max().item()
    with torch.no_grad():
        generator.output.bias.add_(5)
    moved = generator(generator.draw_latent(20, chance(1)))
    assert (moved - rows - 5).abs().max().item() < 1e-5
