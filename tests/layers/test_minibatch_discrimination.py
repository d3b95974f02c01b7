from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from pytest import approx
from torch import Tensor, nn
from torch.autograd import grad, gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from convergan.layers import (
    CrossHalfDiscrimination,
    MinibatchDiscrimination,
    StartsFromBatch,
    cross_similarities,
    initialise_from_batch,
    minibatch_discrimination,
    minibatch_similarities,
    weight_norm,
)
from convergan.layers.minibatch_discrimination import Normalization, nearest_distances
from tests import oracles
from tests.oracles import chance, draw

normalizations = pytest.mark.parametrize("normalization", ["released", "mean"])
chunks = pytest.mark.parametrize("chunk", [1, 40, 100, 131072])
counts = pytest.mark.parametrize("count", [2, 3, 4, 7, 8])


def plain(projected: Tensor) -> Tensor:
    """The same sums in three operations, which hold all N * N * B * C differences."""
    distances = (projected.unsqueeze(1) - projected.unsqueeze(0)).abs().sum(dim=3)
    others = 1 - torch.eye(len(projected), dtype=projected.dtype).unsqueeze(2)
    return (distances.neg().exp() * others).sum(dim=1)


def plain_cross(projected: Tensor, normalization: Normalization) -> Tensor:
    half = len(projected) // 2
    distances = (projected.unsqueeze(1) - projected.unsqueeze(0)).abs().sum(dim=3)
    others = 1 - torch.eye(len(projected), dtype=projected.dtype).unsqueeze(2)
    similarities = distances.neg().exp() * others
    real, fake = similarities[:, :half].sum(dim=1), similarities[:, half:].sum(dim=1)
    if normalization == "released":
        return torch.cat([real, fake], dim=1) / (half * (2 * half - 1))
    is_real = (torch.arange(2 * half) < half).to(projected.dtype).unsqueeze(1)
    return torch.cat([real / (half - is_real), fake / (half - 1 + is_real)], dim=1)


# --- the sums ------------------------------------------------------------------------------------


@counts
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_similarities_are_those_of_the_formula(count: int, dtype: torch.dtype) -> None:
    projected = draw(count, 3, 4, seed=1).to(dtype)
    expected = torch.from_numpy(oracles.minibatch_similarities(projected.double().numpy()))
    found = minibatch_similarities(projected)
    assert found.dtype == dtype
    torch.testing.assert_close(
        found.double(), expected, rtol=1e-12 if dtype == torch.float64 else 1e-5, atol=0
    )


@chunks
@counts
def test_values_and_both_derivatives_do_not_depend_on_the_chunk(
    monkeypatch: pytest.MonkeyPatch, count: int, chunk: int
) -> None:
    monkeypatch.setattr(minibatch_discrimination, "CHUNK", chunk)
    projected = draw(count, 3, 4, seed=2).requires_grad_()
    upstream = draw(count, 3, seed=3).requires_grad_()
    outcomes = []
    for similarities in (minibatch_similarities, plain):
        sums = similarities(projected)
        [first] = grad(sums, projected, upstream, create_graph=True)
        second = grad(first.sin().sum(), (projected, upstream))
        outcomes.append([sums, first, *second])
    torch.testing.assert_close(*outcomes, rtol=1e-12, atol=1e-14)


@counts
def test_both_derivatives_pass_gradcheck(count: int) -> None:
    projected = draw(count, 2, 3, seed=4).requires_grad_()
    assert gradcheck(minibatch_similarities, projected)
    assert gradgradcheck(minibatch_similarities, projected)


def test_a_plain_backward_gives_the_gradient_of_one_that_keeps_its_graph() -> None:
    projected, upstream = draw(9, 3, 4, seed=5).requires_grad_(), draw(9, 3, seed=6)
    one, other = (
        grad(minibatch_similarities(projected), projected, upstream, create_graph=keep)[0]
        for keep in (False, True)
    )
    assert one.equal(other)


def test_many_rows_in_float32_are_accurate_to_1e_5() -> None:
    projected = draw(700, 3, 5, seed=7).float()
    wide = projected.double().requires_grad_()
    narrow = projected.requires_grad_()
    torch.testing.assert_close(
        minibatch_similarities(narrow).double(), minibatch_similarities(wide), rtol=1e-5, atol=0
    )
    [one] = grad(minibatch_similarities(narrow).sum(), narrow)
    [other] = grad(minibatch_similarities(wide).sum(), wide)
    assert (one.double() - other).abs().max() < 1e-5 * other.abs().max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype: torch.dtype) -> None:
    projected = (0.1 * draw(300, 2, 3, seed=8)).to(dtype)
    found = minibatch_similarities(projected)
    assert found.dtype == dtype
    assert found.equal(minibatch_similarities(projected.float()).to(dtype))


