import math

import pytest
import torch
from pytest import approx
from torch.nn.functional import one_hot, softplus

from convergan.objectives import (
    minimax_discriminator_loss,
    realness,
    supervised_loss,
    unsupervised_loss,
)
from tests import oracles
from tests.oracles import draw

class_counts = pytest.mark.parametrize("num_classes", [1, 2, 10])


@class_counts
def test_realness_is_the_logit_of_not_being_generated(num_classes: int) -> None:
    logits = draw(5, num_classes, seed=1)
    expected = [math.log(d / (1 - d)) for d in oracles.real_probabilities(logits.numpy())]
    assert realness(logits).shape == (5,)
    assert realness(logits).tolist() == approx(expected, rel=1e-12, abs=1e-12)


@class_counts
def test_losses_are_those_of_an_explicit_softmax(num_classes: int) -> None:
    logits, fake = draw(6, num_classes, seed=2), draw(4, num_classes, seed=3)
    labels = torch.arange(6) % num_classes
    assert supervised_loss(logits, labels).item() == approx(
        oracles.supervised_loss(logits.numpy(), labels.tolist()), rel=1e-12, abs=1e-12
    )
    assert unsupervised_loss(logits, fake).item() == approx(
        oracles.unsupervised_loss(logits.numpy(), fake.numpy()), rel=1e-12
    )


def test_label_among_all_classes_costs_the_realness_as_well() -> None:
    logits, labels = draw(6, 3, seed=4), torch.tensor([0, 1, 2, 2, 1, 0])
    both = supervised_loss(logits, labels) + softplus(-realness(logits)).mean()
    expected = oracles.all_classes_loss(logits.numpy(), labels.tolist())
    assert both.item() == approx(expected, rel=1e-12)


def test_free_last_logit_is_a_shift_of_the_others() -> None:
    logits, last = draw(4, 3, seed=5), draw(4, 1, seed=6)
    probabilities = [
        oracles.class_probabilities(row, fake_logit)
        for row, (fake_logit,) in zip(logits.tolist(), last.tolist(), strict=True)
    ]
    expected = [math.log((1 - p[-1]) / p[-1]) for p in probabilities]
    assert realness(logits - last).tolist() == approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("num_classes", [1, 2, 10, 1000])
def test_zero_logits_start_biased_to_data(num_classes: int) -> None:
    zeros = torch.zeros(3, num_classes, dtype=torch.float64)
    expected = num_classes / (num_classes + 1)
    assert realness(zeros).sigmoid().tolist() == approx([expected] * 3, rel=1e-14)
    loss = -(math.log(expected) + math.log(1 - expected)) / 2
    assert unsupervised_loss(zeros, zeros).item() == approx(loss, rel=1e-12)
    assert supervised_loss(zeros, torch.zeros(3).long()).item() == approx(math.log(num_classes))


def test_unsupervised_loss_starts_at_1_247_for_ten_classes() -> None:
    assert unsupervised_loss(torch.zeros(1, 10), torch.zeros(1, 10)).item() == approx(
        1.247, abs=5e-4
    )


@class_counts
def test_unsupervised_loss_is_log_two_where_d_is_one_half(num_classes: int) -> None:
    undecided = torch.full((3, num_classes), -math.log(num_classes), dtype=torch.float64)
    assert realness(undecided).sigmoid().tolist() == approx([0.5] * 3, rel=1e-14)
    assert unsupervised_loss(undecided, undecided[:2]).item() == approx(math.log(2), rel=1e-14)


def test_unsupervised_loss_is_not_negative() -> None:
    scales = (0.1, 1.0, 10.0, 100.0)
    losses = [unsupervised_loss(s * draw(4, 3), s * draw(5, 3, seed=7)) for s in scales]
    assert min(losses).item() > 0


def test_unsupervised_loss_is_half_of_the_two_player_loss() -> None:
    real, fake = draw(4, 1, seed=8), draw(6, 1, seed=9)
    paper = minimax_discriminator_loss(real, fake)
    assert 2 * unsupervised_loss(real, fake).item() == approx(paper.item(), rel=1e-14)


def test_supervised_gradient_is_probability_minus_label() -> None:
    logits, labels = draw(4, 3, seed=10).requires_grad_(), torch.tensor([2, 0, 1, 1])
    (gradient,) = torch.autograd.grad(supervised_loss(logits, labels), logits)
    expected = (logits.softmax(dim=1) - one_hot(labels, 3)) / 4
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-16)
    assert gradient.sum(dim=1).abs().max().item() < 1e-15


def test_data_raise_and_fakes_lower_every_logit_by_its_probability() -> None:
    real, fake = draw(4, 3, seed=11).requires_grad_(), draw(5, 3, seed=12).requires_grad_()
    on_real, on_fake = torch.autograd.grad(unsupervised_loss(real, fake), [real, fake])
    d_real, d_fake = (realness(logits).sigmoid()[:, None] for logits in (real, fake))
    expected = -0.5 * (1 - d_real) * real.softmax(dim=1) / 4
    torch.testing.assert_close(on_real, expected, rtol=1e-12, atol=0)
    expected = 0.5 * d_fake * fake.softmax(dim=1) / 5
    torch.testing.assert_close(on_fake, expected, rtol=1e-12, atol=0)


def test_constant_on_all_logits_moves_realness_and_not_the_label() -> None:
    logits, labels = draw(4, 3, seed=13), torch.tensor([2, 0, 1, 1])
    torch.testing.assert_close(realness(logits + 2.5), realness(logits) + 2.5)
    moved, still = supervised_loss(logits + 2.5, labels), supervised_loss(logits, labels)
    assert moved.item() == approx(still.item(), rel=1e-12)


def test_classes_may_be_renamed() -> None:
    logits, fake, labels = draw(4, 3, seed=14), draw(4, 3, seed=15), torch.tensor([2, 0, 1, 1])
    names = torch.tensor([1, 2, 0])  # the new column k is the old column names[k]
    renamed = supervised_loss(logits[:, names], names.argsort()[labels])
    assert renamed.item() == approx(supervised_loss(logits, labels).item(), rel=1e-12)
    either = unsupervised_loss(logits[:, names], fake[:, names])
    assert either.item() == approx(unsupervised_loss(logits, fake).item(), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("huge", [1e4, -1e4])
def test_losses_and_gradients_are_finite_at_huge_logits(huge: float, dtype: torch.dtype) -> None:
    real = torch.tensor([[huge, 0.0], [huge, huge]], dtype=dtype, requires_grad=True)
    fake = torch.tensor([[huge, huge], [0.0, -huge]], dtype=dtype, requires_grad=True)
    losses = [unsupervised_loss(real, fake), supervised_loss(real, torch.tensor([1, 0]))]
    for loss in losses:
        assert loss.isfinite() and loss.dtype is dtype
        gradients = torch.autograd.grad(loss, [real, fake], allow_unused=True)
        assert all(bool(g.isfinite().all()) for g in gradients if g is not None)


def test_gradients_pass_gradcheck() -> None:
    real, fake = draw(3, 4, seed=16).requires_grad_(), draw(2, 4, seed=17).requires_grad_()
    labels = torch.tensor([3, 0, 1])
    assert torch.autograd.gradcheck(unsupervised_loss, (real, fake))
    assert torch.autograd.gradcheck(lambda logits: supervised_loss(logits, labels), (real,))
    assert torch.autograd.gradcheck(realness, (real,))
