from functools import partial
from itertools import pairwise

import pytest
import torch
from pytest import approx
from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu, linear, pad

from convergan.networks import (
    GuidedDiscriminator,
    ResidualDiscriminator,
    ResidualGenerator,
    guided_residual_discriminator,
)
from convergan.networks.residual import double_side, halve_side
from convergan.objectives import gradient_penalty
from tests import oracles
from tests.oracles import chance, draw

SHAPE = (3, 32, 32)
SHAPES = [(3, 32, 32), (1, 32, 32), (3, 28, 28), (1, 28, 28)]
SIDES = [4, 8, 16, 32]
SMALL = {"width": 4, "cardinality": 2, "blocks": 2}


def moved(network: nn.Module) -> None:
    """Give every weight and bias a value of its own, those that start at zero as well."""
    with torch.no_grad():
        for number, p in enumerate(network.parameters()):
            p.add_(draw(*p.shape, seed=number), alpha=0.3)


def judge(shape: tuple[int, ...] = SHAPE) -> ResidualDiscriminator:
    network = ResidualDiscriminator(shape, 5, chance(), **SMALL).double()
    moved(network)
    return network


def maker(shape: tuple[int, ...] = SHAPE, map_side: int = 8) -> ResidualGenerator:
    network = ResidualGenerator(shape, chance(), map_side=map_side, **SMALL).double()
    moved(network)
    return network


def guided(shape: tuple[int, ...] = SHAPE, map_side: int = 8) -> GuidedDiscriminator:
    return guided_residual_discriminator(shape, 5, chance(), map_side=map_side, **SMALL).double()


def images(count: int, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> Tensor:
    """Rows in [0, 1]."""
    return draw(count, *shape, seed=seed).sigmoid()


def noise(count: int, seed: int = 1) -> Tensor:
    return draw(count, 64, seed=seed)


def near(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


# --- what they compute ---------------------------------------------------------------------------


def doubled(x: Tensor) -> Tensor:
    return torch.from_numpy(oracles.doubled(x.detach().numpy())).to(x.dtype)


def halved(x: Tensor) -> Tensor:
    return torch.from_numpy(oracles.halved(x.detach().numpy())).to(x.dtype)


def stage_by_hand(weights: dict[str, Tensor], stage: int, x: Tensor) -> Tensor:
    """Two blocks, by the formula."""
    for block in range(2):
        w = {
            name.removeprefix(f"stages.{stage}.{block}."): tensor
            for name, tensor in weights.items()
            if name.startswith(f"stages.{stage}.{block}.")
        }
        h = leaky_relu(conv2d(x, w["widen.weight"], w["widen.bias"]), 0.2)
        h = leaky_relu(conv2d(h, w["mix.weight"], w["mix.bias"], padding=1, groups=2), 0.2)
        x = x + conv2d(h, w["narrow.weight"])
    return x


def test_discriminator_is_blocks_between_halvings_and_a_depthwise_convolution() -> None:
    network, x = judge(), images(3)
    w = network.state_dict()
    h = conv2d(2 * x - 1, w["input.weight"])
    expected = []
    for stage in range(4):
        h = stage_by_hand(w, stage, halved(h) if stage else h)
        expected.append(h)
    features = (h * w["gather.weight"][:, 0]).sum(dim=(2, 3))
    critique, maps = network.encode(x)
    near(critique.features, features)
    near(critique.logits, linear(features, w["output.weight"]))
    for one, other in zip(maps, expected[::-1], strict=True):
        near(one, other)
    assert all(torch.equal(a, b) for a, b in zip(network(x), critique, strict=True))


@pytest.mark.parametrize("number", range(4))
def test_generator_is_a_modulated_map_and_blocks_between_doublings(number: int) -> None:
    network, latent = maker(map_side=SIDES[number]), noise(3)
    w = network.state_dict()
    h = torch.einsum("nc,chw->nchw", latent @ w["modulation.weight"].t(), w["basis"])
    expected = []
    for stage in range(4):
        h = stage_by_hand(w, stage, doubled(h) if stage else h)
        expected.append(h)
    output = conv2d(h, w["output.weight"])
    made, shown = network.make(latent)
    near(2 * made - 1, output)
    near(shown, expected[number])
    assert torch.equal(network(latent), made)


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (3, 5)])
def test_doubling_is_the_filter_over_places_with_zeros_between(size: tuple[int, int]) -> None:
    maps = draw(2, 3, *size)
    near(double_side(maps), doubled(maps))


