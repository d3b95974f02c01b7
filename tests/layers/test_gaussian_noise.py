import pytest
import torch
from pytest import approx

from convergan.layers import GaussianNoise, add_gaussian_noise
from tests.oracles import chance, draw


def test_noise_is_std_times_a_standard_normal_draw() -> None:
    x = draw(4, 8, seed=1)
    noise = torch.randn(4, 8, generator=chance(), dtype=torch.float64)
    torch.testing.assert_close(
        add_gaussian_noise(x, 0.3, chance()), x + 0.3 * noise, rtol=0, atol=1e-12
    )


def test_noise_has_mean_zero_and_its_standard_deviation() -> None:
    noise = add_gaussian_noise(torch.zeros(400, 250), 0.3, chance())
    assert noise.mean().item() == approx(0, abs=4e-3)
    assert noise.std().item() == approx(0.3, rel=0.01)
    rows = noise[:200] * noise[200:]
    assert rows.mean().item() == approx(0, abs=2e-3)  # rows are independent


def test_same_chance_gives_the_same_noise_and_another_another() -> None:
    x, layer = draw(3, 5, seed=2), GaussianNoise(0.5)
    assert torch.equal(layer(x, chance(1)), layer(x, chance(1)))
    assert not torch.equal(layer(x, chance(1)), layer(x, chance(2)))
    one = chance(1)
    assert not torch.equal(layer(x, one), layer(x, one))


def test_noise_is_the_same_with_and_without_gradients() -> None:
    x = draw(3, 5, seed=3)
    with_gradients = add_gaussian_noise(x.clone().requires_grad_(), 0.5, chance())
    assert torch.equal(add_gaussian_noise(x, 0.5, chance()), with_gradients)


def test_input_is_left_as_it_was() -> None:
    x = draw(3, 5, seed=4)
    add_gaussian_noise(x, 0.5, chance())
    assert torch.equal(x, draw(3, 5, seed=4))


def test_layer_is_the_identity_in_evaluation_mode_and_without_deviation() -> None:
    x, untouched = draw(3, 5, seed=5), chance()
    assert GaussianNoise(0.5).eval()(x) is x
    assert GaussianNoise(0.0)(x, untouched) is x
    assert torch.equal(untouched.get_state(), chance().get_state())


def test_layer_has_nothing_to_train_or_save() -> None:
    assert not GaussianNoise(0.5).state_dict()
    assert repr(GaussianNoise(0.5)) == "GaussianNoise(std=0.5)"


def test_noise_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    GaussianNoise(0.5)(draw(3, 5), chance())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_output_follows_the_dtype_and_shape_of_the_input(dtype: torch.dtype) -> None:
    noisy = add_gaussian_noise(draw(2, 3, 4, 4).to(dtype), 0.5, chance())
    assert noisy.dtype is dtype and noisy.shape == (2, 3, 4, 4)


def test_gradient_passes_unchanged() -> None:
    x, upstream = draw(3, 5, seed=6).requires_grad_(), draw(3, 5, seed=7)
    (gradient,) = torch.autograd.grad(add_gaussian_noise(x, 0.5, chance()), x, upstream)
    assert torch.equal(gradient, upstream)
    assert torch.autograd.gradcheck(lambda x: add_gaussian_noise(x, 0.5, chance()), (x,))


def test_negative_deviation_is_refused() -> None:
    with pytest.raises(ValueError, match="not be negative, got -0.1"):
        GaussianNoise(-0.1)
