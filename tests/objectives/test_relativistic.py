import math

import pytest
import torch
from pytest import approx
from torch.nn.functional import softplus

from convergan.objectives import (
    non_saturating_generator_loss,
    relativistic_discriminator_loss,
    relativistic_generator_loss,
)
from tests import oracles
from tests.oracles import draw


@pytest.mark.parametrize("shape", [(5,), (4, 1), (2, 3)])
def test_losses_are_those_of_the_paper(shape: tuple[int, ...]) -> None:
    real, fake = draw(*shape, seed=1), draw(*shape, seed=2)
    assert relativistic_discriminator_loss(real, fake).item() == approx(
        oracles.relativistic_discriminator_loss(real.numpy(), fake.numpy()), rel=1e-12
    )
    assert relativistic_generator_loss(real, fake).item() == approx(
        oracles.relativistic_generator_loss(real.numpy(), fake.numpy()), rel=1e-12
    )


def test_losses_of_a_constant_discriminator_are_logarithms_of_two() -> None:
    for logit in (-3.0, 0.0, 8.0):
        constant = torch.full((6,), logit, dtype=torch.float64)
        for loss in (relativistic_discriminator_loss, relativistic_generator_loss):
            assert loss(constant, constant).item() == approx(math.log(2), rel=1e-14)


def test_adding_a_number_to_all_logits_changes_nothing() -> None:
    real, fake = draw(5, seed=1), draw(5, seed=2)
    for loss in (relativistic_discriminator_loss, relativistic_generator_loss):
        assert loss(real + 9, fake + 9).item() == approx(loss(real, fake).item(), rel=1e-12)


def test_generator_loses_more_than_the_discriminator_by_the_mean_lead() -> None:
    real, fake = draw(5, seed=1) + 1, draw(5, seed=2)
    losses = relativistic_generator_loss(real, fake), relativistic_discriminator_loss(real, fake)
    assert (losses[0] - losses[1]).item() == approx((real - fake).mean().item(), rel=1e-12)


def test_players_swap_with_data_and_samples() -> None:
    real, fake = draw(5, seed=1), draw(5, seed=2)
    swapped = relativistic_discriminator_loss(fake, real)
    assert relativistic_generator_loss(real, fake).item() == swapped.item()


def test_pairs_may_be_reordered_but_not_broken() -> None:
    real, fake = draw(5, seed=1), draw(5, seed=2)
    loss = relativistic_discriminator_loss(real, fake).item()
    both = relativistic_discriminator_loss(real.flip(0), fake.flip(0))
    assert both.item() == approx(loss, rel=1e-14)
    assert abs(relativistic_discriminator_loss(real.flip(0), fake).item() - loss) > 1e-3


def test_with_one_fixed_real_logit_generator_plays_the_shifted_non_saturating_game() -> None:
    fake, shift = draw(6), 1.7
    fixed = torch.full((6,), shift, dtype=torch.float64)
    expected = non_saturating_generator_loss(fake - shift).item()
    assert relativistic_generator_loss(fixed, fake).item() == approx(expected, rel=1e-14)
    expected = softplus(fake - shift).mean().item()
    assert relativistic_discriminator_loss(fixed, fake).item() == approx(expected, rel=1e-14)


def test_gradients_pull_each_pair_apart_or_together_by_what_is_left_to_gain() -> None:
    real, fake = draw(5, seed=1).requires_grad_(), draw(5, seed=2).requires_grad_()
    lead = (real - fake).detach()
    loss = relativistic_discriminator_loss(real, fake)
    on_real, on_fake = torch.autograd.grad(loss, [real, fake])
    torch.testing.assert_close(on_real, -(-lead).sigmoid() / 5, rtol=1e-12, atol=0)
    torch.testing.assert_close(on_fake, -on_real, rtol=0, atol=0)
    [on_fake] = torch.autograd.grad(relativistic_generator_loss(real, fake), fake)
    torch.testing.assert_close(on_fake, -lead.sigmoid() / 5, rtol=1e-12, atol=0)


def test_losses_and_gradients_are_finite_at_huge_logits() -> None:
    real = torch.tensor([1e4, -1e4], requires_grad=True)
    fake = torch.tensor([-1e4, 1e4], requires_grad=True)
    for loss in (relativistic_discriminator_loss, relativistic_generator_loss):
        assert loss(real, fake).item() == 1e4
        assert all(bool(g.isfinite().all()) for g in torch.autograd.grad(loss(real, fake), real))


def test_gradients_pass_gradcheck() -> None:
    logits = draw(3, 2, seed=1).requires_grad_(), draw(3, 2, seed=2).requires_grad_()
    for loss in (relativistic_discriminator_loss, relativistic_generator_loss):
        assert torch.autograd.gradcheck(loss, logits)


@pytest.mark.parametrize("shape", [(4,), (1,), (5, 1)])
def test_batches_that_do_not_pair_are_refused(shape: tuple[int, ...]) -> None:
    for loss in (relativistic_discriminator_loss, relativistic_generator_loss):
        with pytest.raises(ValueError, match=r"every real row needs one .*\(5,\) and \("):
            loss(draw(5), draw(*shape))
