import pytest
import torch
from pytest import approx

from convergan.layers import Dropout, dropout
from tests import oracles
from tests.oracles import chance, draw


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5, 0.9])
def test_dropout_is_that_of_the_formula(probability: float) -> None:
    x = draw(4, 3, 5, seed=1)
    uniform = torch.rand(4, 3, 5, generator=chance())
    expected = oracles.dropout(x.numpy(), probability, uniform.double().numpy())
    torch.testing.assert_close(
        dropout(x, probability, chance()), torch.from_numpy(expected), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("probability", [0.2, 0.5])
def test_a_share_is_dropped_and_the_mean_and_size_of_the_rest_follow(probability: float) -> None:
    dropped = dropout(torch.ones(400, 250), probability, chance())
    assert (dropped == 0).double().mean().item() == approx(probability, abs=5e-3)
    assert dropped.mean().item() == approx(1, abs=0.01)
    assert dropped.max().item() == approx(1 / (1 - probability))
    assert len(set(dropped.flatten().tolist())) == 2


def test_every_value_is_dropped_by_itself() -> None:
    dropped = dropout(torch.ones(200, 8, 5, 5), 0.5, chance()) - 1  # -1 or 1
    for dim in range(4):
        shifted = dropped.roll(1, dim)
        assert (dropped * shifted).mean().item() == approx(0, abs=0.02)


def test_same_chance_drops_the_same_and_another_others() -> None:
    x, layer = draw(3, 50, seed=2), Dropout(0.5)
    assert torch.equal(layer(x, chance(1)), layer(x, chance(1)))
    assert not torch.equal(layer(x, chance(1)), layer(x, chance(2)))
    one = chance(1)
    assert not torch.equal(layer(x, one), layer(x, one))


def test_layer_is_the_identity_in_evaluation_mode_and_without_probability() -> None:
    x, untouched = draw(3, 5, seed=3), chance()
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x, untouched) is x
    assert torch.equal(untouched.get_state(), chance().get_state())


def test_input_and_global_generator_are_left_as_they_were() -> None:
    x, before = draw(3, 5, seed=4), torch.get_rng_state()
    dropout(x, 0.5, chance())
    assert torch.equal(x, draw(3, 5, seed=4))
    assert torch.equal(torch.get_rng_state(), before)


def test_layer_has_nothing_to_train_or_save() -> None:
    assert not Dropout(0.5).state_dict()
    assert repr(Dropout(0.5)) == "Dropout(probability=0.5)"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_output_follows_the_dtype_and_drops_the_same_in_any(dtype: torch.dtype) -> None:
    dropped = dropout(torch.ones(2, 3, 4, 4, dtype=dtype), 0.2, chance())
    assert dropped.dtype is dtype and dropped.shape == (2, 3, 4, 4)
    assert torch.equal(dropped == 0, dropout(torch.ones(2, 3, 4, 4), 0.2, chance()) == 0)


def test_output_follows_the_memory_format() -> None:
    x = draw(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    assert dropout(x, 0.5, chance()).is_contiguous(memory_format=torch.channels_last)


def test_gradient_passes_where_values_were_kept_and_is_scaled_alike() -> None:
    x, upstream = draw(3, 5, seed=5).requires_grad_(), draw(3, 5, seed=6)
    (gradient,) = torch.autograd.grad(dropout(x, 0.4, chance()), x, upstream)
    torch.testing.assert_close(gradient, dropout(upstream, 0.4, chance()), rtol=0, atol=0)
    assert torch.autograd.gradcheck(lambda x: dropout(x, 0.4, chance()), (x,))


@pytest.mark.parametrize("probability", [-0.1, 1.0, 1.5, float("nan")])
def test_a_probability_outside_of_its_range_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=f"at least 0 and below 1, got {probability}"):
        Dropout(probability)
