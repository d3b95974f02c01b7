import pytest
import torch
from torch import Tensor

from convergan.layers import BatchStatisticsNorm
from tests import oracles
from tests.oracles import draw

shapes = pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4, 2)])


def norm(bias: Tensor, epsilon: float = 1e-6) -> BatchStatisticsNorm:
    layer = BatchStatisticsNorm(len(bias), epsilon).double()
    layer.load_state_dict({"bias": bias})
    return layer


@shapes
@pytest.mark.parametrize("epsilon", [1e-6, 0.1])
def test_output_is_that_of_the_formula(shape: tuple[int, ...], epsilon: float) -> None:
    x, bias = 3 * draw(*shape, seed=1) + 2, draw(3, seed=2)
    expected = oracles.batch_statistics_norm(x.numpy(), bias.numpy(), epsilon)
    torch.testing.assert_close(
        norm(bias, epsilon)(x).detach(), torch.from_numpy(expected), rtol=1e-12, atol=1e-12
    )


@shapes
def test_channels_have_the_bias_as_mean_and_deviation_one(shape: tuple[int, ...]) -> None:
    bias = draw(3, seed=3)
    y = norm(bias)(100 * draw(*shape, seed=4) - 50).transpose(0, 1).flatten(1)
    torch.testing.assert_close(y.mean(dim=1), bias, rtol=0, atol=1e-12)
    torch.testing.assert_close(y.std(dim=1, correction=0), torch.ones_like(bias), atol=1e-6, rtol=0)


def test_bias_is_all_there_is_to_train_and_save() -> None:
    layer = BatchStatisticsNorm(3)
    assert list(layer.state_dict()) == [name for name, _ in layer.named_parameters()] == ["bias"]
    assert layer.bias.tolist() == [0, 0, 0]
    assert repr(layer) == "BatchStatisticsNorm(3, epsilon=1e-06)"


def test_evaluation_uses_the_statistics_of_its_own_batch() -> None:
    layer, x = norm(draw(3)), draw(5, 3, seed=5)
    trained = layer(x)
    layer(10 * x + 1)
    assert torch.equal(layer.eval()(x), trained)


def test_row_depends_on_the_rest_of_its_batch() -> None:
    layer, x = norm(draw(3)), draw(5, 3, seed=6)
    assert not torch.allclose(layer(x)[:3], layer(x[:3]))


def test_scale_and_shift_of_the_input_do_not_matter() -> None:
    layer, x = norm(draw(3), epsilon=1e-15), draw(5, 3, seed=7)
    torch.testing.assert_close(layer(7 * x - 4), layer(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer(x.flip(0)), layer(x).flip(0), rtol=1e-12, atol=1e-12)


def test_constant_channel_gives_its_bias() -> None:
    bias = draw(3, seed=8)
    y = norm(bias)(torch.full((4, 3), 2.5, dtype=torch.float64))
    torch.testing.assert_close(y.detach(), bias.expand(4, 3), rtol=1e-12, atol=1e-12)


def test_gradient_has_no_part_along_a_shift_or_scale_of_the_batch() -> None:
    x, upstream = draw(5, 3, seed=9).requires_grad_(), draw(5, 3, seed=10)
    layer = norm(draw(3), epsilon=1e-15)
    on_x, on_bias = torch.autograd.grad(layer(x), [x, layer.bias], upstream)
    assert on_x.sum(dim=0).abs().max().item() < 1e-14
    assert (on_x * x).sum(dim=0).abs().max().item() < 1e-14
    torch.testing.assert_close(on_bias, upstream.sum(dim=0), rtol=1e-12, atol=0)


@shapes
def test_gradients_pass_gradcheck(shape: tuple[int, ...]) -> None:
    layer = norm(draw(3))
    assert torch.autograd.gradcheck(
        lambda x, _: layer(x), (draw(*shape).requires_grad_(), layer.bias)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_output_follows_the_dtype_of_the_input(dtype: torch.dtype) -> None:
    assert BatchStatisticsNorm(3)(draw(5, 3).to(dtype)).dtype is dtype


def test_single_value_per_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        BatchStatisticsNorm(3)(torch.zeros(1, 3))
