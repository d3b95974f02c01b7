import math

import pytest
import torch
from pytest import approx
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from convergan.objectives import (
    binary_entropy,
    minimax_discriminator_loss,
    non_saturating_generator_loss,
    smoothed_discriminator_loss,
    smoothed_generator_loss,
)
from tests import oracles
from tests.oracles import draw

SURELY_FAKE = torch.full((1,), -1e4, dtype=torch.float64)  # where the term on fakes is 0
real_targets = pytest.mark.parametrize("real_target", [0.75, 0.9, 0.5])


def scalar(number: float) -> Tensor:
    return torch.tensor([number], dtype=torch.float64, requires_grad=True)


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


@pytest.mark.parametrize(
    "target, nats", [(0.75, 0.56234), (0.9, 0.32508), (0.375, 0.66156), (0.5, math.log(2))]
)
def test_entropy_of_a_target(target: float, nats: float) -> None:
    assert binary_entropy(target) == approx(nats, abs=5e-6)
    assert binary_entropy(1 - target) == approx(binary_entropy(target), rel=1e-14)


def test_entropy_of_a_certainty_is_zero() -> None:
    assert binary_entropy(0) == binary_entropy(1) == 0


@pytest.mark.parametrize("real_target, generator_target", [(0.75, 0.375), (0.9, 1.0), (1.0, 0.0)])
def test_losses_are_divergences_from_their_targets(
    real_target: float, generator_target: float
) -> None:
    real, fake = draw(4, 1, seed=1), draw(7, seed=2)
    assert smoothed_discriminator_loss(real, fake, real_target=real_target).item() == approx(
        oracles.smoothed_discriminator_loss(real.numpy(), fake.numpy(), real_target), rel=1e-12
    )
    assert smoothed_generator_loss(fake, generator_target=generator_target).item() == approx(
        oracles.smoothed_generator_loss(fake.numpy(), generator_target), rel=1e-12
    )


def test_full_target_gives_the_minimax_game() -> None:
    real, fake = draw(4, seed=3), draw(5, seed=4)
    plain, smoothed = minimax_discriminator_loss(real, fake), smoothed_discriminator_loss
    assert smoothed(real, fake, real_target=1).item() == approx(plain.item(), rel=1e-14)
    generator = non_saturating_generator_loss(fake).item()
    assert smoothed_generator_loss(fake, generator_target=1).item() == approx(generator, rel=1e-14)


@pytest.mark.parametrize("real_target, best", [(0.75, 1.0986), (0.9, 2.1972)])
def test_best_logit_on_data_is_that_of_the_target_and_costs_nothing(
    real_target: float, best: float
) -> None:
    assert logit(real_target) == approx(best, abs=5e-5)
    at_best = scalar(logit(real_target))
    loss = smoothed_discriminator_loss(at_best, SURELY_FAKE, real_target=real_target)
    assert loss.item() == approx(0, abs=1e-15)
    (gradient,) = torch.autograd.grad(loss, at_best)
    assert gradient.item() == approx(0, abs=1e-15)
    for aside in (-0.1, 0.1):
        other = scalar(logit(real_target) + aside)
        assert smoothed_discriminator_loss(other, SURELY_FAKE, real_target=real_target).item() > 0


@real_targets
def test_gradients_are_the_distance_of_d_from_its_target(real_target: float) -> None:
    real, fake = draw(4, seed=5).requires_grad_(), draw(6, seed=6).requires_grad_()
    loss = smoothed_discriminator_loss(real, fake, real_target=real_target)
    on_real, on_fake = torch.autograd.grad(loss, [real, fake])
    torch.testing.assert_close(on_real, (real.sigmoid() - real_target) / 4, rtol=1e-12, atol=1e-16)
    torch.testing.assert_close(on_fake, fake.sigmoid() / 6, rtol=1e-12, atol=0)


@real_targets
def test_gradients_cancel_at_half_the_target(real_target: float) -> None:
    everywhere = scalar(logit(real_target / 2))
    loss = smoothed_discriminator_loss(everywhere, everywhere, real_target=real_target)
    (gradient,) = torch.autograd.grad(loss, everywhere)
    assert gradient.item() == approx(0, abs=1e-15)