@pytest.mark.parametrize("size", [(2, 2), (8, 8), (6, 10)])
def test_halving_is_every_second_place_after_the_filter(size: tuple[int, int]) -> None:
    maps = draw(2, 3, *size)
    near(halve_side(maps), halved(maps))


def test_halving_is_the_transpose_of_doubling_over_four() -> None:
    small, large = draw(2, 3, 4, 5), draw(2, 3, 8, 10, seed=1)
    near((double_side(small) * large).sum(), 4 * (small * halve_side(large)).sum())


def test_the_edge_of_a_constant_loses_a_quarter_when_doubled_and_an_eighth_when_halved() -> None:
    maps = torch.ones(1, 1, 8, 8)
    for resized, edge in ((double_side(maps), 3 / 4), (halve_side(maps), 7 / 8)):
        assert bool((resized[:, :, 1:-1, 1:-1] == 1).all())
        assert bool((resized[:, :, 0, 1:-1] == edge).all())
        assert bool((resized[:, :, 1:-1, -1] == edge).all())
        assert resized[0, 0, 0, -1].item() == edge**2


def test_halving_leaves_less_of_white_noise_than_the_mean_of_two_by_two() -> None:
    noise = draw(64, 16, 32, 32)
    weights = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    inside = halve_side(noise)[:, :, 1:-1, 1:-1]
    assert weights.square().sum().item() == 0.3125  # of either axis; its root, squared
    assert inside.std().item() == approx(0.3125, rel=0.01)
    means = noise.view(64, 16, 16, 2, 16, 2).mean(dim=(3, 5))
    assert means.std().item() == approx(0.5, rel=0.01)


def test_nothing_bounds_what_the_generator_makes() -> None:
    network, latent = maker(), noise(4)
    before = 2 * network(latent) - 1
    with torch.no_grad():
        network.output.weight.mul_(100)
    after = 2 * network(latent) - 1
    near(after, 100 * before)
    assert after.min().item() < -10 and after.max().item() > 10


def test_rows_are_made_one_by_one() -> None:
    network, latent = maker(), noise(6)
    near(network(latent)[4:], network(latent[4:]))


def test_noise_is_normal() -> None:
    latent = maker().draw_latent(2000, chance(3))
    assert latent.shape == (2000, 64)
    assert latent.mean().item() == approx(0, abs=0.02)
    assert latent.std().item() == approx(1, abs=0.02)
    assert 3 < latent.abs().max().item()


def test_gradients_and_their_gradients_pass_gradcheck() -> None:
    network = ResidualDiscriminator((1, 32, 32), 1, chance(), width=1, blocks=1, cardinality=1)
    generator = ResidualGenerator((1, 32, 32), chance(), width=1, blocks=1, cardinality=1)
    for each in (network.double(), generator.double()):
        moved(each)
    x, latent = images(2, (1, 32, 32)).requires_grad_(), noise(2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: tuple(network(x)), (x,), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: network(x).logits, (x,), fast_mode=True)
    assert torch.autograd.gradcheck(generator.make, (latent,), fast_mode=True)


# --- geometry ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_pair_makes_and_judges_its_images(shape: tuple[int, ...]) -> None:
    network, generator = judge(shape), maker(shape)
    made, shown = generator.make(noise(2))
    assert made.shape == (2, *shape)
    assert shown.shape == (2, 4, 8, 8)
    critique, maps = network.encode(made)
    assert critique.logits.shape == (2, 5)
    assert critique.features.shape == (2, 4)
    assert [tuple(each.shape) for each in maps] == [(2, 4, side, side) for side in SIDES]


