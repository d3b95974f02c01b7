import pytest
import torch
from torch import Tensor
from torch.nn.functional import batch_norm

from convergan.layers import CrossBatchNorm, cross_batch_norm
from tests import oracles
from tests.oracles import draw

shapes = pytest.mark.parametrize("shape", [(6, 4), (6, 4, 3, 2)], ids=["rows", "images"])
GAMMA, BETA = draw(2, 2, seed=1) + 2, draw(2, 2, seed=2)


def batch(shape: tuple[int, ...], seed: int = 3) -> Tensor:
    """Real rows, then fake ones of another mean and deviation."""
    x = draw(*shape, seed=seed)
    x[len(x) // 2 :] = 3 * x[len(x) // 2 :] + 1
    return x


def assert_near(one: object, other: object) -> None:
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@shapes
@pytest.mark.parametrize("epsilon", [1e-5, 0.1])
def test_output_is_that_of_the_formula(shape: tuple[int, ...], epsilon: float) -> None:
    x = batch(shape)
    expected = oracles.cross_batch_norm(x.numpy(), GAMMA.numpy(), BETA.numpy(), epsilon)
    assert_near(cross_batch_norm(x, GAMMA, BETA, epsilon=epsilon), torch.from_numpy(expected))


@shapes
def test_equal_halves_get_ordinary_batch_norm_of_one(shape: tuple[int, ...]) -> None:
    half = draw(*shape, seed=4)
    plain = batch_norm(half, None, None, GAMMA.flatten(), BETA.flatten(), training=True, eps=1e-5)
    both = cross_batch_norm(torch.cat([half, half]), GAMMA, BETA)
    assert_near(both, torch.cat([plain, plain]))


@shapes
def test_each_half_has_its_shift_as_mean_and_scale_as_deviation(shape: tuple[int, ...]) -> None:
    y = cross_batch_norm(batch(shape), GAMMA, BETA, epsilon=0.0)
    for number, corner in enumerate((y[:3, :2], y[3:, 2:])):
        values = corner.transpose(0, 1).flatten(1)
        assert_near(values.mean(dim=1), BETA[number])
        assert_near(values.std(dim=1, correction=0), GAMMA[number].abs())
    for other in (y[:3, 2:], y[3:, :2]):
        assert not torch.allclose(other.transpose(0, 1).flatten(1).mean(dim=1), BETA, atol=0.1)


@shapes
def test_swapping_rows_channels_and_parameters_together_is_a_symmetry(
    shape: tuple[int, ...],
) -> None:
    x = batch(shape)

    def swap(t: Tensor) -> Tensor:
        return t.roll((3, 2), dims=(0, 1))

    swapped = cross_batch_norm(swap(x), GAMMA.flip(0), BETA.flip(0))
    assert_near(swapped, swap(cross_batch_norm(x, GAMMA, BETA)))
    assert not torch.allclose(cross_batch_norm(swap(x), GAMMA, BETA), swapped)


@shapes
def test_real_rows_send_gradients_to_fake_ones_and_back(shape: tuple[int, ...]) -> None:
    x = batch(shape).requires_grad_()
    y = cross_batch_norm(x, GAMMA, BETA)
    [from_real] = torch.autograd.grad(y[:3].sin().sum(), x, retain_graph=True)
    [from_fake] = torch.autograd.grad(y[3:].sin().sum(), x)
    assert bool(from_real[3:, 2:].any()) and not from_real[3:, :2].any()
    assert bool(from_fake[:3, :2].any()) and not from_fake[:3, 2:].any()


@shapes
def test_gradients_pass_gradcheck(shape: tuple[int, ...]) -> None:
    inputs = (batch(shape), GAMMA.clone(), BETA.clone())
    assert torch.autograd.gradcheck(cross_batch_norm, [t.requires_grad_() for t in inputs])


@shapes
def test_bfloat16_is_computed_in_float32(shape: tuple[int, ...]) -> None:
    x, gamma, beta = batch(shape).bfloat16(), GAMMA.bfloat16(), BETA.bfloat16()
    y = cross_batch_norm(x, gamma, beta)
    assert torch.equal(y, cross_batch_norm(x.float(), gamma.float(), beta.float()).bfloat16())


def test_autocast_changes_nothing() -> None:
    layer, x = CrossBatchNorm(4, chance=torch.Generator()), batch((6, 4, 3, 2)).float()
    with torch.autocast("cpu", torch.bfloat16):
        cast = layer(x)
    assert torch.equal(cast, layer(x))


def test_layer_owns_two_scales_and_shifts_and_remembers_no_call() -> None:
    layer, x = CrossBatchNorm(4, chance=torch.Generator()).double(), batch((6, 4))
    names = ["weight", "bias"]
    assert list(layer.state_dict()) == [name for name, _ in layer.named_parameters()] == names
    layer.load_state_dict({"weight": GAMMA, "bias": BETA})
    first = layer(x)
    layer(10 * x + 1)
    assert torch.equal(layer.eval()(x), first)
    assert torch.equal(first, cross_batch_norm(x, GAMMA, BETA))
    assert repr(layer) == "CrossBatchNorm(4, epsilon=1e-05)"
    coarse = CrossBatchNorm(4, chance=torch.Generator(), epsilon=0.1).double()
    coarse.load_state_dict(layer.state_dict())
    assert torch.equal(coarse(x), cross_batch_norm(x, GAMMA, BETA, epsilon=0.1))


def test_scales_start_near_one_by_the_chance_given() -> None:
    one, same, other = (
        CrossBatchNorm(5000, chance=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one.weight, same.weight) and not torch.equal(one.weight, other.weight)
    assert one.weight.mean().item() == pytest.approx(1, abs=0.001)
    assert one.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert one.weight.shape == (2, 2500) and not one.bias.any()


def test_odd_channels_and_odd_batches_are_refused() -> None:
    with pytest.raises(ValueError, match="num_channels must be even, .*: 5"):
        CrossBatchNorm(5, chance=torch.Generator())
    with pytest.raises(ValueError, match="half real, half fake rows, so not of odd size: got 5"):
        cross_batch_norm(draw(5, 4), GAMMA, BETA)


def test_other_channels_and_single_values_are_refused() -> None:
    with pytest.raises(ValueError, match="rows have 6 channels, gamma and beta have 4"):
        cross_batch_norm(draw(6, 6), GAMMA, BETA)
    for count in (0, 2):
        with pytest.raises(ValueError, match=rf"at least two values .* shape \({count}, 4\)"):
            cross_batch_norm(draw(count, 4), GAMMA, BETA)
