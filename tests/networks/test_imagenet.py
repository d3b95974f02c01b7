import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from pytest import approx
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import batch_norm, conv2d, conv_transpose2d, leaky_relu, pad

from convergan.layers import CrossBatchNorm, VirtualBatchNorm, cross_batch_norm
from convergan.networks import (
    ImageNetDiscriminator,
    ImageNetGenerator,
    VirtualBatchGenerator,
    imagenet_discriminator,
    imagenet_generator,
    no_minibatch_features,
)
from tests.oracles import chance, draw

SHAPE = (3, 128, 128)
SIDES = [4, 8, 16, 32, 64, 128]


def maker() -> VirtualBatchGenerator:
    return imagenet_generator(SHAPE, chance(), width=8, num_reference=2).double()


def judge() -> ImageNetDiscriminator:
    network = imagenet_discriminator(
        SHAPE, 4, chance(), width=8, minibatch_features=no_minibatch_features
    )
    return network.double().eval()


def inside(generator: VirtualBatchGenerator) -> ImageNetGenerator:
    assert isinstance(generator.network, ImageNetGenerator)
    return generator.network


def images(count: int, seed: int = 0) -> Tensor:
    """Rows in [0, 1]."""
    return draw(count, *SHAPE, seed=seed).sigmoid()


def noise(count: int, seed: int = 1) -> Tensor:
    return inside(maker()).draw_latent(count, chance(seed)).double()


def near(one: object, other: object) -> None:
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


# --- geometry -------------------------------------------------------------------------------------


def shapes(network: nn.Module, call: Callable[[], object]) -> list[tuple[int, ...]]:
    """Of what each layer gives during one call."""
    seen: list[tuple[int, ...]] = []
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    for layer in network.modules():
        if isinstance(layer, kinds):
            layer.register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape)))
    call()
    return seen


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_generator_has_the_layers_of_the_paper_at_full_width() -> None:
    with FakeTensorMode():  # shapes without numbers
        network = imagenet_generator(SHAPE, chance())
        latent = network.draw_latent(2, chance())
        made = network(latent)
        found = shapes(network, lambda: network(latent))
    channels, extra = [512, 256, 128, 64, 64, 64], [64, 64, 32, 16, 8, 8]
    sides = list(zip(channels[1:], SIDES[1:], strict=True))
    rows = 18  # 16 of them reference
    assert found[0] == (rows, 8192)
    assert found[1:] == [(rows, width, s, s) for width, s in sides] + [(rows, *SHAPE)]
    assert made.shape == (2, *SHAPE)
    noises = sum(width * s * s for width, s in zip(extra, SIDES, strict=True))
    assert network.latent_dim == 8192 + noises == 201_728
    assert network.get_buffer("network.reference_batch_0").shape == (16, 201_728)
    inputs = [width + more for width, more in zip(channels, extra, strict=True)]
    weights = sum(i * o for i, o in zip(inputs, [*channels[1:], 3], strict=True))
    assert count(network) == 8192**2 + 8192 + 25 * weights + 3 + 2 * sum(channels)


class Padded(nn.Module):
    """Further features, in the place of minibatch features."""

    def forward(self, features: Tensor) -> Tensor:
        return pad(features, (0, 600), value=1.0)


def padded(num_features: int, chance: torch.Generator) -> tuple[nn.Module, int]:
    return Padded(), num_features + 600


def test_discriminator_has_the_layers_of_the_paper_at_full_width() -> None:
    with FakeTensorMode():
        network = imagenet_discriminator(SHAPE, 1000, chance(), minibatch_features=padded)
        x = torch.empty(4, *SHAPE)
        critique = network(x)
        found = shapes(network, lambda: network(x))
    widths, sides = [64, 128, 256, 256, 256, 512, 512], [64, 32, 16, 16, 16, 8, 4]
    convolutions = [(4, width, s, s) for width, s in zip(widths, sides, strict=True)]
    assert found == [*convolutions, (4, 2560), (4, 1001)]
    assert critique.features.shape == (4, 2560) and critique.logits.shape == (4, 1001)
    weights = 9 * sum(i * o for i, o in pairwise([3, *widths]))
    weights += 8192 * 2560 + 3160 * 1001 + 1001
    assert count(network) == weights + 2 * (sum(widths) + 2560)