def test_images_of_side_28_get_a_black_margin_and_lose_it() -> None:
    network, x = judge((1, 28, 28)), images(2, (1, 28, 28))
    near(network(x).logits, judge((1, 32, 32))(pad(x, [2, 2, 2, 2])).logits)
    whole = maker((1, 32, 32))(noise(2))
    near(maker((1, 28, 28))(noise(2)), whole[:, :, 2:-2, 2:-2])


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("width", "blocks", "groups"), [(4, 2, 2), (6, 1, 4), (768, 2, 96)])
def test_pair_has_the_parameters_of_the_description(width: int, blocks: int, groups: int) -> None:
    inner = 2 * width
    block = 2 * width * inner + 9 * inner * inner // groups + 2 * inner
    sizes = {"width": width, "blocks": blocks, "cardinality": groups}
    network = ResidualDiscriminator(SHAPE, 5, chance(), **sizes)
    generator = ResidualGenerator(SHAPE, chance(), **sizes)
    ends = 3 * width + 16 * width + width * 5
    assert parameters(network) == 4 * blocks * block + ends
    assert parameters(generator) == 4 * blocks * block + (16 + 64) * width + width * 3
    for each in (network, generator):
        assert all(p.requires_grad for p in each.parameters())
        assert each.state_dict().keys() == dict(each.named_parameters()).keys()  # no buffers
        biases = {name for name in each.state_dict() if name.endswith("bias")}
        assert {name.split(".")[-2] for name in biases} == {"widen", "mix"}


# --- the start -----------------------------------------------------------------------------------


def test_blocks_add_nothing_at_the_start_and_their_last_convolutions_alone_learn() -> None:
    network = ResidualDiscriminator(SHAPE, 1, chance(), **SMALL)
    _, maps = network.encode(images(2).float())
    for smaller, larger in pairwise(maps):
        torch.testing.assert_close(smaller, halved(larger))
    loss = network(images(2).float()).logits.sum()
    loss.backward()  # type: ignore[no-untyped-call]
    moving = {n.split(".")[-2] for n, p in network.named_parameters() if p.grad is not None}
    reached = {
        n.split(".")[-2]
        for n, p in network.named_parameters()
        if p.grad is not None and bool(p.grad.any())
    }
    assert moving - reached == {"widen", "mix"}
    assert reached == {"input", "narrow", "gather", "output"}


@pytest.mark.parametrize("blocks", [1, 3])
def test_weights_start_at_the_stated_deviations(blocks: int) -> None:
    sizes = {"width": 64, "blocks": blocks, "cardinality": 4}
    pair = (
        ResidualDiscriminator(SHAPE, 100, chance(), **sizes),
        ResidualGenerator(SHAPE, chance(), **sizes),
    )
    inner = (2 / 1.04) ** 0.5 * (4 * blocks) ** -0.25
    expected = {
        "widen": inner * 64**-0.5,
        "mix": inner * (128 / 4 * 9) ** -0.5,
        "narrow": 0.0,
        "gather": 16**-0.5,
        "modulation": 64**-0.5,
        "basis": 1.0,
    }
    found = set()
    for network in pair:
        for name, tensor in network.state_dict().items():
            layer = name.removesuffix(".weight").split(".")[-1]
            if name.endswith("bias"):
                assert not tensor.any()
            elif layer in expected:
                assert tensor.std().item() == approx(expected[layer], rel=0.1)
                found.add(layer)
    assert found == expected.keys()
    for network in pair:
        assert network.state_dict()["output.weight"].std().item() == approx(1 / 8, rel=0.2)
    assert pair[0].state_dict()["input.weight"].std().item() == approx(3**-0.5, rel=0.2)


