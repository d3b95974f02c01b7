import math

import numpy as np
import pytest
import torch
from pytest import approx

from convergan.objectives import consistency_loss, consistency_term
from tests import oracles
from tests.oracles import draw


def test_loss_is_the_mean_squared_distance_of_probabilities() -> None:
    logits, targets = draw(5, 3), draw(5, 3, seed=1).softmax(dim=1)
    total = 0.0
    for row, target in zip(logits.numpy(), targets.numpy(), strict=True):
        p = np.exp(row) / np.exp(row).sum()
        total += sum((a - b) ** 2 for a, b in zip(p, target, strict=True))
    loss = consistency_loss(logits, targets)
    assert abs(loss.item() - total / 5) < 1e-12


def test_loss_lies_between_agreement_and_opposite_certainty() -> None:
    sure = torch.tensor([[1e4, 0.0]])
    assert consistency_loss(sure, torch.tensor([[1.0, 0.0]])).item() == 0
    assert consistency_loss(sure, torch.tensor([[0.0, 1.0]])).item() == 2


def test_targets_receive_no_gradient_and_logits_the_right_one() -> None:
    logits, targets = draw(4, 3).requires_grad_(), draw(4, 3, seed=1).requires_grad_()
    consistency_loss(logits, targets).backward()  # type: ignore[no-untyped-call]
    assert targets.grad is None
    assert torch.autograd.gradcheck(consistency_loss, (logits, targets.detach()))


@pytest.mark.parametrize("margin", [0.0, 0.02, 0.1])
def test_term_is_that_of_the_slow_loop(margin: float) -> None:
    first, second = 3 * draw(9, 4), 3 * draw(9, 4, seed=1)
    expected = oracles.consistency_term(first.numpy(), second.numpy(), margin)
    term = consistency_term(first, second, margin=margin)
    assert expected > 0 and term.shape == () and term.item() == approx(expected, rel=1e-12)


def test_term_of_two_equal_passes_is_zero_without_a_gradient() -> None:
    logits = draw(5, 3).requires_grad_()
    term = consistency_term(logits, logits + 4, margin=0.0)
    [gradient] = torch.autograd.grad(term, logits)
    assert term.item() < 1e-30 and gradient.abs().max().item() < 1e-15


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_term_lies_between_agreement_and_two_in_the_number_of_classes(classes: int) -> None:
    sure = 1e4 * torch.eye(classes, dtype=torch.float64)
    assert consistency_term(sure, sure.roll(1, 0), margin=0.0).item() == approx(2 / classes)
    drawn = consistency_term(3 * draw(50, classes), 3 * draw(50, classes, seed=1), margin=0.0)
    assert 0 < drawn.item() < 2 / classes


def test_term_is_symmetric_in_the_passes_with_gradients_through_both() -> None:
    first, second = draw(5, 3).requires_grad_(), draw(5, 3, seed=1).requires_grad_()
    term, swapped = (
        consistency_term(*passes, margin=0.01) for passes in ((first, second), (second, first))
    )
    assert term.item() == swapped.item()
    assert all(bool(g.any()) for g in torch.autograd.grad(term, [first, second]))
    assert torch.autograd.gradcheck(
        lambda a, b: consistency_term(a, b, margin=0.01), (first, second)
    )


def test_without_a_margin_term_is_the_consistency_loss_over_the_number_of_classes() -> None:
    first, second = draw(5, 3), draw(5, 3, seed=1)
    whole = consistency_loss(first, second.softmax(dim=1)).item()
    assert consistency_term(first, second, margin=0.0).item() == approx(whole / 3, rel=1e-14)


def test_rows_within_the_margin_cost_nothing_and_others_what_is_over_it() -> None:
    first = torch.tensor([[0.0, 0.0], [1e4, 0.0]], dtype=torch.float64, requires_grad=True)
    second = torch.tensor([[0.1, 0.0], [0.0, 1e4]], dtype=torch.float64)
    term = consistency_term(first, second, margin=0.25)  # row by row, not over the batch
    assert term.item() == approx((1 - 0.25) / 2, rel=1e-14)
    assert not torch.autograd.grad(term, first)[0][0].any()
    assert consistency_term(first, second, margin=2.0).item() == 0


@pytest.mark.parametrize("margin", [-0.1, math.nan])
def test_a_negative_margin_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match=f"margin must not be negative, got {margin}"):
        consistency_term(draw(2, 3), draw(2, 3), margin=margin)


def test_passes_over_different_batches_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the same batch, .* \(4, 3\) and \(1, 3\)"):
        consistency_term(draw(4, 3), draw(1, 3), margin=0.0)