def test_rows_of_another_shape_and_odd_widths_are_refused() -> None:
    for shape in ((3, 32, 32), (1, 128, 128)):
        with pytest.raises(ValueError, match=r"must be \(3, 128, 128\) colour images, got \("):
            imagenet_generator(shape, chance(), width=8)
        with pytest.raises(ValueError, match=r"must be \(3, 128, 128\) colour images, got \("):
            imagenet_discriminator(shape, 5, chance(), width=8)
    for width in (0, -8, 12):
        with pytest.raises(ValueError, match=f"positive multiple of 8, got {width}"):
            imagenet_generator(SHAPE, chance(), width=width)
        with pytest.raises(ValueError, match=f"positive multiple of 8, got {width}"):
            imagenet_discriminator(SHAPE, 5, chance(), width=width)


def turned(x: Tensor) -> Tensor:
    return x.flip(-1, -2)


def test_strided_layers_are_those_of_same_padding_for_images_turned_by_half_a_turn() -> None:
    x = draw(1, 3, 10, 10)
    down = nn.Conv2d(3, 4, 3, 2, 1, bias=False).double()
    down.weight.data = draw(4, 3, 3, 3)
    same = conv2d(pad(turned(x), (0, 1, 0, 1)), turned(down.weight), stride=2)
    near(down(x), turned(same))
    up = nn.ConvTranspose2d(3, 4, 5, 2, 2, 1, bias=False).double()
    up.weight.data = draw(3, 4, 5, 5)
    whole = conv_transpose2d(turned(x), turned(up.weight), stride=2)  # pads 1 before, 2 behind
    near(up(x), turned(whole[..., 1:-2, 1:-2]))
    convolutions = [m for m in judge().modules() if isinstance(m, nn.Conv2d)]
    assert {(m.kernel_size, m.padding) for m in convolutions} == {(down.kernel_size, down.padding)}
    *strided, _ = [m for m in maker().modules() if isinstance(m, nn.ConvTranspose2d)]
    assert {(m.padding, m.output_padding) for m in strided} == {(up.padding, up.output_padding)}


# --- what they compute ----------------------------------------------------------------------------


def test_generator_is_normalised_relu_deconvolutions_with_noise_and_tanh() -> None:
    generator, live = maker(), noise(1)
    network = inside(generator)
    network.dense.bias.data = 0.05 * draw(1024, seed=7)
    rows = torch.cat(
        [generator.get_buffer("network.reference_batch_0"), live]
    )  # one live row: batch norm of all, to it
    sizes = [1024, 128, 512, 1024, 2048, 4096, 16384]
    first, *noises = torch.split(rows, sizes, dim=1)
    h = first @ network.dense.weight.t() + network.dense.bias
    h = h.view(3, 64, 4, 4)
    for norm, extra, side, layer in zip(network.norms, noises, SIDES, network.layers, strict=True):
        assert isinstance(norm, VirtualBatchNorm) and isinstance(layer, nn.ConvTranspose2d)
        with_itself = batch_norm(h, None, None, norm.weight, norm.bias, True, eps=1e-5)
        without = batch_norm(h[:2], None, None, norm.weight, norm.bias, True, eps=1e-5)
        h = torch.cat([without, with_itself[2:]]).relu()
        h = torch.cat([h, extra.reshape(3, -1, side, side)], dim=1)
        stride = 1 if layer is network.layers[-1] else 2
        h = conv_transpose2d(h, layer.weight, layer.bias, stride, 2, stride - 1)
    near(generator(live), (2 * h[2:]).sigmoid())


def test_biases_of_the_first_layer_matter_in_their_places_but_not_all_over_a_channel() -> None:
    generator, live = maker(), noise(3)
    made = generator(live)
    bias = inside(generator).dense.bias.data.view(-1, 4, 4)
    bias += draw(64, 1, 1)  # the mean of a channel takes it out
    near(generator(live), made)
    bias += 0.05 * draw(64, 4, 4)
    apart = (generator(live) - made).norm() / (made - made.mean()).norm()
    assert apart > 0.02


