import math

import pytest
import torch
from pytest import approx
from torch import Tensor

from convergan.objectives import (
    minimax_discriminator_loss,
    non_saturating_generator_loss,
    saturating_generator_loss,
)
from tests import oracles
from tests.oracles import draw

SHAPES = [((5,), (5,)), ((4, 1), (7, 1)), ((2, 3), (6,))]


def gradient(loss: Tensor, logits: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(loss, logits)
    return found


@pytest.mark.parametrize("real_shape, fake_shape", SHAPES)
def test_losses_are_those_of_the_paper(
    real_shape: tuple[int, ...], fake_shape: tuple[int, ...]
) -> None:
    real, fake = draw(*real_shape, seed=1), draw(*fake_shape, seed=2)
    assert minimax_discriminator_loss(real, fake).item() == approx(
        oracles.minimax_discriminator_loss(real.numpy(), fake.numpy()), rel=1e-12
    )
    assert saturating_generator_loss(fake).item() == approx(
        oracles.saturating_generator_loss(fake.numpy()), rel=1e-12
    )
    assert non_saturating_generator_loss(fake).item() == approx(
        oracles.non_saturating_generator_loss(fake.numpy()), rel=1e-12
    )


def test_losses_of_an_undecided_discriminator_are_logarithms_of_two() -> None:
    undecided = torch.zeros(3, dtype=torch.float64)
    assert minimax_discriminator_loss(undecided, undecided).item() == approx(2 * math.log(2))
    assert non_saturating_generator_loss(undecided).item() == approx(math.log(2))
    assert saturating_generator_loss(undecided).item() == approx(-math.log(2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_and_gradients_are_finite_at_huge_logits(dtype: torch.dtype) -> None:
    sure = torch.tensor([1e4], dtype=dtype, requires_grad=True)
    wrong = torch.tensor([-1e4], dtype=dtype, requires_grad=True)
    assert minimax_discriminator_loss(sure, wrong).item() == 0
    mistaken = minimax_discriminator_loss(wrong, sure)
    assert mistaken.item() == 2e4
    assert gradient(mistaken, wrong).tolist() == [-1]
    assert non_saturating_generator_loss(wrong).item() == 1e4
    assert non_saturating_generator_loss(sure).item() == 0
    assert saturating_generator_loss(sure).item() == -1e4
    assert saturating_generator_loss(wrong).item() == 0
    assert mistaken.dtype is dtype


def test_gradients_are_d_and_one_minus_d() -> None:
    real, fake = draw(4, seed=3).requires_grad_(), draw(6, seed=4).requires_grad_()
    loss = minimax_discriminator_loss(real, fake)
    on_real, on_fake = torch.autograd.grad(loss, [real, fake])
    torch.testing.assert_close(on_real, -(1 - real.sigmoid()) / 4, rtol=1e-12, atol=0)
    torch.testing.assert_close(on_fake, fake.sigmoid() / 6, rtol=1e-12, atol=0)
    saturating = gradient(saturating_generator_loss(fake), fake)
    torch.testing.assert_close(saturating, -fake.sigmoid() / 6, rtol=1e-12, atol=0)
    other = gradient(non_saturating_generator_loss(fake), fake)
    torch.testing.assert_close(other, -(1 - fake.sigmoid()) / 6, rtol=1e-12, atol=0)


def test_minimax_game_sums_to_zero_over_the_fakes() -> None:
    real, fake = draw(4, seed=5), draw(6, seed=6)
    sure = torch.full((1,), 1e4, dtype=torch.float64)
    on_fakes = minimax_discriminator_loss(sure, fake)
    assert (on_fakes + saturating_generator_loss(fake)).item() == 0
    on_reals = minimax_discriminator_loss(real, -sure)
    assert minimax_discriminator_loss(real, fake).item() == approx((on_reals + on_fakes).item())


def test_only_the_saturating_gradient_vanishes_where_the_discriminator_is_sure() -> None:
    rejected = torch.full((1,), -20.0, dtype=torch.float64, requires_grad=True)
    assert -1e-8 < gradient(saturating_generator_loss(rejected), rejected).item() < 0
    assert gradient(non_saturating_generator_loss(rejected), rejected).item() == approx(-1)


def test_best_discriminator_is_the_share_of_the_data() -> None:
    # Point u holds half of the data and three quarters of the samples, point v the rest.
    points = torch.log(torch.tensor([0.5 / 0.75, 0.5 / 0.25], dtype=torch.float64))
    points.requires_grad_()
    loss = minimax_discriminator_loss(points[[0, 1]], points[[0, 0, 0, 1]])
    assert gradient(loss, points).abs().max().item() < 1e-15
    torch.testing.assert_close(points.sigmoid().tolist(), [0.4, 2 / 3])


def test_order_within_a_batch_does_not_matter() -> None:
    real, fake = draw(5, seed=7), draw(5, seed=8)
    shuffled = minimax_discriminator_loss(real.flip(0), fake.roll(2))
    assert shuffled.item() == approx(minimax_discriminator_loss(real, fake).item(), rel=1e-14)


def test_gradients_pass_gradcheck() -> None:
    real, fake = draw(3, 2, seed=9).requires_grad_(), draw(4, seed=10).requires_grad_()
    assert torch.autograd.gradcheck(minimax_discriminator_loss, (real, fake))
    assert torch.autograd.gradcheck(non_saturating_generator_loss, (fake,))
    assert torch.autograd.gradcheck(saturating_generator_loss, (fake,))
