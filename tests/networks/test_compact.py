from collections.abc import Callable
from typing import Any

import pytest
import torch
from pytest import approx
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear

from convergan.layers import initialise_from_batch
from convergan.networks import (
    CompactDiscriminator,
    CompactGenerator,
    compact_discriminator,
    compact_generator,
    similarities,
    virtual_compact_generator,
)
from tests.networks.inspection import GAIN, assert_channels, normalised, outputs, weights
from tests.oracles import chance, draw


def judge(channels: int = 4, **options: Any) -> CompactDiscriminator:
    return compact_discriminator((3, 28, 28), 10, chance(), channels=channels, **options).double()


def maker(out_channels: int = 3) -> CompactGenerator:
    return compact_generator((out_channels, 28, 28), chance(), channels=16).double()


def images(count: int, seed: int = 0) -> Tensor:
    """Rows in [0, 1]."""
    return draw(count, 3, 28, 28, seed=seed).sigmoid()


# --- geometry ------------------------------------------------------------------------------------


def test_discriminator_goes_from_28_to_14_to_7_to_4_and_to_logits() -> None:
    network = judge()
    found = [tuple(t.shape) for t in outputs(network, lambda: network(images(2)))]
    assert found == [(2, 4, 14, 14), (2, 8, 7, 7), (2, 16, 4, 4), (2, 10)]
    assert network(images(2)).features.shape == (2, 256)


@pytest.mark.parametrize("out_channels", [1, 3])
def test_generator_goes_from_4_to_7_to_14_to_28(out_channels: int) -> None:
    network, latent = maker(out_channels), draw(2, 100)
    found = [tuple(t.shape) for t in outputs(network, lambda: network(latent))]
    assert found == [(2, 256), (2, 8, 7, 7), (2, 4, 14, 14), (2, out_channels, 28, 28)]
    assert network.latent_dim == 100


def test_parameters_are_those_of_the_widths() -> None:
    def count(network: nn.Module) -> int:
        return sum(p.numel() for p in network.parameters())

    a, b, c = 16, 32, 64
    judging = 25 * (3 * a + a * b + b * c) + 16 * c * 10 + 2 * (a + b + c + 10)
    assert count(compact_discriminator((3, 28, 28), 10, chance())) == judging
    making = 100 * 16 * c + 25 * (c * b + b * a + a * 3) + 16 * c + b + a + 2 * 3
    assert count(compact_generator((3, 28, 28), chance())) == making


def test_gains_are_trained_in_the_last_layers_alone() -> None:
    frozen = {name for name, p in judge().named_parameters() if not p.requires_grad}
    assert frozen == {f"layers.{number}.{GAIN}" for number in range(3)}
    assert all(p.requires_grad for p in maker().parameters())
    assert f"layers.2.{GAIN}" in maker().state_dict()


def test_pair_starts_with_weights_of_deviation_a_twentieth_and_no_bias() -> None:
    for network in (judge(32), compact_generator((3, 28, 28), chance())):
        for name, tensor in network.state_dict().items():
            if name.endswith("bias"):
                assert not tensor.any()
            elif name.endswith("original0"):
                assert bool((tensor == 1).all())
            else:
                assert tensor.mean().item() == approx(0, abs=0.01)
                assert tensor.std().item() == approx(0.05, rel=0.1)


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 32), (3, 32, 32), (784,), (28, 28, 3)])
def test_rows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    makers: list[Callable[[], object]] = [
        lambda: compact_discriminator(shape, 10, chance()),
        lambda: compact_generator(shape, chance()),
        lambda: virtual_compact_generator(shape, chance()),
    ]
    for make in makers:
        with pytest.raises(ValueError, match=r"must be \(C, 28, 28\) images, got \(\d+,"):
            make()


# --- what they compute ---------------------------------------------------------------------------