def test_a_convolution_and_a_leaky_relu_keep_the_second_moment() -> None:
    network = ResidualGenerator(SHAPE, chance(), width=256, blocks=1, cardinality=1)
    x = draw(16, 256, 8, 8).float()
    block = network.stages[0][0]  # type: ignore[index]
    h = leaky_relu(block.widen(x) * 4**0.25, 0.2)
    assert h.square().mean().item() == approx(1, rel=0.1)
    inner = leaky_relu(block.mix(h) * 4**0.25, 0.2)[:, :, 1:-1, 1:-1]
    assert inner.square().mean().item() == approx(1, rel=0.1)


# --- guidance ------------------------------------------------------------------------------------


@pytest.mark.parametrize("map_side", [8, 16, 32])
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28)])
def test_decoder_makes_maps_of_the_shape_of_the_generator(
    map_side: int, shape: tuple[int, ...]
) -> None:
    network = guided(shape, map_side)
    made, shown = maker(shape, map_side).make(noise(2))
    _, decoded = network.decode(made)
    assert decoded.shape == shown.shape == (2, 4, map_side, map_side)
    assert len(network.decoder.stages) == SIDES.index(map_side)


def test_guided_discriminator_judges_as_the_one_inside() -> None:
    network, plain, x = guided(), ResidualDiscriminator(SHAPE, 5, chance(), **SMALL), images(3)
    critique, _ = network.decode(x)
    for judged in (network(x), critique, network.discriminator(x)):
        for one, other in zip(judged, plain.double()(x), strict=True):
            assert torch.equal(one, other)


def test_maps_follow_the_dtype_of_the_input_under_autocast() -> None:
    network, generator = guided().float(), maker().float()
    latent = noise(2).float()
    _, precise = network.decode(generator(latent))
    with torch.autocast("cpu", torch.bfloat16):
        made, shown = generator.make(latent)
        _, decoded = network.decode(made)
    assert {made.dtype, shown.dtype, decoded.dtype} == {torch.float32}
    assert not torch.equal(decoded, precise)  # it did compute in bfloat16


def test_slopes_have_gradients_under_autocast() -> None:
    network, x = judge().float(), images(2).float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        penalty = gradient_penalty(network(x).logits[:, :1], x)
    gradients = torch.autograd.grad(penalty, network.gather.weight)
    assert penalty.dtype is torch.float32
    assert bool(gradients[0].isfinite().all()) and bool(gradients[0].any())


# --- refusals ------------------------------------------------------------------------------------

REFUSED = [(2, 32, 32), (3, 64, 64), (3, 32, 28), (3072,), (32, 32, 3), (3, 30, 30)]


@pytest.mark.parametrize("shape", REFUSED)
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    for make in (
        partial(ResidualGenerator, shape, chance()),
        partial(ResidualDiscriminator, shape, 1, chance()),
        partial(guided_residual_discriminator, shape, 1, chance()),
    ):
        with pytest.raises(ValueError, match=r"1 or 3 channels and side 32 or 28, got \("):
            make(width=4, cardinality=2)


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ({"width": 4, "cardinality": 3}, "must divide twice the width, 8, got 3"),
        ({"width": 4, "cardinality": 0}, "must divide twice the width, 8, got 0"),
        ({"width": 0, "cardinality": 1}, "at least 1, got 0 and 2"),
        ({"width": 4, "cardinality": 2, "blocks": 0}, "at least 1, got 4 and 0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int], reason: str) -> None:
    for make in (
        partial(ResidualGenerator, SHAPE, chance()),
        partial(ResidualDiscriminator, SHAPE, 1, chance()),
    ):
        with pytest.raises(ValueError, match=reason):
            make(**sizes)


def test_maps_that_there_are_not_are_refused() -> None:
    for side in (0, 12, 64):
        with pytest.raises(ValueError, match=rf"must be one of \(4, 8, 16, 32\), got {side}"):
            maker(map_side=side)
        with pytest.raises(ValueError, match=rf"must be one of \(4, 8, 16, 32\), got {side}"):
            guided(map_side=side)
    with pytest.raises(ValueError, match="of side 8, 16 or 32, got map_side 4"):
        guided(map_side=4)
