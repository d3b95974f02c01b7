from collections.abc import Callable

import pytest
import torch
from pytest import approx
from torch import Tensor, nn
from torch.func import functional_call
from torch.linalg import vector_norm
from torch.nn.utils import parametrizations

from convergan.layers import freeze_gain, initialise_from_batch, weight_norm
from convergan.layers.weight_norm import gain
from tests import oracles
from tests.oracles import draw

GAIN, DIRECTION = "parametrizations.weight.original0", "parametrizations.weight.original1"

# A layer, the dimension of its output channels, the shape of its input.
Case = tuple[Callable[[], nn.Module], int, tuple[int, ...]]
CASES: dict[str, Case] = {
    "linear": (lambda: nn.Linear(6, 4), 0, (30, 6)),
    "convolution": (lambda: nn.Conv2d(3, 4, 3, padding=1), 0, (5, 3, 4, 4)),
    "transposed": (lambda: nn.ConvTranspose2d(3, 4, 5, 2, 2, 1), 1, (5, 3, 3, 3)),
}
layers = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def fill(network: nn.Module) -> nn.Module:
    """Give every parameter float64 values, far from those of any start."""
    network.double()
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            parameter.copy_(draw(*parameter.shape, seed=100 + number))
    return network


def build(case: Case, epsilon: float = 0.0, start_std: float = 1.0) -> tuple[nn.Module, Tensor]:
    """A layer with arbitrary gains, directions and biases, and a batch for it."""
    make, _, shape = case
    return fill(weight_norm(make(), epsilon, start_std)), 2 * draw(*shape, seed=2) + 1


def weight(layer: nn.Module) -> Tensor:
    found = layer.weight
    assert isinstance(found, Tensor)
    return found


def by_channel(output: Tensor) -> Tensor:
    """(N, C, ...) to (C, N * ...)."""
    return output.detach().transpose(0, 1).flatten(1)


def assert_normal(output: Tensor, std: float = 1.0) -> None:
    """Mean 0 and deviation ``std`` in every channel."""
    values = by_channel(output)
    zeros = values.new_zeros(len(values))
    torch.testing.assert_close(values.mean(dim=1), zeros, rtol=0, atol=1e-12)
    torch.testing.assert_close(values.std(dim=1, correction=0), zeros + std, rtol=1e-12, atol=1e-12)


@layers
@pytest.mark.parametrize("epsilon", [0.0, 1e-6, 0.5])
def test_weight_is_that_of_the_formula(case: Case, epsilon: float) -> None:
    layer, _ = build(case, epsilon)
    direction, gains = layer.get_parameter(DIRECTION), gain(layer)
    expected = oracles.weight_norm(
        direction.detach().numpy(), gains.detach().numpy(), case[1], epsilon
    )
    torch.testing.assert_close(
        weight(layer).detach(), torch.from_numpy(expected), rtol=1e-12, atol=1e-14
    )
    assert gains.numel() == 4


@layers
def test_weight_is_that_of_torch(case: Case) -> None:
    layer, x = build(case)
    torchs = parametrizations.weight_norm(case[0]().double(), dim=case[1])
    torchs.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x), torchs(x), rtol=1e-12, atol=1e-12)


@layers
def test_fresh_channels_have_norm_one_along_the_weight_they_had(case: Case) -> None:
    plain = case[0]()
    before = weight(plain).detach().clone()
    assert weight_norm(plain) is plain
    others = [d for d in range(before.dim()) if d != case[1]]
    norms = vector_norm(weight(plain).detach(), dim=others)
    torch.testing.assert_close(norms, torch.ones(4))
    torch.testing.assert_close(
        weight(plain).detach(), before / vector_norm(before, dim=others, keepdim=True)
    )


@layers
def test_length_of_the_direction_does_not_matter(case: Case) -> None:
    layer, x = build(case)
    before = layer(x)
    with torch.no_grad():
        layer.get_parameter(DIRECTION).mul_(7.5)
    torch.testing.assert_close(layer(x), before, rtol=1e-12, atol=1e-12)


@layers
def test_gradient_is_orthogonal_to_the_direction_so_steps_lengthen_it(case: Case) -> None:
    layer, x = build(case)
    direction = layer.get_parameter(DIRECTION)
    (gradient,) = torch.autograd.grad(layer(x).square().sum(), direction)
    others = [d for d in range(direction.dim()) if d != case[1]]
    assert (direction * gradient).sum(dim=others).abs().max() < 1e-11 * gradient.abs().max()
    stepped = direction - 0.01 * gradient
    assert bool((vector_norm(stepped, dim=others) > vector_norm(direction, dim=others)).all())