@real_targets
def test_best_discriminator_is_the_smoothed_share_of_the_data(real_target: float) -> None:
    # Point u holds half of the data and three quarters of the samples, point v the rest.
    shares = torch.tensor([0.4, 2 / 3], dtype=torch.float64)
    points = (real_target * shares).logit().requires_grad_()
    loss = smoothed_discriminator_loss(
        points[[0, 1]], points[[0, 0, 0, 1]], real_target=real_target
    )
    (gradient,) = torch.autograd.grad(loss, points)
    assert gradient.abs().max().item() < 1e-15


@real_targets
def test_smoothing_is_one_sided(real_target: float) -> None:
    fake = draw(6, seed=7)
    satisfied = scalar(logit(real_target))
    smoothed = smoothed_discriminator_loss(satisfied, fake, real_target=real_target)
    plain = minimax_discriminator_loss(-SURELY_FAKE, fake)
    assert smoothed.item() == approx(plain.item(), rel=1e-12)


@real_targets
def test_entropy_changes_the_value_and_not_the_gradient(real_target: float) -> None:
    real = draw(5, seed=8).requires_grad_()
    plain = binary_cross_entropy_with_logits(real, torch.full_like(real, real_target))
    smoothed = smoothed_discriminator_loss(real, SURELY_FAKE, real_target=real_target)
    assert (plain - smoothed).item() == approx(binary_entropy(real_target), rel=1e-12)
    (expected,), (found,) = (torch.autograd.grad(loss, real) for loss in (plain, smoothed))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(
    "realness, sign", [(0.1, -1), (0.374, -1), (0.376, 1), (0.5, 1), (0.99, 1)]
)
def test_generator_is_drawn_to_its_target_from_both_sides(realness: float, sign: int) -> None:
    fake = scalar(logit(realness))
    (released,) = torch.autograd.grad(smoothed_generator_loss(fake, generator_target=0.375), fake)
    assert released.item() == approx(realness - 0.375, rel=1e-9)
    assert released.sign().item() == sign
    (folklore,) = torch.autograd.grad(smoothed_generator_loss(fake, generator_target=1), fake)
    assert folklore.item() == approx(realness - 1, rel=1e-9)


def test_generator_rests_at_its_target() -> None:
    fake = scalar(logit(0.375))
    loss = smoothed_generator_loss(fake, generator_target=0.375)
    (gradient,) = torch.autograd.grad(loss, fake)
    assert loss.item() == approx(0, abs=1e-15)
    assert gradient.item() == approx(0, abs=1e-15)


@pytest.mark.parametrize("huge", [1e4, -1e4])
def test_losses_and_gradients_are_finite_at_huge_logits(huge: float) -> None:
    real, fake = scalar(huge), scalar(-huge)
    loss = smoothed_discriminator_loss(real, fake, real_target=0.75)
    expected = 1e4 * (0.25 if huge > 0 else 0.75 + 1) - binary_entropy(0.75)
    assert loss.item() == approx(expected, rel=1e-12)
    assert all(bool(g.isfinite().all()) for g in torch.autograd.grad(loss, [real, fake]))
    generator = smoothed_generator_loss(fake, generator_target=0.375)
    expected = 1e4 * (0.375 if huge > 0 else 0.625) - binary_entropy(0.375)
    assert generator.item() == approx(expected, rel=1e-12)


def test_gradients_pass_gradcheck() -> None:
    real, fake = draw(3, seed=9).requires_grad_(), draw(2, 2, seed=10).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda r, f: smoothed_discriminator_loss(r, f, real_target=0.75), (real, fake)
    )
    assert torch.autograd.gradcheck(
        lambda f: smoothed_generator_loss(f, generator_target=0.375), (fake,)
    )


@pytest.mark.parametrize("target", [-0.1, 1.1, math.nan])
def test_target_that_is_no_probability_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match=str(target)):
        binary_entropy(target)
    with pytest.raises(ValueError, match=str(target)):
        smoothed_generator_loss(draw(2), generator_target=target)
    with pytest.raises(ValueError, match=str(target)):
        smoothed_discriminator_loss(draw(2), draw(2), real_target=target)


def test_target_of_zero_on_data_is_refused() -> None:
    with pytest.raises(ValueError, match="real_target must be in"):
        smoothed_discriminator_loss(draw(2), draw(2), real_target=0.0)
