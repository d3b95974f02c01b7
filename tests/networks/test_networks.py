from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import pytest
import torch
from pytest import approx
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from convergan.layers import add_gaussian_noise
from convergan.networks import (
    ConvolutionalDiscriminator,
    ConvolutionalGenerator,
    Critique,
    DenseDiscriminator,
    DenseGenerator,
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
from tests.oracles import chance, draw

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
dtypes = pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])


def same(one: Critique, other: Critique) -> bool:
    return torch.equal(one.logits, other.logits) and torch.equal(one.features, other.features)


def trained(network: nn.Module) -> dict[str, bool]:
    return {name: p.requires_grad for name, p in network.named_parameters()}


@pairs
def test_critique_has_logits_and_features_for_every_row(pair: Pair) -> None:
    make, classes, _, shape, width, _ = pair
    critique = make(chance())(draw(5, *shape).float())
    assert isinstance(critique, Critique)
    assert critique.logits.shape == (5, classes)
    assert critique.features.shape == (5, width)


@pairs
def test_generator_makes_rows_from_the_noise_of_the_chance_given(pair: Pair) -> None:
    generator, shape = pair[2](chance()), pair[3]
    latent = generator.draw_latent(7, chance(1))
    assert latent.shape == (7, generator.latent_dim)
    assert torch.equal(latent, generator.draw_latent(7, chance(1)))
    assert generator(latent).shape == (7, *shape)


@pytest.mark.parametrize("name", sorted(PAIRS.keys() - {"residual", "toy"}))
def test_noise_of_the_papers_generators_is_on_the_unit_interval(name: str) -> None:
    latent = PAIRS[name][2](chance()).draw_latent(7, chance(1))
    assert 0 <= latent.min().item() < 0.1 and 0.9 < latent.max().item() < 1


@pairs
def test_two_calls_without_chance_agree_to_the_bit(pair: Pair) -> None:
    discriminator, generator = pair[0](chance()), pair[2](chance(1))
    latent = generator.draw_latent(6, chance(2))
    rows = generator(latent)
    assert torch.equal(generator(latent), rows)
    assert same(discriminator(rows), discriminator(rows))
    assert torch.equal(generator.eval()(latent), rows)
    assert same(discriminator.train()(rows), discriminator.eval()(rows))


@pairs
def test_noise_is_that_of_the_chance_given(pair: Pair) -> None:
    discriminator, x, noisy = pair[0](chance()), draw(6, *pair[3]).float(), pair[5]
    assert same(discriminator(x, chance(1)), discriminator(x, chance(1)))
    assert same(discriminator(x, chance(1)), discriminator(x, chance(2))) is not noisy
    assert same(discriminator(x, chance(1)), discriminator(x)) is not noisy


@pairs
def test_weights_are_those_of_the_chance_given(pair: Pair) -> None:
    for make in (pair[0], pair[2]):
        one, same_seed, other = (make(chance(s)).state_dict() for s in (1, 1, 2))
        assert all(torch.equal(one[name], same_seed[name]) for name in one)
        assert any(not torch.equal(one[name], other[name]) for name in one)
        assert all(bool(tensor.isfinite().all()) for tensor in one.values())


@pairs
def test_networks_leave_the_global_generator_alone(pair: Pair) -> None:
    before = torch.get_rng_state()
    discriminator, generator = pair[0](chance()), pair[2](chance())
    discriminator(generator(generator.draw_latent(3, chance())), chance())
    assert torch.equal(torch.get_rng_state(), before)


@pairs
@dtypes
def test_outputs_follow_the_dtype_of_the_input(pair: Pair, dtype: torch.dtype) -> None:
    discriminator, generator = pair[0](chance()).to(dtype), pair[2](chance()).to(dtype)
    rows = generator(generator.draw_latent(3, chance()).to(dtype))
    assert rows.dtype is dtype
    assert {t.dtype for t in discriminator(rows, chance())} == {dtype}


