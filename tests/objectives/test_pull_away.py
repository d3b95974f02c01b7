import math

import pytest
import torch
from pytest import approx
from torch import Tensor

from convergan.objectives import pull_away, pull_away_term
from tests import oracles
from tests.oracles import draw


@pytest.mark.parametrize("shape", [(2, 3), (7, 3), (4, 9), (3, 1)])
def test_term_is_that_of_the_slow_loop(shape: tuple[int, int]) -> None:
    features = draw(*shape)
    term = pull_away_term(features)
    assert term.shape == ()
    assert term.item() == approx(oracles.pull_away_term(features.numpy()), rel=1e-12)


def test_rows_on_one_line_are_at_one_and_orthogonal_ones_at_zero() -> None:
    row = draw(1, 5)
    assert pull_away_term(row.expand(4, 5)).item() == approx(1, rel=1e-14)
    assert pull_away_term(torch.cat([row, -2 * row, 3 * row])).item() == approx(1, rel=1e-14)
    orthogonal = torch.linalg.qr(draw(5, 5)).Q
    assert pull_away_term(orthogonal).item() < 1e-30
    assert pull_away_term(torch.eye(5)[:3]).item() == 0


def mean_cosine(features: Tensor) -> float:
    """What ports without the square compute."""
    n, units = len(features), features / features.norm(dim=1, keepdim=True)
    return (float(units.sum(dim=0).square().sum()) - n) / (n * (n - 1))


@pytest.mark.parametrize(
    ("degrees", "term", "cosine"), [(60, 0.25, 0.5), (120, 0.25, -0.5), (180, 1.0, -1.0)]
)
def test_without_the_square_two_rows_are_worth_what_is_stated(
    degrees: int, term: float, cosine: float
) -> None:
    angle = math.radians(degrees)
    rows = torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    assert pull_away_term(rows).item() == approx(term, rel=1e-12)
    assert mean_cosine(rows) == approx(cosine, rel=1e-12)
    assert pull_away.__doc__ is not None
    assert "0.5 for two rows at 60 degrees in place of 0.25, -0.5 at 120" in pull_away.__doc__


def test_without_the_square_rows_that_cancel_on_one_line_are_best() -> None:
    line = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]], dtype=torch.float64)
    assert mean_cosine(line) == approx(-1 / 3) and pull_away_term(line).item() == 1
    rows = draw(2000, 64).relu()
    assert mean_cosine(rows) == approx(0.32, abs=0.005)
    assert pull_away_term(rows).item() == approx(0.11, abs=0.005)


def test_random_directions_are_at_one_over_their_dimension() -> None:
    assert pull_away_term(draw(2000, 10)).item() == approx(1 / 10, rel=0.01)


def test_more_rows_than_features_cannot_go_below_their_bound() -> None:
    n, dims = 6, 2
    bound = (n - dims) / (dims * (n - 1))
    for seed in range(20):
        assert pull_away_term(draw(n, dims, seed=seed)).item() > bound
    angles = torch.arange(n, dtype=torch.float64) * torch.pi / n  # evenly over half a circle
    spread = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert pull_away_term(spread).item() == approx(bound, rel=1e-12)


def test_scale_and_sign_of_a_row_do_not_matter() -> None:
    features, scales = draw(5, 3), torch.tensor([1e-6, -1.0, 3.0, -1e6, 7.0], dtype=torch.float64)
    scaled = pull_away_term(features * scales[:, None])
    assert scaled.item() == approx(pull_away_term(features).item(), rel=1e-12)


def test_order_and_rotation_do_not_matter() -> None:
    features, rotation = draw(5, 3), torch.linalg.qr(draw(3, 3, seed=1)).Q
    expected = approx(pull_away_term(features).item(), rel=1e-12)
    assert pull_away_term(features.flip(0)).item() == expected
    assert pull_away_term(features @ rotation).item() == expected


def test_a_row_of_zeros_is_orthogonal_to_all_and_receives_nothing() -> None:
    features = torch.cat([draw(3, 4), torch.zeros(1, 4, dtype=torch.float64)]).requires_grad_()
    term = pull_away_term(features)
    assert term.item() == approx(pull_away_term(features[:3]).item() * 6 / 12, rel=1e-12)
    [gradient] = torch.autograd.grad(term, features)
    assert bool(gradient.isfinite().all()) and not gradient[3].any() and bool(gradient[:3].all())
    assert pull_away_term(torch.zeros(3, 4)).item() == 0


def test_gradient_turns_rows_and_passes_gradcheck() -> None:
    features = draw(5, 3).requires_grad_()
    assert torch.autograd.gradcheck(pull_away_term, (features,))
    [gradient] = torch.autograd.grad(pull_away_term(features), features)
    assert (gradient * features).sum(dim=1).abs().max().item() < 1e-15  # none along the row


def test_descending_the_term_spreads_rows_that_lie_close() -> None:
    features = (torch.ones(4, 4, dtype=torch.float64) + 0.1 * draw(4, 4)).requires_grad_()
    optimizer = torch.optim.SGD([features], lr=2.0)
    for _ in range(300):
        optimizer.zero_grad()
        pull_away_term(features).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert pull_away_term(features).item() < 1e-6


@pytest.mark.parametrize("shape", [(1, 3), (0, 3), (3,), (2, 3, 4)])
def test_fewer_than_two_rows_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected features \(n, A\) with n >= 2, got \("):
        pull_away_term(torch.zeros(shape))
