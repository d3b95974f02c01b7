from collections.abc import Callable

import numpy as np
import pytest
import torch
from pytest import approx
from torch import Tensor

from convergan.networks import toy_discriminator
from convergan.objectives import (
    gradient_penalty,
    r1_penalty,
    r2_penalty,
    relativistic_discriminator_loss,
)
from tests import oracles
from tests.oracles import draw

SHAPES = [(5, 4), (3, 2, 3, 3)]


def penalty_of(judge: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    rows = rows.clone().requires_grad_()
    return gradient_penalty(judge(rows), rows)


@pytest.mark.parametrize("shape", SHAPES)
def test_penalty_is_that_of_differences(shape: tuple[int, ...]) -> None:
    rows = draw(*shape)
    weight, output = draw(rows[0].numel(), 6, seed=1), draw(6, seed=2)
    expected = oracles.gradient_penalty(
        lambda row: float(np.tanh(row.reshape(-1) @ weight.numpy()) @ output.numpy()), rows.numpy()
    )
    penalty = penalty_of(lambda x: torch.tanh(x.flatten(1) @ weight) @ output, rows)
    assert penalty.shape == () and penalty.item() == approx(expected, rel=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
def test_penalty_of_a_linear_discriminator_is_the_square_of_its_weights(
    shape: tuple[int, ...],
) -> None:
    real, fake = draw(*shape).requires_grad_(), draw(*shape, seed=1).requires_grad_()
    weight = draw(*shape[1:], seed=2).requires_grad_()

    def judge(rows: Tensor) -> Tensor:
        return (rows * weight).flatten(1).sum(dim=1, keepdim=True) + 7

    penalties = r1_penalty(judge(real), real), r2_penalty(judge(fake), fake)
    for penalty in penalties:
        assert penalty.item() == approx(weight.square().sum().item(), rel=1e-12)
    half_gamma = 0.05 / 2
    [gradient] = torch.autograd.grad(half_gamma * (penalties[0] + penalties[1]), weight)
    torch.testing.assert_close(gradient, 0.05 * 2 * weight, rtol=1e-12, atol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_penalty_of_half_the_square_is_the_mean_square(shape: tuple[int, ...]) -> None:
    rows = draw(*shape)
    penalty = penalty_of(lambda x: x.square().flatten(1).sum(dim=1) / 2, rows)
    assert penalty.item() == approx(rows.square().sum().item() / shape[0], rel=1e-12)


def test_adding_a_number_changes_nothing_and_a_factor_its_square() -> None:
    rows = draw(5, 4)
    plain = penalty_of(lambda x: x.sin().sum(dim=1), rows).item()
    assert penalty_of(lambda x: x.sin().sum(dim=1) + 3, rows).item() == plain
    tripled = penalty_of(lambda x: -3 * x.sin().sum(dim=1), rows).item()
    assert tripled == approx(9 * plain, rel=1e-12)


def test_discriminator_that_does_not_look_has_no_penalty_and_no_gradient() -> None:
    scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
    penalty = penalty_of(lambda x: scale * x.sin().sum(dim=1) + 1, draw(5, 4))
    assert penalty.item() == 0
    assert torch.autograd.grad(penalty, scale)[0].item() == 0


def test_repeating_the_batch_changes_nothing() -> None:
    rows = draw(4, 3)
    once, twice = (penalty_of(lambda x: x.exp().sum(dim=1), torch.cat([rows] * n)) for n in (1, 2))
    assert once.item() == approx(twice.item(), rel=1e-14)


def test_penalty_trains_the_discriminator_through_its_slope() -> None:
    def penalty(weight: Tensor, output: Tensor) -> Tensor:
        return penalty_of(lambda x: torch.tanh(x @ weight) @ output, draw(4, 3))

    inputs = draw(3, 5, seed=1).requires_grad_(), draw(5, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(penalty, inputs)
    for gradient in torch.autograd.grad(penalty(*inputs), inputs):
        assert bool(gradient.all())


def test_penalty_of_detached_fakes_does_not_reach_the_generator() -> None:
    latent, weight = draw(4, 3).requires_grad_(), draw(3, seed=1).requires_grad_()
    fake = latent.sin()
    held = fake.detach().requires_grad_()
    penalty = r2_penalty((held**2) @ weight, held)
    penalty.backward()  # type: ignore[no-untyped-call]
    assert latent.grad is None and weight.grad is not None and bool(weight.grad.all())
    attached = r2_penalty((fake**2) @ weight, fake)
    assert attached.item() == penalty.item()
    assert bool(torch.autograd.grad(attached, latent)[0].any())


def test_gradients_before_an_augmentation_are_those_of_both_together() -> None:
    rows, weight = draw(5, 3).requires_grad_(), draw(3, seed=1)
    penalty = gradient_penalty((2 * rows) @ weight, rows)
    assert penalty.item() == approx(4 * weight.square().sum().item(), rel=1e-12)


def test_a_step_of_a_real_network_has_gradients_of_loss_and_penalties() -> None:
    discriminator = toy_discriminator((2,), 1, torch.Generator().manual_seed(0)).double()
    real, fake = draw(6, 2).requires_grad_(), draw(6, 2, seed=1).requires_grad_()
    real_logits, fake_logits = discriminator(real).logits, discriminator(fake).logits
    penalties = r1_penalty(real_logits, real) + r2_penalty(fake_logits, fake)
    loss = relativistic_discriminator_loss(real_logits, fake_logits) + penalties / 2
    loss.backward()  # type: ignore[no-untyped-call]
    trained = [p for p in discriminator.parameters() if p.requires_grad]
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in trained)


def test_rows_that_require_no_gradients_are_refused() -> None:
    rows, weight = draw(4, 3), draw(3, seed=1).requires_grad_()
    with pytest.raises(ValueError, match="rows must require gradients before they are judged"):
        gradient_penalty(rows @ weight, rows)


def test_logits_that_do_not_depend_on_the_rows_are_refused() -> None:
    rows, weight = draw(4, 3).requires_grad_(), draw(3, seed=1).requires_grad_()
    with torch.no_grad():
        without_graph = rows @ weight
    for logits in (without_graph, rows.detach() @ weight, rows.clone().detach().sum(dim=1)):
        with pytest.raises(ValueError, match="logits must be computed from these very rows"):
            gradient_penalty(logits, rows)


def test_more_than_one_logit_a_row_is_refused() -> None:
    rows = draw(4, 3).requires_grad_()
    with pytest.raises(ValueError, match=r"one logit a row, got logits \(4, 3\) for rows \(4, 3\)"):
        gradient_penalty(rows.sin(), rows)