@counts
def test_equal_rows_count_each_other_and_get_no_gradient(count: int) -> None:
    projected = draw(1, 2, 3, seed=9).expand(count, 2, 3).clone().requires_grad_()
    sums = minibatch_similarities(projected)
    assert bool((sums == count - 1).all())
    [gradient] = grad(sums, projected, draw(count, 2, seed=10))
    assert not gradient.any()


def test_an_equal_coordinate_gets_no_gradient_and_others_do() -> None:
    projected = torch.tensor([[[1.0, 2.0]], [[1.0, 3.0]]], requires_grad=True)
    [gradient] = grad(minibatch_similarities(projected).sum(), projected)
    slope = 2 * torch.tensor(-1.0).exp()
    torch.testing.assert_close(gradient.squeeze(), torch.tensor([[0, slope], [0, -slope]]))


def test_near_copies_are_pushed_apart_by_a_finite_gradient() -> None:
    projected = torch.zeros(2, 1, 3, dtype=torch.float64)
    projected[1] += 1e-3
    projected.requires_grad_()
    [gradient] = grad(minibatch_similarities(projected).sum(), projected)
    assert gradient[1].flatten().tolist() == approx([-2 * 0.997] * 3, rel=1e-5)


def test_far_rows_are_not_similar_at_all() -> None:
    projected = 1e4 * torch.arange(5.0).view(5, 1, 1)
    assert not minibatch_similarities(projected).any()


def test_similarity_of_two_rows_is_the_same_for_both() -> None:
    sums = minibatch_similarities(draw(2, 6, 3, seed=11))
    assert sums[0].equal(sums[1])


@counts
def test_permuting_rows_permutes_sums(count: int) -> None:
    projected = draw(count, 3, 4, seed=12)
    order = torch.randperm(count, generator=chance())
    torch.testing.assert_close(
        minibatch_similarities(projected[order]), minibatch_similarities(projected)[order]
    )


def test_a_shift_of_all_rows_changes_nothing_so_gradients_sum_to_zero() -> None:
    projected = draw(9, 3, 4, seed=13).requires_grad_()
    shifted = projected + draw(1, 3, 4, seed=14)
    sums = minibatch_similarities(projected)
    torch.testing.assert_close(sums, minibatch_similarities(shifted), rtol=1e-12, atol=0)
    [gradient] = grad(sums.square().sum(), projected)
    assert gradient.sum(dim=0).abs().max() < 1e-13
    assert gradient.abs().max() > 0.1


