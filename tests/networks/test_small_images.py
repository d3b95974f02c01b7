from itertools import pairwise
from typing import Any

import pytest
import torch
from pytest import approx
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear

from convergan.layers import add_gaussian_noise, dropout, initialise_from_batch
from convergan.networks import ConvolutionalDiscriminator, ConvolutionalGenerator
from tests.networks.inspection import GAIN, assert_channels, normalised, outputs, weight, weights
from tests.oracles import chance, draw

SHAPE = (3, 32, 32)


def judge(channels: int = 4, slope: float = 0.2) -> ConvolutionalDiscriminator:
    network = ConvolutionalDiscriminator(SHAPE, 10, chance(), channels=channels, slope=slope)
    return network.double().eval()


def maker() -> ConvolutionalGenerator:
    return ConvolutionalGenerator(SHAPE, chance(), channels=32).double()


def images(count: int, seed: int = 0) -> Tensor:
    """Rows in [0, 1]."""
    return draw(count, *SHAPE, seed=seed).sigmoid()


# --- geometry ------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [4, 6])
def test_discriminator_goes_from_32_to_16_to_8_to_6_and_to_logits(channels: int) -> None:
    network = judge(channels)
    one, two = channels, 2 * channels
    sides = [(one, 32), (one, 32), (one, 16), (two, 16), (two, 16), (two, 8)]
    sides += [(two, 6), (two, 6), (two, 6)]
    *found, logits = (t.shape for t in outputs(network, lambda: network(images(2))))
    assert [tuple(shape) for shape in found] == [(2, width, side, side) for width, side in sides]
    assert tuple(logits) == (2, 10)
    assert network(images(2)).features.shape == (2, two)


def test_generator_goes_from_4_to_8_to_16_to_32() -> None:
    network, latent = maker(), draw(2, 100)
    found = [tuple(t.shape) for t in outputs(network, lambda: network(latent))]
    assert found == [(2, 512), (2, 16, 8, 8), (2, 8, 16, 16), (2, 3, 32, 32)]
    assert network.latent_dim == 100


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("channels", "classes"), [(64, 10), (96, 10), (96, 3)])
def test_discriminator_has_the_parameters_of_the_paper(channels: int, classes: int) -> None:
    network = ConvolutionalDiscriminator(SHAPE, classes, chance(), channels=channels)
    one, two = channels, 2 * channels
    wide = [(3, one), (one, one), (one, one), (one, two), *([(two, two)] * 3)]
    expected = sum(9 * inputs * width for inputs, width in wide)
    expected += 2 * two * two + classes * two  # 1x1 and dense
    expected += 2 * (3 * one + 6 * two + classes)  # a bias and a gain for each channel
    assert count(network) == expected
    assert channels != 96 or classes != 10 or expected == 1_408_244


def test_generator_has_the_parameters_of_the_paper() -> None:
    widths = [512, 256, 128, 3]
    expected = 100 * 8192 + 8192 + 256 + 128 + 3 + 3
    expected += sum(25 * inputs * outputs for inputs, outputs in pairwise(widths))
    network = ConvolutionalGenerator(SHAPE, chance())
    assert count(network) == expected == 4_933_382


def test_gains_are_trained_in_the_last_layers_alone() -> None:
    frozen = {name for name, p in judge().named_parameters() if not p.requires_grad}
    assert frozen == {f"layers.{number}.{GAIN}" for number in range(9)}
    assert all(p.requires_grad for p in maker().parameters())
    assert f"output.{GAIN}" in maker().state_dict()
    for network in (judge(), maker()):
        assert network.state_dict().keys() == dict(network.named_parameters()).keys()  # no buffers


def test_pair_starts_from_the_released_distributions() -> None:
    for network in (judge(32), maker()):
        for name, tensor in network.state_dict().items():
            if name.endswith("bias"):
                assert not tensor.any()
            elif name.endswith("original0"):
                assert bool((tensor == 1).all())
            else:
                assert tensor.mean().item() == approx(0, abs=0.01)
                assert tensor.std().item() == approx(0.05, rel=0.1)


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 32), (3, 64, 64), (3072,), (32, 32, 3)])
def test_rows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be \(C, 32, 32\) or \(C, 28, 28\) images"):
        ConvolutionalDiscriminator(shape, 10, chance(), channels=4)
    with pytest.raises(ValueError, match=r"must be \(C, 32, 32\) or \(C, 28, 28\) images"):
        ConvolutionalGenerator(shape, chance())


