import math

import pytest
import torch
from pytest import approx
from torch import Tensor
from torch.nn.functional import softplus

from convergan.objectives import (
    least_squares_realness,
    logit_realness,
    non_saturating_generator_loss,
    top_k,
    top_k_count,
    top_k_loss,
    top_k_mask,
)
from tests import oracles
from tests.oracles import draw


def taken(realness: Tensor, k: int) -> list[int]:
    return top_k_mask(realness, k).nonzero().flatten().tolist()


@pytest.mark.parametrize(("gamma", "nu"), [("0.99", "0.5"), ("0.5", "0.29"), ("1", "1")])
def test_count_is_the_larger_floor_of_exact_fractions(gamma: str, nu: str) -> None:
    for n in (2, 10, 64, 100, 1000):
        for elapsed in (0, 1, 2, 10, 70, 1000):
            expected = max(1, oracles.top_k_count(elapsed, n, gamma, nu))
            assert top_k_count(elapsed, n, gamma=float(gamma), nu=float(nu)) == expected


def test_count_starts_at_the_batch_falls_and_stays_at_its_floor() -> None:
    counts = [top_k_count(epoch, 64, gamma=0.99, nu=0.5) for epoch in range(200)]
    assert counts[0] == 64 and counts[68] == 32 and counts[69:] == [32] * 131
    assert counts == sorted(counts, reverse=True)
    assert top_k_count(0.5, 100, gamma=0.25, nu=0.1) == 50  # progress, not whole epochs
    assert top_k_count(math.inf, 100, gamma=0.99, nu=0.1) == 10


def test_rounding_up_takes_one_row_more_as_often_as_is_stated() -> None:
    more = {
        n: [
            math.ceil(n * max(0.99**epoch, 0.5)) - top_k_count(epoch, n, gamma=0.99, nu=0.5)
            for epoch in range(200)
        ]
        for n in (32, 64, 100, 128)
    }
    assert more[64] == [0] + [1] * 68 + [0] * 131
    assert sum(map(sum, more.values())) == 271
    assert top_k.__doc__ is not None
    assert "one row more in 68 of the first 69 epochs" in top_k.__doc__
    assert "271 of 800 counts" in top_k.__doc__


def test_a_small_batch_keeps_one_row() -> None:
    assert top_k_count(1000, 1, gamma=0.99, nu=0.5) == 1


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, math.nan])
def test_shares_outside_zero_and_one_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match=rf"must be in \(0, 1\], got {share} and 0.5"):
        top_k_count(0, 8, gamma=share, nu=0.5)
    with pytest.raises(ValueError, match=rf"must be in \(0, 1\], got 0.5 and {share}"):
        top_k_count(0, 8, gamma=0.5, nu=share)


@pytest.mark.parametrize(("elapsed", "n"), [(-1, 8), (math.nan, 8), (0, 0)])
def test_time_before_the_start_and_an_empty_batch_are_refused(elapsed: float, n: int) -> None:
    with pytest.raises(ValueError, match=f"got {elapsed} and {n}"):
        top_k_count(elapsed, n, gamma=0.5, nu=0.5)


@pytest.mark.parametrize("k", range(1, 9))
def test_loss_is_that_of_the_slow_loop(k: int) -> None:
    losses, realness = draw(8), draw(8, seed=1).round()  # with ties
    expected = oracles.top_k_loss(losses.numpy(), realness.numpy(), k)
    loss = top_k_loss(losses, realness, k)
    assert loss.shape == () and loss.item() == approx(expected, rel=1e-12)


def test_with_all_rows_loss_and_gradient_are_the_plain_ones() -> None:
    logits = draw(6).requires_grad_()
    loss = top_k_loss(softplus(-logits), logit_realness(logits), 6)
    plain = non_saturating_generator_loss(logits)
    assert loss.item() == approx(plain.item(), rel=1e-14)
    found, expected = (torch.autograd.grad(each, logits)[0] for each in (loss, plain))
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=0)


def test_rows_not_taken_receive_exactly_no_gradient_and_the_others_one_kth() -> None:
    losses, realness = draw(7).requires_grad_(), draw(7, seed=1).requires_grad_()
    top_k_loss(losses, realness, 3).backward()  # type: ignore[no-untyped-call]
    assert losses.grad is not None and realness.grad is None
    assert losses.grad.tolist() == [1 / 3 if most else 0 for most in top_k_mask(realness, 3)]


