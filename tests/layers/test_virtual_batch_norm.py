import pytest
import torch
from torch import Tensor
from torch.nn.functional import batch_norm

from convergan.layers import VirtualBatchNorm, virtual_batch_norm
from convergan.layers.virtual_batch_norm import Mode
from tests import oracles
from tests.oracles import draw

N = 4  # rows of the reference batch
MODES: list[Mode] = ["per_example", "paper2016", "june2016"]
modes = pytest.mark.parametrize("mode", MODES)
shapes = pytest.mark.parametrize("shape", [(3,), (3, 4, 2)], ids=["rows", "images"])

GAMMA, BETA = draw(3, seed=1) + 2, draw(3, seed=2)


def norm(x: Tensor, mode: Mode = "per_example", epsilon: float = 1e-5, n: int = N) -> Tensor:
    return virtual_batch_norm(x, GAMMA, BETA, num_reference=n, mode=mode, epsilon=epsilon)


def batch(shape: tuple[int, ...], live: int = 5, seed: int = 3) -> Tensor:
    """Reference rows, then live ones from another distribution, close enough for every mode."""
    rows = draw(N + live, *shape, seed=seed)
    rows[N:] = 1.2 * rows[N:] + 0.3
    return rows


def plainly(x: Tensor, gamma: Tensor = GAMMA, beta: Tensor = BETA) -> Tensor:
    return batch_norm(x, None, None, gamma, beta, training=True, eps=1e-5)