def test_kernels_do_not_see_each_other() -> None:
    projected = draw(6, 3, 4, seed=15)
    changed = projected.clone()
    changed[:, 1] += draw(6, 4, seed=16)
    one, other = minibatch_similarities(projected), minibatch_similarities(changed)
    assert one[:, [0, 2]].equal(other[:, [0, 2]])
    assert not one[:, 1].allclose(other[:, 1])


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers how many numbers the largest result of any operation had."""

    numbers = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.numbers = max(self.numbers, result.numel())
        return result


@pytest.mark.parametrize("similarities", [minibatch_similarities, cross_similarities])
def test_nothing_grows_with_the_square_of_the_batch_not_even_twice_differentiated(
    monkeypatch: pytest.MonkeyPatch, similarities: Callable[[Tensor], Tensor]
) -> None:
    monkeypatch.setattr(minibatch_discrimination, "CHUNK", 1000)
    projected = draw(100, 3, 4, seed=33).requires_grad_()
    with Largest() as largest:  # type: ignore[no-untyped-call]
        [first] = grad(similarities(projected).sum(), projected, create_graph=True)
        grad(first.square().sum(), projected)
    assert 1000 <= largest.numbers <= 2 * projected.numel()  # 2,400; all pairs are 120,000


@pytest.mark.parametrize("rows", [0, 1])
def test_the_sum_over_no_other_row_is_zero(rows: int) -> None:
    assert torch.equal(minibatch_similarities(torch.ones(rows, 3, 2)), torch.zeros(rows, 3))


def test_a_row_alone_is_judged_but_nothing_is_learned_from_it() -> None:
    layer, row = MinibatchDiscrimination(4, 3, 2), torch.ones(1, 4)
    with pytest.raises(ValueError, match="^in training it needs at least 2 rows, got 1$"):
        layer(row)
    assert torch.equal(layer.eval()(row)[:, 4:], layer.bias[None])
    with pytest.raises(ValueError, match="^it starts from at least 2 rows, got 1$"):
        layer.start(row)


@pytest.mark.parametrize("similarities", [minibatch_similarities, cross_similarities])
def test_a_projection_without_three_dimensions_is_refused(
    similarities: Callable[[Tensor], Tensor],
) -> None:
    with pytest.raises(ValueError, match=r"shape \(N, B, C\), got \(4, 6\)"):
        similarities(torch.zeros(4, 6))


# --- two halves ----------------------------------------------------------------------------------


@normalizations
@pytest.mark.parametrize("half", [2, 3, 4])
def test_cross_similarities_are_those_of_the_formula(
    half: int, normalization: Normalization
) -> None:
    projected = draw(2 * half, 3, 4, seed=17)
    pairs = half * (2 * half - 1)
    divisors = (pairs, pairs) if normalization == "released" else (half - 1, half)
    expected = torch.from_numpy(oracles.cross_similarities(projected.numpy(), divisors))
    found = cross_similarities(projected, normalization=normalization)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


@normalizations
@chunks
def test_both_cross_derivatives_are_those_of_plain_operations(
    monkeypatch: pytest.MonkeyPatch, chunk: int, normalization: Normalization
) -> None:
    monkeypatch.setattr(minibatch_discrimination, "CHUNK", chunk)
    projected = draw(10, 3, 4, seed=18).requires_grad_()
    outcomes = []
    for sums in (
        cross_similarities(projected, normalization=normalization),
        plain_cross(projected, normalization),
    ):
        [first] = grad(sums.sin().sum(), projected, create_graph=True)
        [second] = grad(first.sin().sum(), projected)
        outcomes.append([sums, first, second])
    torch.testing.assert_close(*outcomes, rtol=1e-12, atol=1e-14)


def test_both_cross_derivatives_pass_gradcheck() -> None:
    projected = draw(4, 2, 3, seed=19).requires_grad_()
    assert gradcheck(cross_similarities, projected)
    assert gradgradcheck(cross_similarities, projected)


def test_equal_rows_have_the_released_constants() -> None:
    found = cross_similarities(torch.zeros(32, 2, 3, dtype=torch.float64))
    own, other = 15 / 496, 16 / 496
    assert own == approx(0.0302, abs=1e-4) and other == approx(0.0323, abs=1e-4)
    assert found[0].tolist() == approx([own, own, other, other], rel=1e-12)
    assert found[-1].tolist() == approx([other, other, own, own], rel=1e-12)


def test_equal_rows_are_one_on_average() -> None:
    assert bool((cross_similarities(torch.zeros(6, 2, 3), normalization="mean") == 1).all())


def test_swapping_the_halves_swaps_the_sums() -> None:
    projected = draw(8, 3, 4, seed=20)
    found = cross_similarities(projected)
    swapped = cross_similarities(projected.roll(4, dims=0)).roll(4, dims=0)
    torch.testing.assert_close(swapped, found.roll(3, dims=1))


def test_a_small_sum_beside_a_large_one_keeps_its_digits() -> None:
    projected = torch.zeros(8, 1, 1)
    projected[4:] = 30
    found = cross_similarities(projected, normalization="mean")
    torch.testing.assert_close(found[0, 1].item(), float(torch.tensor(-30.0).exp()))


@pytest.mark.parametrize("rows", [0, 2, 5])
def test_rows_that_make_no_two_halves_are_refused(rows: int) -> None:
    with pytest.raises(ValueError, match=f"at least 2 rows are needed, .*, got {rows} rows"):
        cross_similarities(torch.zeros(rows, 3, 2))


def test_an_unknown_normalization_is_refused() -> None:
    with pytest.raises(ValueError, match="'released' or 'mean', got 'sum'"):
        cross_similarities(torch.zeros(4, 3, 2), normalization="sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'released' or 'mean', got 'sum'"):
        CrossHalfDiscrimination(4, normalization="sum", chance=chance())  # type: ignore[arg-type]


# --- the layer for small images ------------------------------------------------------------------


def build(kernels: int = 3, dim: int = 4) -> MinibatchDiscrimination:
    """A float64 layer with arbitrary values, for 6 features."""
    layer = MinibatchDiscrimination(6, kernels, dim, chance=chance()).double()
    with torch.no_grad():
        for number, parameter in enumerate(layer.parameters()):
            parameter.copy_(draw(*parameter.shape, seed=100 + number))
    return layer


def test_the_layer_appends_the_sums_of_the_formula_and_biases() -> None:
    layer, features = build(), draw(7, 6, seed=21)
    directions, gains, bias = (p.detach().numpy() for p in layer.parameters())
    projected = oracles.minibatch_projection(features.numpy(), directions, gains)
    sums = torch.from_numpy(oracles.minibatch_similarities(projected) + bias)
    found = layer(features).detach()
    assert found[:, :6].equal(features)
    torch.testing.assert_close(found[:, 6:], sums, rtol=1e-12, atol=1e-12)


def test_a_fresh_layer_has_columns_of_length_one_and_biases_minus_one() -> None:
    layer = MinibatchDiscrimination(50, chance=chance())
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {
        "directions": (50, 100, 5),
        "log_gains": (100, 5),
        "bias": (100,),
    }
    assert layer.directions.std().item() == approx(0.05, rel=0.05)
    assert not layer.log_gains.any()
    assert bool((layer.bias == -1).all())
    columns = layer.project(torch.eye(50)).norm(dim=0)
    torch.testing.assert_close(columns, torch.ones(100, 5))
    assert layer(draw(4, 50).float()).shape == (4, 150)


@pytest.mark.parametrize(
    "make",
    [
        lambda chance: MinibatchDiscrimination(6, chance=chance),
        lambda chance: CrossHalfDiscrimination(6, 4, 5, chance=chance),
    ],
)
def test_chance_alone_decides_the_start(make: Callable[[torch.Generator], nn.Module]) -> None:
    before = torch.get_rng_state()
    one, same, other = (dict(make(chance(seed)).state_dict()) for seed in (1, 1, 2))
    torch.testing.assert_close(one, same, rtol=0, atol=0)
    assert any(not one[name].equal(other[name]) for name in one)
    assert torch.get_rng_state().equal(before)


def test_length_of_a_direction_does_not_matter() -> None:
    layer, features = build(), draw(7, 6, seed=22)
    before = layer(features)
    with torch.no_grad():
        layer.directions.mul_(7.5)
    torch.testing.assert_close(layer(features), before, rtol=1e-12, atol=1e-12)


def test_gradient_of_the_layer_reaches_features_and_all_parameters() -> None:
    layer, features = build(), draw(7, 6, seed=23).requires_grad_()
    layer(features)[:, 6:].square().sum().backward()
    for reached in (features, *layer.parameters()):
        assert reached.grad is not None and bool(reached.grad.any())


def test_a_penalty_on_the_gradient_of_the_layer_can_be_descended() -> None:
    layer, features = build(2, 2), draw(4, 6, seed=24).requires_grad_()

    def penalty(features: Tensor, *_: Tensor) -> Tensor:
        [slope] = grad(layer(features).square().sum(), features, create_graph=True)
        return slope.square().sum()

    assert gradcheck(penalty, (features, *layer.parameters()))


def test_output_is_of_the_dtype_of_the_features_under_autocast() -> None:
    layer = MinibatchDiscrimination(6, 3, 4, chance=chance())
    features = draw(7, 6, seed=25).float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = layer(features)
    found.sum().backward()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, layer(features), rtol=0.05, atol=0.05)


# --- the start from a batch ----------------------------------------------------------------------


def test_nearest_distances_are_those_of_the_formula() -> None:
    for count in (2, 3, 6, 7):
        projected = draw(count, 3, 4, seed=26)
        distances = torch.cdist(projected.transpose(0, 1), projected.transpose(0, 1), p=1)
        distances.diagonal(dim1=1, dim2=2).fill_(torch.inf)
        found = nearest_distances(projected)
        torch.testing.assert_close(found, distances.amin(dim=2).T, rtol=1e-12, atol=1e-14)


def test_start_gives_nearest_rows_distance_two_and_features_mean_zero() -> None:
    layer, features = build(), 5 * draw(40, 6, seed=27)
    initialise_from_batch(layer, lambda: layer(features))
    nearest = nearest_distances(layer.project(features)).mean(dim=0)
    torch.testing.assert_close(nearest, torch.full_like(nearest, 2.0), rtol=1e-12, atol=0)
    assert layer(features)[:, 6:].mean(dim=0).abs().max() < 1e-12


def test_start_is_that_of_the_formula() -> None:
    layer, features = build(), draw(12, 6, seed=28)
    gains = layer.log_gains.detach().clone()
    halves, biases = oracles.minibatch_start(layer.project(features).detach().numpy())
    initialise_from_batch(layer, lambda: layer(features))
    moved = (gains - layer.log_gains).detach()
    for c in range(4):
        assert moved[:, c].tolist() == approx(halves, rel=1e-10)
    assert layer.bias.tolist() == approx(biases, rel=1e-10)


def test_start_twice_is_start_once() -> None:
    layer, features = build(), draw(12, 6, seed=29)
    initialise_from_batch(layer, lambda: layer(features))
    once = {name: p.clone() for name, p in layer.state_dict().items()}
    initialise_from_batch(layer, lambda: layer(features))
    torch.testing.assert_close(dict(layer.state_dict()), once, rtol=1e-11, atol=1e-11)


def test_start_goes_through_a_network_layer_after_layer() -> None:
    discrimination = build()
    network = nn.Sequential(
        weight_norm(nn.Linear(5, 6)), nn.ReLU(), discrimination, weight_norm(nn.Linear(9, 2))
    ).double()
    x = draw(30, 5, seed=30)
    initialise_from_batch(network, lambda: network(x))
    features = network[:2](x)
    nearest = nearest_distances(discrimination.project(features)).mean(dim=0)
    torch.testing.assert_close(nearest, torch.full_like(nearest, 2.0), rtol=1e-12, atol=0)
    output = network(x)
    assert output.mean(dim=0).abs().max() < 1e-12
    assert output.std(dim=0, correction=0).tolist() == approx([1, 1], rel=1e-12)
    kept = {name: p.clone() for name, p in network.state_dict().items()}
    network(x + 1)  # no hook is left
    assert all(p.equal(kept[name]) for name, p in network.state_dict().items())
    assert all(p.is_leaf and p.requires_grad for p in discrimination.parameters())


def test_start_on_equal_rows_keeps_the_scale() -> None:
    layer = build()
    gains = layer.log_gains.detach().clone()
    initialise_from_batch(layer, lambda: layer(torch.zeros(8, 6, dtype=torch.float64)))
    assert layer.log_gains.equal(gains)
    assert layer.bias.tolist() == [-7] * 3


def test_a_layer_that_does_not_say_how_it_starts_fails() -> None:
    with pytest.raises(NotImplementedError):
        StartsFromBatch().start(torch.zeros(2, 2))


# --- the layer for ImageNet ----------------------------------------------------------------------


@normalizations
def test_the_cross_layer_appends_the_sums_of_its_projection(normalization: Normalization) -> None:
    layer = CrossHalfDiscrimination(6, 3, 4, normalization=normalization, chance=chance())
    features = draw(8, 6, seed=31).float()
    found = layer(features)
    assert found.shape == (8, 6 + 2 * 3)
    assert found[:, :6].equal(features)
    projected = (features @ layer.projection.weight.T).view(8, 3, 4)
    torch.testing.assert_close(found[:, 6:], plain_cross(projected, normalization))


def test_the_cross_layer_is_linear_with_small_weights_and_a_bias_that_nothing_reaches() -> None:
    layer = CrossHalfDiscrimination(40, chance=chance())
    assert layer.projection.weight.shape == (300 * 50, 40)
    assert layer.projection.weight.std().item() == approx(0.02, rel=0.02)
    assert not layer.projection.bias.any()
    layer(draw(6, 40, seed=32).float())[:, 40:].sum().backward()
    weight, bias = layer.projection.weight.grad, layer.projection.bias.grad
    assert weight is not None and bias is not None
    assert bias.abs().max() < 1e-5 * weight.abs().max()


def test_layers_show_their_sizes() -> None:
    small = MinibatchDiscrimination(6, 3, 4, chance=chance())
    large = CrossHalfDiscrimination(6, 3, 4, chance=chance())
    assert repr(small) == "MinibatchDiscrimination(6, num_kernels=3, kernel_dim=4)"
    assert "num_kernels=3, kernel_dim=4, normalization='released'" in repr(large)
