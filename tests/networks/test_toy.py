import pytest
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from convergan.networks import Discriminator, Generator, toy_discriminator, toy_generator
from tests.oracles import chance, draw


def layers(network: Discriminator | Generator) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer, in the order of the forward pass."""
    named = [network.get_submodule(name) for name in ("hidden.0", "hidden.1", "output")]
    return [(layer.get_parameter("weight"), layer.get_parameter("bias")) for layer in named]


def test_discriminator_is_two_leaky_layers_and_a_logit() -> None:
    network, x = toy_discriminator((2,), 1, chance()).double(), draw(5, 2)
    first, second, (weight, bias) = layers(network)
    h = x
    for w, b in (first, second):
        h = leaky_relu(h @ w.t() + b, 0.2)
    critique = network(x, chance(1))
    torch.testing.assert_close(critique.features, h, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(critique.logits, h @ weight.t() + bias, rtol=1e-12, atol=1e-12)


def test_generator_is_two_relu_layers_and_a_linear_output() -> None:
    network, latent = toy_generator((2,), chance()).double(), draw(5, 2)
    first, second, (weight, bias) = layers(network)
    h = latent
    for w, b in (first, second):
        h = (h @ w.t() + b).clamp(min=0)
    torch.testing.assert_close(network(latent), h @ weight.t() + bias, rtol=1e-12, atol=1e-12)


def test_noise_of_the_generator_is_normal() -> None:
    latent = toy_generator((2,), chance()).draw_latent(20_000, chance(1))
    assert latent.mean(dim=0).abs().max().item() < 0.03
    assert (latent.std(dim=0) - 1).abs().max().item() < 0.03


def test_weights_and_biases_start_uniform_within_one_over_the_root_of_the_inputs() -> None:
    for network in (toy_discriminator((2,), 1, chance()), toy_generator((2,), chance())):
        for weight, bias in layers(network):
            limit = weight.shape[1] ** -0.5
            for parameter in (weight, bias):
                assert parameter.abs().max().item() <= limit
            assert weight.abs().max().item() > 0.9 * limit
            assert bool(bias.any())
        kinks = [-bias / weight[:, 0] for weight, bias in layers(network)[:1]][0]
        assert kinks.std().item() > 0.1  # they do not all go through the origin


@pytest.mark.parametrize("shape", [(), (1, 28, 28), (2, 2)])
def test_rows_that_are_no_points_are_refused(shape: tuple[int, ...]) -> None:
    for make in (
        lambda: toy_discriminator(shape, 1, chance()),
        lambda: toy_generator(shape, chance()),
    ):
        with pytest.raises(ValueError, match=r"for points, rows of shape \(A,\), got \("):
            make()