@pairs
def test_outputs_follow_the_dtype_of_the_input_under_autocast(pair: Pair) -> None:
    discriminator, generator = pair[0](chance()), pair[2](chance())
    latent = generator.draw_latent(8, chance())
    rows, precise = generator(latent), discriminator(generator(latent))
    with torch.autocast("cpu", torch.bfloat16):
        cast_rows, cast = generator(latent), discriminator(rows, chance())
        quiet = discriminator(rows)
    assert {cast_rows.dtype, *(t.dtype for t in (*cast, *quiet))} == {torch.float32}
    assert not same(quiet, precise)  # it did compute in bfloat16
    torch.testing.assert_close(quiet.logits, precise.logits, rtol=0.1, atol=0.1)


@pairs
def test_gradients_reach_every_trained_parameter_and_the_input(pair: Pair) -> None:
    discriminator, generator = pair[0](chance()), pair[2](chance())
    latent = generator.draw_latent(16, chance()).requires_grad_()
    critique = discriminator(generator(latent), chance())
    critique.logits.square().sum().backward()  # type: ignore[no-untyped-call]
    assert latent.grad is not None and bool(latent.grad.any())
    for network in (discriminator, generator):
        reached = {n: p.grad is not None and p.grad.any() for n, p in network.named_parameters()}
        assert reached == trained(network)


@pairs
def test_rows_are_judged_one_by_one(pair: Pair) -> None:
    discriminator, x = pair[0](chance()).double(), draw(6, *pair[3])
    whole, half = discriminator(x), discriminator(x[3:])
    torch.testing.assert_close(whole.logits[3:], half.logits, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(whole.features[3:], half.features, rtol=1e-12, atol=1e-12)


def small(chance: torch.Generator) -> DenseDiscriminator:
    return DenseDiscriminator(
        (2, 3), 4, hidden=(7, 5), input_noise=0.3, hidden_noise=0.5, chance=chance
    ).double()


def test_features_are_the_last_hidden_layer_before_its_own_noise() -> None:
    discriminator, x, noise = small(chance()), draw(8, 2, 3, seed=1), chance(1)
    first, last = discriminator.hidden
    h = add_gaussian_noise(x.flatten(1), 0.3, noise)
    h = add_gaussian_noise(relu(first(h)), 0.5, noise)
    features = relu(last(h))
    logits = discriminator.output(add_gaussian_noise(features, 0.5, noise))
    assert same(discriminator(x, chance(1)), Critique(logits, features))
    assert bool((features >= 0).all())


def test_quiet_discriminator_is_a_plain_network() -> None:
    discriminator, x = small(chance()), draw(8, 2, 3, seed=2)
    features = x.flatten(1)
    for layer in discriminator.hidden:
        features = relu(layer(features))
    assert same(discriminator(x), Critique(discriminator.output(features), features))


def test_generator_is_normalised_softplus_and_its_output() -> None:
    def output(t: Tensor) -> Tensor:
        return t.sin() + 3

    generator = DenseGenerator(
        (2, 3), hidden=(7, 5), latent_dim=4, output=output, chance=chance()
    ).double()
    h = latent = draw(8, 4, seed=3)
    for layer, norm in zip(generator.hidden, generator.norms, strict=True):
        t = layer(h)
        t = (t - t.mean(dim=0)) / (t.var(dim=0, correction=0) + 1e-6).sqrt()
        h = softplus(t + norm.get_parameter("bias"))
    expected = output(generator.output(h)).view(8, 2, 3)
    torch.testing.assert_close(generator(latent), expected, rtol=1e-12, atol=1e-12)


def test_gradients_pass_gradcheck() -> None:
    discriminator = small(chance())
    generator = DenseGenerator(
        (2, 3), hidden=(5,), latent_dim=4, output=torch.tanh, chance=chance()
    ).double()
    x, latent = draw(3, 2, 3, seed=4).requires_grad_(), draw(4, 4, seed=5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: discriminator(x, chance(1)), (x,))
    assert torch.autograd.gradcheck(generator, (latent,))


def mnist_pair() -> tuple[DenseDiscriminator, DenseGenerator]:
    shape = (1, 28, 28)
    discriminator = mnist_discriminator(shape, 10, chance())
    return discriminator, mnist_generator(shape, chance(), output=torch.sigmoid)


def widths(network: nn.Module) -> list[tuple[int, int]]:
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    return [(layer.in_features, layer.out_features) for layer in layers]


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