@layers
@pytest.mark.parametrize("epsilon", [0.0, 0.5])
def test_gradients_pass_gradcheck(case: Case, epsilon: float) -> None:
    layer, x = build(case, epsilon)
    names = [name for name, _ in layer.named_parameters()]
    assert set(names) == {GAIN, DIRECTION, "bias"}
    assert torch.autograd.gradcheck(
        lambda *values: functional_call(layer, dict(zip(names, values, strict=True)), (x[:2],)),
        tuple(layer.parameters()),
    )


@layers
def test_frozen_gain_gets_no_gradient_and_the_rest_does(case: Case) -> None:
    layer, x = build(case)
    assert freeze_gain(layer) is layer
    layer(x).square().sum().backward()
    gradients = {name: p.grad is not None for name, p in layer.named_parameters()}
    assert gradients == {GAIN: False, DIRECTION: True, "bias": True}


@layers
@pytest.mark.parametrize("std", [1.0, 0.1])
def test_start_gives_every_channel_mean_zero_and_its_deviation(case: Case, std: float) -> None:
    layer, x = build(case, start_std=std)
    initialise_from_batch(layer, lambda: layer(x))
    assert_normal(layer(x), std)


@layers
def test_start_may_share_one_deviation_over_the_layer(case: Case) -> None:
    layer, x = build(case, start_std=0.3)
    before = by_channel(layer(x)).std(dim=1) / gain(layer).detach().flatten().abs()
    initialise_from_batch(layer, lambda: layer(x), per_channel=False)
    values = by_channel(layer(x))
    assert values.mean(dim=1).abs().max().item() < 1e-12
    assert values.square().mean().sqrt().item() == approx(0.3, rel=1e-12)
    assert len(set(gain(layer).flatten().tolist())) == 1
    after = values.std(dim=1)
    torch.testing.assert_close(after / after[0], before / before[0])  # channels stay unequal


@layers
@pytest.mark.parametrize("per_channel", [True, False])
def test_start_is_that_of_the_formula(case: Case, per_channel: bool) -> None:
    layer, x = build(case, start_std=0.7)
    with torch.no_grad():
        bias = layer.get_parameter("bias")
        known = {GAIN: torch.ones_like(gain(layer)), "bias": torch.zeros_like(bias)}
        plain = functional_call(layer, known, (x,))
    gains, biases = oracles.data_dependent_start(plain.numpy(), 0.7, per_channel)
    initialise_from_batch(layer, lambda: layer(x), per_channel=per_channel)
    assert gain(layer).flatten().tolist() == approx(gains, rel=1e-12)
    assert bias.tolist() == approx(biases, rel=1e-12)


@layers
def test_start_twice_is_start_once(case: Case) -> None:
    layer, x = build(case)
    initialise_from_batch(layer, lambda: layer(x))
    once = {name: p.clone() for name, p in layer.state_dict().items()}
    initialise_from_batch(layer, lambda: layer(x))
    torch.testing.assert_close(dict(layer.state_dict()), once, rtol=1e-12, atol=1e-12)


def tower() -> nn.Sequential:
    built = fill(nn.Sequential(weight_norm(nn.Linear(6, 5)), nn.ReLU(), nn.Linear(5, 5),
                               nn.ReLU(), weight_norm(nn.Linear(5, 3))))  # fmt: skip
    assert isinstance(built, nn.Sequential)
    return built


def test_start_sets_each_layer_on_the_normalised_output_of_those_below() -> None:
    network, x = tower(), draw(40, 6, seed=3)
    untouched = {name: p.clone() for name, p in network[2].state_dict().items()}
    initialise_from_batch(network, lambda: network(x))
    assert_normal(network[0](x))
    assert_normal(network(x))
    assert all(torch.equal(p, untouched[name]) for name, p in network[2].state_dict().items())


def test_start_gives_each_layer_the_deviation_of_its_own() -> None:
    low = weight_norm(nn.Conv2d(3, 4, 3), epsilon=1e-6)
    network, x = (
        nn.Sequential(low, nn.Flatten(), weight_norm(nn.Linear(16, 3), 1e-6, 0.1)),
        draw(40, 3, 4, 4, seed=6),
    )
    fill(network)
    before = network(x)
    initialise_from_batch(network, lambda: network(x))
    assert_normal(low(x), 1.0)
    assert_normal(network(x), 0.1)
    assert not torch.allclose(network(x), before)


def test_start_undoes_the_scale_of_the_input() -> None:
    one, other = weight_norm(nn.Linear(6, 4)), weight_norm(nn.Linear(6, 4))
    x = draw(30, 6, seed=4)
    fill(one), fill(other)
    initialise_from_batch(one, lambda: one(x))
    initialise_from_batch(other, lambda: other(50 * x))
    torch.testing.assert_close(one(x), other(50 * x), rtol=1e-12, atol=1e-12)