def assert_near(one: object, other: object, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@modes
@shapes
@pytest.mark.parametrize("epsilon", [1e-5, 0.1])
def test_output_is_that_of_the_formula(shape: tuple[int, ...], mode: Mode, epsilon: float) -> None:
    x = batch(shape)
    if mode == "june2016":  # where its difference of squares stays positive
        x[N:] /= 3
    expected = oracles.virtual_batch_norm(x.numpy(), GAMMA.numpy(), BETA.numpy(), N, mode, epsilon)
    assert_near(norm(x, mode, epsilon), torch.from_numpy(expected), 1e-11)


@shapes
def test_a_row_gets_what_batch_norm_of_the_reference_and_the_row_gives_it(
    shape: tuple[int, ...],
) -> None:
    x = batch(shape)
    y = norm(x)
    for row in range(N, len(x)):
        assert_near(y[row], plainly(torch.cat([x[:N], x[row : row + 1]]))[N])


@shapes
def test_gradients_too_are_those_of_batch_norm_of_the_reference_and_the_row(
    shape: tuple[int, ...],
) -> None:
    upstream = draw(*shape, seed=4)
    x = batch(shape, live=1).requires_grad_()
    gamma, beta = GAMMA.clone().requires_grad_(), BETA.clone().requires_grad_()
    virtual = virtual_batch_norm(x, gamma, beta, num_reference=N)[N]
    plain = plainly(x, gamma, beta)[N]
    found, expected = (torch.autograd.grad(y, (x, gamma, beta), upstream) for y in (virtual, plain))
    assert_near(found, expected)
    assert bool(found[0][:N].any())  # the reference statistics are not constants


@modes
@shapes
def test_reference_rows_get_plain_batch_norm_among_each_other(
    shape: tuple[int, ...], mode: Mode
) -> None:
    x = batch(shape)
    assert_near(norm(x, mode)[:N], plainly(x[:N]))


@modes
@shapes
def test_other_live_rows_matter_in_the_first_two_versions_alone(
    shape: tuple[int, ...], mode: Mode
) -> None:
    x = batch(shape)
    x[N:] /= 3
    y = norm(x, mode)[N]
    x[N + 1 :] += 0.1
    assert torch.allclose(norm(x, mode)[N], y, rtol=1e-14) is (mode == "per_example")


def test_gradients_of_a_row_reach_no_other_live_row() -> None:
    x = batch((3, 4, 2)).requires_grad_()
    [gradient] = torch.autograd.grad(norm(x)[N].sin().sum(), x)
    assert [bool(row.any()) for row in gradient] == [True] * (N + 1) + [False] * 4


@shapes
def test_all_versions_agree_about_a_single_live_row(shape: tuple[int, ...]) -> None:
    x = batch(shape, live=1)
    for mode in MODES:
        assert_near(norm(x, mode), norm(x))


@modes
@shapes
def test_live_and_reference_rows_can_be_rearranged(shape: tuple[int, ...], mode: Mode) -> None:
    x = batch(shape)
    x[N:] /= 3
    order = [2, 0, 3, 1, 8, 5, 7, 4, 6]
    assert_near(norm(x[order], mode), norm(x, mode)[order])


def test_scale_and_shift_of_the_input_do_not_matter() -> None:
    x = batch((3, 4, 2))
    assert_near(norm(7 * x - 4, epsilon=1e-15), norm(x, epsilon=1e-15), 1e-11)


def test_large_reference_makes_a_fixed_affine_map() -> None:
    reference, live = draw(20_000, 3, seed=5), draw(5, 3, seed=6)
    variance, mean = torch.var_mean(reference, dim=0, correction=0)
    fixed = GAMMA * (live - mean) / (variance + 1e-5).sqrt() + BETA
    made = norm(torch.cat([reference, live]), n=20_000)[20_000:]
    assert_near(made, fixed, 2e-3)
    assert not torch.allclose(made, fixed, rtol=1e-6, atol=1e-6)


def test_example_with_the_moments_of_the_reference_gets_the_map_of_the_reference() -> None:
    row = draw(1, 3, 4, 2, seed=7)
    reference = torch.cat([row, row.flip(2), row.flip(3), row.flip(2, 3)])
    assert_near(norm(torch.cat([reference, row]))[N:], plainly(reference)[:1])


def test_member_of_the_reference_counts_twice() -> None:
    reference = draw(N, 3, seed=8)
    twice = torch.cat([reference, reference[1:2]])
    assert_near(norm(twice)[N], plainly(twice)[1])


@pytest.mark.parametrize("n", [1, 4, 16])
def test_values_of_rows_are_bounded_by_the_root_of_the_size_of_the_reference(n: int) -> None:
    reference, far = draw(n, 3, seed=9), torch.tensor([[1.0, -30.0, 1e6]], dtype=torch.float64)
    size = ((norm(torch.cat([reference, far]), n=n)[n] - BETA) / GAMMA).abs()
    assert bool((size <= n**0.5 * (1 + 1e-12)).all())
    assert size[2].item() == pytest.approx(n**0.5, rel=1e-5)


@modes
@shapes
def test_gradients_pass_gradcheck(shape: tuple[int, ...], mode: Mode) -> None:
    x = batch(shape, live=2)
    x[N:] /= 3
    assert torch.autograd.gradcheck(
        lambda x, gamma, beta: virtual_batch_norm(x, gamma, beta, num_reference=N, mode=mode),
        (x.requires_grad_(), GAMMA.clone().requires_grad_(), BETA.clone().requires_grad_()),
    )


@modes
@shapes
def test_batch_without_live_rows_is_its_reference(shape: tuple[int, ...], mode: Mode) -> None:
    x = batch(shape)[:N].requires_grad_()
    y = norm(x, mode)
    assert_near(y, plainly(x))
    [gradient] = torch.autograd.grad(y.sin().sum(), x)
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("mode", ["per_example", "paper2016"])
def test_large_means_cost_no_precision(mode: Mode) -> None:
    x = batch((3, 4, 2)) + 1e4
    gamma, beta = GAMMA.float(), BETA.float()
    single = virtual_batch_norm(x.float(), gamma, beta, num_reference=N, mode=mode)
    assert_near(single.double(), norm(x.float().double(), mode), 1e-2)


def test_difference_of_squares_of_the_second_version_can_be_negative() -> None:
    x = batch((3,), live=10)
    x[N] = 100.0
    assert bool(norm(x, "june2016")[N].isnan().all())
    assert bool(norm(x, "paper2016").isfinite().all() and norm(x).isfinite().all())


@modes
@shapes
def test_bfloat16_is_computed_in_float32(shape: tuple[int, ...], mode: Mode) -> None:
    x, gamma, beta = batch(shape).bfloat16(), GAMMA.bfloat16(), BETA.bfloat16()
    y = virtual_batch_norm(x, gamma, beta, num_reference=N, mode=mode)
    wide = virtual_batch_norm(x.float(), gamma.float(), beta.float(), num_reference=N, mode=mode)
    assert y.dtype is torch.bfloat16
    torch.testing.assert_close(y, wide.bfloat16(), rtol=0, atol=0, equal_nan=True)


def test_autocast_changes_nothing() -> None:
    x = batch((3, 4, 2)).float()
    layer = VirtualBatchNorm(3, num_reference=N, chance=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        cast = layer(x)
    assert torch.equal(cast, layer(x))


def test_memory_layout_does_not_matter() -> None:
    x = batch((3, 4, 2))
    assert_near(norm(x.contiguous(memory_format=torch.channels_last)), norm(x))


def test_layer_remembers_no_call() -> None:
    layer = VirtualBatchNorm(3, num_reference=N, chance=torch.Generator().manual_seed(0)).double()
    x = batch((3, 4, 2))
    first = layer(x)
    layer(10 * x + 1)
    assert torch.equal(layer.eval()(x), first)
    assert (
        list(layer.state_dict()) == [n for n, _ in layer.named_parameters()] == ["weight", "bias"]
    )
    assert torch.equal(first, virtual_batch_norm(x, layer.weight, layer.bias, num_reference=N))
    assert repr(layer) == "VirtualBatchNorm(3, num_reference=4, mode='per_example', epsilon=1e-05)"


def test_layer_hands_on_its_mode_and_epsilon() -> None:
    chance = torch.Generator().manual_seed(0)
    layer = VirtualBatchNorm(3, num_reference=N, chance=chance, mode="paper2016", epsilon=0.1)
    layer.double().load_state_dict({"weight": GAMMA, "bias": BETA})
    x = batch((3,))
    assert torch.equal(layer(x), norm(x, "paper2016", 0.1))


def test_scales_start_near_one_by_the_chance_given() -> None:
    one, same, other = (
        VirtualBatchNorm(5000, num_reference=1, chance=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(one.weight, same.weight) and not torch.equal(one.weight, other.weight)
    assert one.weight.mean().item() == pytest.approx(1, abs=0.001)
    assert one.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not one.bias.any()


@pytest.mark.parametrize("n", [-1, 0, 6])
def test_reference_that_the_batch_cannot_hold_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"first {n} rows are to be .* at most the 5 rows"):
        norm(draw(5, 3), n=n)


def test_rows_of_another_width_and_unknown_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="rows have 4 channels, gamma and beta have 3"):
        norm(draw(6, 4))
    with pytest.raises(ValueError, match="one of per_example, paper2016, june2016, got 'v4'"):
        norm(draw(6, 3), "v4")  # type: ignore[arg-type]