def test_weights_of_before_the_bias_make_the_same_rows() -> None:
    generator, live = maker(), noise(2)
    weights = generator.state_dict()
    del weights["network.dense.bias"]
    other = maker()
    inside(other).dense.bias.data.fill_(1.0)
    other.load_state_dict(weights)
    assert not inside(other).dense.bias.any()
    near(other(live), generator(live))
    del weights["network.dense.weight"]
    with pytest.raises(RuntimeError, match="network.dense.weight"):
        other.load_state_dict(weights)


@pytest.mark.parametrize("noisy", [False, True])
def test_discriminator_is_cross_normalised_leaky_convolutions(noisy: bool) -> None:
    network, x = judge(), images(4)
    critique = network(x, chance(1) if noisy else None)
    h = 2 * x - 1
    if noisy:
        h = h + 0.1 * torch.randn(h.shape, generator=chance(1), dtype=h.dtype)
    strides = [2, 2, 2, 1, 1, 2, 2]
    for layer, norm, stride in zip(network.layers, network.norms, strides, strict=True):
        assert isinstance(norm, CrossBatchNorm)
        h = conv2d(h, layer.get_parameter("weight"), None, stride, 1)
        h = leaky_relu(cross_batch_norm(h, norm.weight, norm.bias), 0.2)
    norm, h = network.dense_norm, h.reshape(4, -1) @ network.dense.weight.t()
    features = leaky_relu(cross_batch_norm(h, norm.weight, norm.bias), 0.2)
    near(critique.features, features)
    near(critique.logits, features @ network.output.weight.t() + network.output.bias)


def test_logits_are_made_of_what_the_minibatch_features_add() -> None:
    plain = judge()
    network = imagenet_discriminator(SHAPE, 4, chance(), width=8, minibatch_features=padded)
    network.double().eval()
    x = images(4)
    near(network(x).features, plain(x).features)
    wide = torch.cat([plain(x).features, torch.ones(4, 600, dtype=torch.float64)], dim=1)
    near(network(x).logits, network.output(wide))


def test_noise_of_every_side_is_part_of_the_latent_and_matters() -> None:
    generator, latent = maker(), noise(2)
    made = generator(latent)
    assert generator(latent).equal(made)
    network = inside(generator)
    ends = [sum(network.noise_sizes[: k + 1]) for k in range(7)]
    assert ends[-1] == latent.shape[1] == generator.latent_dim
    assert network.noise_sizes[1:] == [math.prod(shape) for shape in network.noise_shapes]
    for start, end in pairwise([0, *ends]):
        changed = latent.clone()
        changed[0, start:end] *= -1
        again = generator(changed)
        assert not torch.allclose(again[0], made[0])
        near(again[1], made[1])  # no other live row sees it


def test_latents_are_uniform_from_minus_one_to_one() -> None:
    generator = maker()
    for latent in (
        generator.draw_latent(3, chance(1)),
        generator.get_buffer("network.reference_batch_0"),
    ):
        assert -1 <= latent.min().item() < -0.99 and 0.99 < latent.max().item() < 1
        assert latent.mean().item() == approx(0, abs=0.02)
    assert generator.draw_latent(2, chance(1)).equal(generator.draw_latent(2, chance(1)))


def test_images_lie_in_the_unit_interval_and_none_come_of_no_noise() -> None:
    made = maker()(noise(3))
    assert made.shape == (3, *SHAPE)
    assert bool((made > 0).all() and (made < 1).all())
    assert maker()(noise(0)).shape == (0, *SHAPE)


def test_noise_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rows of shape \(25216,\), got rows of shape \(1024,\)"):
        maker()(draw(2, 1024))


def test_every_judgment_depends_on_both_halves() -> None:
    network, x = judge(), images(4)
    logits = network(x).logits
    for row in (1, 3):
        changed = x.clone()
        changed[row] = 1 - x[row]
        others = network(changed).logits - logits
        assert bool((others.abs() > 1e-6).any(dim=1).all())
    with pytest.raises(ValueError, match="half real, half fake rows, so not of odd size: got 3"):
        network(x[:3])