@layers
@pytest.mark.parametrize("per_channel", [True, False])
def test_start_keeps_the_gain_of_a_channel_without_variance_at_one(
    case: Case, per_channel: bool
) -> None:
    layer, x = build(case)
    if per_channel:  # channel 2 sees only input 1, which is the same everywhere
        with torch.no_grad():
            layer.get_parameter(DIRECTION).movedim(case[1], 0)[2] = 0
            layer.get_parameter(DIRECTION).movedim(case[1], 0)[2, 1] = 1
        x[:, 1] = 0
    else:
        x.zero_()
    initialise_from_batch(layer, lambda: layer(x), per_channel=per_channel)
    values = by_channel(layer(x))
    assert bool(values.isfinite().all())
    assert values[2].abs().max().item() == 0
    assert gain(layer).flatten()[2].item() == 1


@pytest.mark.parametrize("per_channel", [True, False])
def test_start_on_equal_rows_does_not_take_rounding_for_variance(per_channel: bool) -> None:
    for seed in range(5):
        layer = weight_norm(nn.Linear(50, 40))
        x = draw(1, 50, seed=seed).float().expand(64, 50).contiguous()
        initialise_from_batch(layer, lambda: layer(x), per_channel=per_channel)  # noqa: B023
        assert set(gain(layer).flatten().tolist()) == {1}


def test_start_leaves_the_network_as_an_ordinary_one() -> None:
    network, x = tower(), draw(40, 6, seed=5)
    freeze_gain(network[0])
    initialise_from_batch(network, lambda: network(x))
    started = {name: p.clone() for name, p in network.state_dict().items()}
    network(3 * x + 1)
    assert all(torch.equal(p, started[name]) for name, p in network.state_dict().items())
    flags = {name: p.requires_grad for name, p in network.named_parameters()}
    assert [name for name, trained in flags.items() if not trained] == [f"0.{GAIN}"]
    assert all(p.is_leaf and p.grad is None for p in network.parameters())


def test_start_that_fails_leaves_no_hook_behind() -> None:
    layer = weight_norm(nn.Linear(6, 4))
    with pytest.raises(RuntimeError):
        initialise_from_batch(layer, lambda: layer(torch.zeros(3, 5)))
    layer(torch.randn(3, 6, generator=torch.Generator().manual_seed(0)))
    assert gain(layer).flatten().tolist() == [1] * 4


# --- derivatives, written by hand ----------------------------------------------------------------

epsilons = pytest.mark.parametrize("epsilon", [0.0, 1e-6, 0.5])
Map = Callable[[Tensor, Tensor], Tensor]


def normalising(case: Case, epsilon: float) -> tuple[Map, Tensor, Tensor]:
    """The map from gains and directions to the weight, and where to differentiate it."""
    layer, _ = build(case, epsilon)
    gains, directions = gain(layer), layer.get_parameter(DIRECTION)
    parametrisation = layer.get_submodule("parametrizations.weight.0")

    def normalise(gains: Tensor, directions: Tensor) -> Tensor:
        found: Tensor = parametrisation(gains, directions)
        return found

    return normalise, gains.detach().requires_grad_(), directions.detach().requires_grad_()


def in_plain_operations(case: Case, epsilon: float) -> Map:
    def normalise(gains: Tensor, directions: Tensor) -> Tensor:
        others = [d for d in range(directions.dim()) if d != case[1]]
        squares = directions.square().sum(dim=others, keepdim=True)
        return gains * directions / (squares + epsilon).sqrt()

    return normalise


@layers
@epsilons
def test_both_derivatives_pass_gradcheck(case: Case, epsilon: float) -> None:
    normalise, gains, directions = normalising(case, epsilon)
    with torch.no_grad():  # few enough numbers for second differences; channels stay whole
        directions = directions.movedim(case[1], 0)[:2, :2].movedim(0, case[1]).clone()
        gains = gains.movedim(case[1], 0)[:2].movedim(0, case[1]).clone()
    at = (gains.requires_grad_(), directions[..., :3].clone().requires_grad_())
    assert torch.autograd.gradcheck(normalise, at)
    assert torch.autograd.gradgradcheck(normalise, at)