# --- what they compute ---------------------------------------------------------------------------

# Stride and padding of every convolution, from the paper's table of layers.
STRIDES = [(1, 1), (1, 1), (2, 1), (1, 1), (1, 1), (2, 1), (1, 0), (1, 0), (1, 0)]


def plainly(
    network: ConvolutionalDiscriminator, x: Tensor, slope: float, noise: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Features and logits, layer by layer."""
    *convolutions, (bias, weight) = weights(network)
    h = (2 * x - 1).contiguous(memory_format=torch.channels_last)  # noise falls in this order
    for number, (b, w) in enumerate(convolutions):
        if noise is not None and number % 3 == 0:
            h = dropout(h, 0.5 if number else 0.2, noise)
        stride, padding = STRIDES[number]
        h = leaky_relu(conv2d(h, w, b, stride, padding), slope)
    features = h.flatten(2).sum(dim=2) / 36
    return features, linear(features, weight, bias)


@pytest.mark.parametrize("slope", [0.2, 0.1])
@pytest.mark.parametrize("noisy", [False, True])
def test_discriminator_is_leaky_convolutions_under_dropout_and_their_mean(
    slope: float, noisy: bool
) -> None:
    network, x = judge(slope=slope), images(3)
    critique = network(x, chance(1) if noisy else None)
    features, logits = plainly(network, x, slope, chance(1) if noisy else None)
    torch.testing.assert_close(critique.features, features, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(critique.logits, logits, rtol=1e-10, atol=1e-12)


def test_generator_is_normalised_relu_deconvolutions_and_tanh_on_the_unit_interval() -> None:
    network, latent = maker(), draw(4, 100, seed=1)
    with torch.no_grad():
        for number, (name, p) in enumerate(network.named_parameters()):
            if name.endswith("bias"):
                p.copy_(draw(*p.shape, seed=number))
    norms = [network.dense_norm, *network.norms]
    biases = [norm.get_parameter("bias") for norm in norms]
    h = normalised(latent @ network.dense.weight.t(), biases[0]).relu().view(4, 32, 4, 4)
    for layer, bias in zip(network.hidden, biases[1:], strict=True):
        t = conv_transpose2d(h, layer.get_parameter("weight"), None, 2, 2, 1)
        h = normalised(t, bias).relu()
    t = conv_transpose2d(h, weight(network.output), network.output.get_parameter("bias"), 2, 2, 1)
    torch.testing.assert_close(network(latent), (2 * t).sigmoid(), rtol=1e-10, atol=1e-12)


def test_generated_images_lie_in_the_unit_interval_and_can_reach_its_ends() -> None:
    network, latent = maker(), draw(4, 100, seed=2)
    with torch.no_grad():
        network.output.get_parameter(GAIN).mul_(1000)
    made = network(latent)
    assert made.min().item() == approx(0, abs=1e-6) and made.max().item() == approx(1)
    assert bool((made >= 0).all() and (made <= 1).all())


def test_gradients_pass_gradcheck() -> None:
    network, generator = judge(2), maker()
    x, latent = images(2).requires_grad_(), draw(3, 100, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: network(x, chance(1)), (x,), fast_mode=True)
    assert torch.autograd.gradcheck(generator, (latent,), fast_mode=True)


# --- the data-dependent start --------------------------------------------------------------------


def test_start_gives_convolutions_deviation_one_and_logits_a_tenth() -> None:
    network, x = judge(), images(12, seed=4)
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
    assert changed == {"output.bias", f"output.{GAIN}"}


def test_start_of_the_first_scripts_is_one_deviation_for_a_whole_layer() -> None:
    network = ConvolutionalDiscriminator(SHAPE, 10, chance(), channels=4, output_std=1.0)
    network.double().eval()
    x = images(12, seed=6)
    initialise_from_batch(network, lambda: network(x), per_channel=False)
    for output in outputs(network, lambda: network(x)):
        values = output.transpose(0, 1).flatten(1)
        assert values.mean(dim=1).abs().max().item() == approx(0, abs=1e-10)
        assert values.square().mean().sqrt().item() == approx(1, rel=1e-5)


def test_start_takes_out_the_scale_of_the_images() -> None:
    """As (x - 127.5) / 128 would differ from (x - 127.5) / 127.5 by nothing else."""
    one, other, x = judge(), judge(), images(12, seed=7)
    narrowed = (2 * x - 1) * 127.5 / 128 / 2 + 0.5
    initialise_from_batch(one, lambda: one(x))
    initialise_from_batch(other, lambda: other(narrowed))
    torch.testing.assert_close(one(x), other(narrowed), rtol=1e-8, atol=1e-8)


# --- side 28, as in the lost MNIST script --------------------------------------------------------

GREY = (1, 28, 28)


def grey_judge(**options: Any) -> ConvolutionalDiscriminator:
    network = ConvolutionalDiscriminator(GREY, 10, chance(), channels=4, **options)
    return network.double().eval()


def grey_maker(**options: Any) -> ConvolutionalGenerator:
    return ConvolutionalGenerator(GREY, chance(), channels=16, **options).double()


def geometry(network: nn.Module) -> list[tuple[Any, Any]]:
    """Padding and stride of every convolution."""
    found = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    return [(layer.padding, layer.stride) for layer in found]


def test_at_side_28_the_first_convolution_pads_by_3_and_all_else_is_as_at_side_32() -> None:
    network, wide = grey_judge(), ConvolutionalDiscriminator((1, 32, 32), 10, chance(), channels=4)
    paddings = geometry(network)
    assert paddings[0] == ((3, 3), (1, 1))
    assert paddings[1:] == geometry(wide)[1:]
    x = draw(2, *GREY).sigmoid()
    assert [t.shape[2] for t in outputs(network, lambda: network(x))[:-1]] == [
        *(32, 32, 16),
        *(16, 16, 8),
        *(6, 6, 6),
    ]
    # By hand: grey is 0 after the mapping to [-1, 1], as the padding is.
    bordered = torch.nn.functional.pad(x, [2] * 4, value=0.5)
    for found, expected in zip(network(x), wide.double().eval()(bordered), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_an_image_of_side_28_is_the_middle_of_one_of_side_32() -> None:
    latent = draw(4, 100, seed=1)
    wide = ConvolutionalGenerator((1, 32, 32), chance(), channels=16).double()
    assert torch.equal(grey_maker()(latent), wide(latent)[:, :, 2:30, 2:30])
    assert grey_maker()(latent).shape == (4, *GREY)


def test_without_mapping_the_generator_ends_in_tanh_and_images_are_seen_as_they_are() -> None:
    latent, x = draw(4, 100, seed=2), draw(2, *GREY).sigmoid()
    mapped, plain = grey_maker(), grey_maker(centred=False)
    for network in (mapped, plain):
        with torch.no_grad():
            network.output.get_parameter(GAIN).mul_(1000)
    made = plain(latent)
    torch.testing.assert_close(mapped(latent), (made + 1) / 2)
    assert made.min().item() == approx(-1) and made.max().item() == approx(1)
    seen, raw = grey_judge(), grey_judge(centred=False)
    assert torch.equal(seen(x).logits, raw(2 * x - 1).logits)
    assert not torch.allclose(seen(x).logits, raw(x).logits)


@pytest.mark.parametrize("centred", [True, False])
def test_gaussian_noise_on_the_input_takes_the_place_of_the_first_dropout(centred: bool) -> None:
    network = grey_judge(input_noise=0.2, centred=centred)
    assert [drop.probability for drop in network.dropouts] == [0, 0, 0, 0.5, 0, 0, 0.5, 0, 0]
    assert [drop.probability for drop in grey_judge().dropouts] == [0.2, 0, 0, 0.5, 0, 0, 0.5, 0, 0]
    x, noise = draw(3, *GREY).sigmoid(), chance(1)
    *convolutions, (bias, weight) = weights(network)
    h = add_gaussian_noise(2 * x - 1 if centred else x, 0.2, noise)
    h = h.contiguous(memory_format=torch.channels_last)
    for number, (b, w) in enumerate(convolutions):
        if number in (3, 6):
            h = dropout(h, 0.5, noise)
        stride, padding = STRIDES[number] if number else (1, 3)
        h = leaky_relu(conv2d(h, w, b, stride, padding), 0.2)
    critique = network(x, chance(1))
    features = h.mean(dim=(2, 3))
    torch.testing.assert_close(critique.features, features, rtol=1e-10, atol=1e-12)
    expected = linear(features, weight, bias)
    torch.testing.assert_close(critique.logits, expected, rtol=1e-10, atol=1e-12)
    assert torch.equal(network(x).logits, grey_judge(centred=centred)(x).logits)