def test_rows_not_taken_may_have_any_loss() -> None:
    logits = torch.tensor([2.0, -math.inf, 1.0], dtype=torch.float64, requires_grad=True)
    loss = top_k_loss(-logits, logit_realness(logits), 2)
    assert loss.item() == -1.5
    [gradient] = torch.autograd.grad(loss, logits)
    assert gradient.tolist() == [-0.5, 0, -0.5]


def test_most_real_rows_are_taken_and_of_equal_ones_the_first() -> None:
    realness = torch.tensor([1.0, 5.0, 1.0, -2.0, 5.0, 1.0])
    expected = [[1], [1, 4], [0, 1, 4], [0, 1, 2, 4], [0, 1, 2, 4, 5]]
    assert [taken(realness, k) for k in range(1, 6)] == expected
    assert taken(torch.zeros(1000), 500) == list(range(500))


def test_an_increasing_map_of_realness_changes_nothing() -> None:
    realness = draw(20)
    expected = taken(realness, 7)
    for mapped in (realness.exp(), realness.sigmoid(), 3 * realness + 5, realness**3):
        assert taken(mapped, 7) == expected
    assert taken(-realness, 7) != expected


def test_order_within_the_batch_does_not_matter() -> None:
    losses, realness = draw(9), draw(9, seed=1)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(2))
    shuffled = top_k_loss(losses[order], realness[order], 4)
    assert shuffled.item() == approx(top_k_loss(losses, realness, 4).item(), rel=1e-14)


def test_realness_follows_the_sign_of_the_loss() -> None:
    outputs = torch.tensor([[-3.0], [0.5], [1.0], [4.0]])
    assert taken(logit_realness(outputs), 2) == [2, 3]
    assert taken(logit_realness(-outputs), 2) == [0, 1]  # fakes scored as positive
    assert taken(least_squares_realness(outputs), 2) == [1, 2]
    assert least_squares_realness(outputs).tolist() == [-16, -0.25, 0, -9]


@pytest.mark.parametrize("name", ["non-saturating", "saturating", "hinge", "least squares"])
def test_most_real_rows_are_those_with_the_smallest_generator_loss(name: str) -> None:
    outputs = 2 * draw(12)
    losses, realness = {
        "non-saturating": (softplus(-outputs), logit_realness(outputs)),
        "saturating": (-softplus(outputs), logit_realness(outputs)),
        "hinge": (-outputs, logit_realness(outputs)),  # and Wasserstein
        "least squares": ((outputs - 1) ** 2, least_squares_realness(outputs)),
    }[name]
    smallest = losses.sort().values[:5].mean()
    assert top_k_loss(losses, realness, 5).item() == approx(smallest.item(), rel=1e-14)


def test_two_processes_with_parts_of_one_mask_make_the_loss_of_one() -> None:
    losses, realness = draw(8), torch.arange(8.0, dtype=torch.float64)  # all the best in one
    mask = top_k_mask(realness, 3)
    parts = [losses[half].where(mask[half], 0).sum() / 3 for half in (slice(4), slice(4, 8))]
    assert parts[0].item() == 0
    assert sum(p.item() for p in parts) == approx(top_k_loss(losses, realness, 3).item())


def test_gradient_passes_gradcheck() -> None:
    logits = draw(6).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda u: top_k_loss(softplus(-u), logit_realness(u), 4), (logits,)
    )


@pytest.mark.parametrize("k", [-1, 0, 4])
def test_a_count_outside_the_batch_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match=rf"k must be in 1 .. N .* got {k} and \(3,\)"):
        top_k_loss(draw(3), draw(3), k)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape \(N,\), got \(3, 1\) and \(3,\)"):
        top_k_loss(draw(3, 1), draw(3), 1)
    with pytest.raises(ValueError, match=r"shape \(N,\), got 1 and \(3, 1\)"):
        top_k_mask(draw(3, 1), 1)
    with pytest.raises(ValueError, match=r"one logit a row, got shape \(3, 2\)"):
        logit_realness(draw(3, 2))
    with pytest.raises(ValueError, match="one logit a row"):
        least_squares_realness(torch.tensor(1.0))