def test_noise_on_the_images_is_that_of_the_chance_given() -> None:
    network, x = judge(), images(4)
    assert network(x).logits.equal(network(x).logits)
    assert network(x, chance(1)).logits.equal(network(x, chance(1)).logits)
    assert not network(x, chance(1)).logits.equal(network(x, chance(2)).logits)


def test_gradients_reach_every_parameter_and_the_latent() -> None:
    generator, network = maker(), judge()
    latent = noise(2).requires_grad_()
    critique = network(torch.cat([images(2), generator(latent)]), chance(1))
    critique.logits.square().sum().backward()  # type: ignore[no-untyped-call]
    assert latent.grad is not None and bool(latent.grad.any(dim=1).all())
    for one in (generator, network):
        silent = [n for n, p in one.named_parameters() if p.grad is None or not p.grad.any()]
        assert not silent


def test_gradients_pass_gradcheck() -> None:
    latent, x = noise(1).requires_grad_(), images(4).requires_grad_()
    assert torch.autograd.gradcheck(maker(), (latent,), fast_mode=True)
    network = judge()
    assert torch.autograd.gradcheck(lambda x: network(x).logits, (x,), fast_mode=True)


# --- starts, types, chance ------------------------------------------------------------------------


def test_pair_starts_from_the_released_distributions() -> None:
    generator, network = inside(maker()), judge()
    for name, tensor in [*generator.state_dict().items(), *network.state_dict().items()]:
        if name.endswith("norm.bias") or (name.startswith("norms.") and name.endswith("bias")):
            assert not tensor.any()
        elif name.endswith("norm.weight") or name.startswith("norms."):
            assert 0 < (tensor - 1).abs().max().item() < 0.1
        elif name == "layers.5.bias":
            assert tensor.tolist() == approx([-0.45] * 3)
        elif name in ("output.bias", "dense.bias"):
            assert not tensor.any()
        else:
            assert tensor.mean().item() == approx(0, abs=0.005), name
    assert generator.dense.weight.std().item() == approx(0.02, rel=0.01)
    deviations = [layer.get_parameter("weight").std().item() for layer in generator.layers]
    assert deviations == approx([0.02] * 5 + [0.075], rel=0.1)
    assert network.dense.weight.std().item() == approx(0.02, rel=0.01)
    for layer in network.layers:  # cut off at two deviations, which leaves 0.88 of one
        weight = layer.get_parameter("weight")
        assert 0.038 < weight.abs().max().item() < 0.04 + 1e-7
        assert weight.std().item() == approx(0.0176, rel=0.1)


def test_weights_and_reference_are_those_of_the_chance_given() -> None:
    def states(seed: int) -> list[dict[str, Tensor]]:
        return [
            imagenet_generator(SHAPE, chance(seed), width=8, num_reference=2).state_dict(),
            imagenet_discriminator(SHAPE, 5, chance(seed), width=8).state_dict(),
        ]

    before = torch.get_rng_state()
    for one, same, other in zip(states(1), states(1), states(2), strict=True):
        assert all(one[name].equal(same[name]) for name in one)
        changed = {name for name in one if not one[name].equal(other[name])}
        assert {name for name in one if name not in changed} == {
            name for name in one if name.endswith(("beta", "bias"))
        }
    assert torch.equal(torch.get_rng_state(), before)


def test_outputs_follow_the_dtype_of_the_input_under_autocast_too() -> None:
    generator = imagenet_generator(SHAPE, chance(), width=8, num_reference=2)
    network = imagenet_discriminator(SHAPE, 5, chance(), width=8)
    latent = generator.draw_latent(4, chance(1))
    made = generator(latent)
    with torch.autocast("cpu", torch.bfloat16):
        cast = generator(latent)
        critique = network(made)
    assert {cast.dtype, *(t.dtype for t in critique)} == {torch.float32}
    assert not cast.equal(made)
    torch.testing.assert_close(cast, made, rtol=0, atol=0.1)
    narrow = generator.bfloat16()(latent.bfloat16())
    assert narrow.dtype is network.bfloat16()(narrow).logits.dtype is torch.bfloat16