@layers
@epsilons
@pytest.mark.parametrize("frozen", [False, True])
def test_value_and_both_derivatives_are_those_of_plain_operations(
    case: Case, epsilon: float, frozen: bool
) -> None:
    ours, gains, directions = normalising(case, epsilon)
    wanted = [directions] if frozen else [gains, directions]
    gains.requires_grad_(not frozen)
    upstream = draw(*directions.shape, seed=7).requires_grad_()
    outcomes = []
    for normalise in (ours, in_plain_operations(case, epsilon)):
        weight = normalise(gains, directions)
        first = torch.autograd.grad(weight, wanted, upstream, create_graph=True)
        length = sum((g.sin().sum() for g in first), torch.zeros((), dtype=torch.float64))
        second = torch.autograd.grad(length, [*wanted, upstream])
        outcomes.append([weight, *first, *second])
    torch.testing.assert_close(*outcomes, rtol=1e-11, atol=1e-11)


@layers
@epsilons
def test_a_plain_backward_gives_the_gradient_of_one_that_keeps_its_graph(
    case: Case, epsilon: float
) -> None:
    normalise, gains, directions = normalising(case, epsilon)
    upstream = draw(*directions.shape, seed=7)
    before = upstream.clone()
    one, other = (
        torch.autograd.grad(
            normalise(gains, directions), (gains, directions), upstream, create_graph=keep
        )
        for keep in (False, True)
    )
    torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-13)
    assert upstream.equal(before)


@layers
def test_a_frozen_gain_gets_no_gradient_and_changes_none(case: Case) -> None:
    normalise, gains, directions = normalising(case, 0.0)
    [free] = torch.autograd.grad(normalise(gains, directions).sin().sum(), directions)
    weight = normalise(gains.detach(), directions)
    [frozen] = torch.autograd.grad(weight.sin().sum(), directions)
    assert frozen.equal(free)


@layers
def test_gradient_stays_orthogonal_to_the_direction_where_products_are_in_bfloat16(
    case: Case,
) -> None:
    make, channel_dim, shape = case
    layer, x = weight_norm(make()), draw(*shape, seed=2).float()
    direction = layer.get_parameter(DIRECTION)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = layer(x).float().square().sum()
        gains_gradient, gradient = torch.autograd.grad(loss, (gain(layer), direction))
    others = [d for d in range(direction.dim()) if d != channel_dim]
    along = (direction * gradient).sum(dim=others).abs()
    lengths = vector_norm(direction, dim=others) * vector_norm(gradient, dim=others)
    assert bool((along < 1e-5 * lengths).all())
    assert gains_gradient.dtype == gradient.dtype == torch.float32


def test_channels_of_a_linear_layer_come_last() -> None:
    layer, x = weight_norm(nn.Linear(5, 4)), 3 * torch.randn(32, 4, 5) + 1
    initialise_from_batch(layer, lambda: layer(x))
    y = layer(x).flatten(0, 1)
    torch.testing.assert_close(y.mean(dim=0), torch.zeros(4), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.std(dim=0, correction=0), torch.ones(4), rtol=1e-5, atol=0)


def test_a_layer_without_bias_gets_its_gain_alone() -> None:
    layer, x = weight_norm(nn.Conv2d(2, 3, 3, bias=False)), torch.randn(16, 2, 5, 5)
    initialise_from_batch(layer, lambda: layer(x))
    deviations = layer(x).transpose(0, 1).flatten(1).std(dim=1, correction=0)
    torch.testing.assert_close(deviations, torch.ones(3), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    "layer",
    [nn.BatchNorm2d(3), nn.Embedding(3, 2), nn.ReLU(), nn.ConvTranspose2d(4, 6, 3, groups=2)],
)
def test_layers_that_could_not_be_started_are_refused(layer: nn.Module) -> None:
    with pytest.raises(ValueError, match="^weight normalisation is for linear and convolutional"):
        weight_norm(layer)


def test_a_weight_that_is_parametrised_besides_is_refused() -> None:
    layer = weight_norm(nn.Linear(3, 2))
    with pytest.raises(ValueError, match="the weight of this .*Linear is parametrised already"):
        weight_norm(layer)
    torch.nn.utils.parametrizations.spectral_norm(layer)
    with pytest.raises(ValueError, match="goes through _SpectralNorm after weight normalisation"):
        initialise_from_batch(layer, lambda: layer(torch.randn(4, 3)))


def test_where_nothing_is_started_it_says_so() -> None:
    plain = nn.Sequential(torch.nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)))
    with pytest.raises(ValueError, match="^nothing in Sequential starts from a batch"):
        initialise_from_batch(plain, lambda: plain(torch.randn(4, 3)))
    network = nn.Sequential(weight_norm(nn.Linear(3, 2)), weight_norm(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="did not reach this layer, which is not started"):
        initialise_from_batch(network, lambda: network[0](torch.randn(4, 3)))