def test_discriminator_is_three_leaky_convolutions_and_a_dense_layer() -> None:
    network, x = judge(), images(3)
    *convolutions, (bias, weight) = weights(network)
    h = 2 * x - 1
    for b, w in convolutions:
        h = leaky_relu(conv2d(h, w, b, stride=2, padding=2), 0.2)
    critique = network(x, chance(1))
    torch.testing.assert_close(critique.features, h.flatten(1), rtol=1e-10, atol=1e-12)
    expected = linear(h.flatten(1), weight, bias)
    torch.testing.assert_close(critique.logits, expected, rtol=1e-10, atol=1e-12)


def test_generator_is_normalised_relu_deconvolutions_and_tanh_on_the_unit_interval() -> None:
    network, latent = maker(), draw(4, 100, seed=1)
    with torch.no_grad():
        for number, (name, p) in enumerate(network.named_parameters()):
            if name.endswith("bias"):
                p.copy_(draw(*p.shape, seed=number))
    biases = [norm.get_parameter("bias") for norm in network.norms]
    h = normalised(latent @ network.dense.weight.t(), biases[0]).relu().view(4, 16, 4, 4)
    *hidden, last = network.layers
    for layer, bias, extra in zip(hidden, biases[1:], (0, 1), strict=True):
        t = conv_transpose2d(h, layer.get_parameter("weight"), None, 2, 2, extra)
        h = normalised(t, bias).relu()
    [(last_bias, last_weight)] = weights(last)
    t = conv_transpose2d(h, last_weight, last_bias, 2, 2, 1)
    torch.testing.assert_close(network(latent), (2 * t).sigmoid(), rtol=1e-10, atol=1e-12)


def test_a_virtually_normalised_generator_makes_each_row_by_itself() -> None:
    network = virtual_compact_generator((1, 28, 28), chance(), channels=16).double()
    latent = draw(5, 100, seed=2)
    assert network.get_buffer("network.reference_batch_0").shape == (16, 100)
    torch.testing.assert_close(network(latent)[2:3], network(latent[2:3]), rtol=1e-9, atol=1e-9)
    assert (maker(1)(latent)[2:4] - maker(1)(latent[2:4])).abs().max().item() > 1e-3


def test_gradients_pass_gradcheck() -> None:
    network, generator = judge(2), maker(1)
    x, latent = images(2).requires_grad_(), draw(3, 100, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(network, (x,), fast_mode=True)
    assert torch.autograd.gradcheck(generator, (latent,), fast_mode=True)


# --- the data-dependent start --------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"minibatch_features": similarities}])
def test_start_gives_convolutions_deviation_one_and_logits_a_tenth(options: Any) -> None:
    network, x = judge(**options), images(12, seed=4)
    initialise_from_batch(network, lambda: network(x))
    *convolutions, logits = outputs(network, lambda: network(x))
    for output in convolutions:
        assert_channels(output, 1.0)
    assert_channels(logits, 0.1)


def test_start_gives_the_images_before_tanh_a_tenth_and_touches_no_other_layer() -> None:
    network, latent = maker(), draw(8, 100, seed=5)
    before = {name: p.clone() for name, p in network.named_parameters()}
    initialise_from_batch(network, lambda: network(latent))
    *_, output = outputs(network, lambda: network(latent))
    assert_channels(output, 0.1)
    changed = {n for n, p in network.named_parameters() if not torch.equal(p, before[n])}
    assert changed == {"layers.2.bias", f"layers.2.{GAIN}"}


def test_a_discriminator_without_normalisation_has_plain_weights_of_he_deviation() -> None:
    network = compact_discriminator((3, 28, 28), 1, chance(), channels=32, weight_normalised=False)
    assert not any("parametrizations" in name for name, _ in network.named_parameters())
    assert all(p.requires_grad for p in network.parameters())
    for layer, inputs in zip(network.layers, (3 * 25, 32 * 25, 64 * 25), strict=True):
        weight = layer.get_parameter("weight")
        assert weight.std().item() == pytest.approx((2 / 1.04 / inputs) ** 0.5, rel=0.05)
