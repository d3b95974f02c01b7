import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from convergan.objectives import (
    prediction_divergence,
    virtual_adversarial_loss,
    worst_change,
)
from tests import oracles
from tests.oracles import chance, draw

Classify = Callable[[Tensor], Tensor]


def first_directions(rows: Tensor) -> Tensor:
    return torch.empty_like(rows).normal_(generator=chance())


def loss_of(classify: Classify, rows: Tensor, radius: float = 0.5, probe: float = 0.2) -> Tensor:
    return virtual_adversarial_loss(classify, rows, radius=radius, probe=probe, chance=chance())


def smooth(weight: Tensor, output: Tensor) -> Classify:
    def classify(rows: Tensor) -> Tensor:
        return torch.tanh(rows.flatten(1) @ weight) @ output

    return classify


def linear(weight: Tensor) -> Classify:
    return lambda rows: rows.flatten(1) @ weight


def divergence(before: Tensor, after: Tensor) -> Tensor:
    """KL of each row, (N,)."""
    p, q = before.log_softmax(dim=1), after.log_softmax(dim=1)
    found: Tensor = (p.exp() * (p - q)).sum(dim=1)
    return found


@pytest.mark.parametrize(("radius", "probe"), [(0.5, 0.2), (2.0, 1.0), (0.1, 1e-2)])
def test_loss_is_that_of_the_slow_loop(radius: float, probe: float) -> None:
    rows, weight, output = draw(6, 5), draw(5, 7, seed=1), draw(7, 3, seed=2)
    expected = oracles.virtual_adversarial_loss(
        lambda row: np.tanh(row @ weight.numpy()) @ output.numpy(),
        rows.numpy(),
        first_directions(rows).numpy(),
        radius,
        probe,
    )
    loss = loss_of(smooth(weight, output), rows, radius, probe)
    assert loss.shape == () and loss.item() == pytest.approx(expected, rel=1e-5)


def linear_change(rows: Tensor, weight: Tensor, radius: float) -> Tensor:
    """Of two classes and no others: along the difference of their weights, as u leans."""
    difference = weight[:, 1] - weight[:, 0]
    lean = (first_directions(rows) @ difference).sign()[:, None]
    change: Tensor = radius * lean * difference / difference.norm()
    return change


def test_worst_change_of_a_linear_classifier_is_along_the_difference_of_its_weights() -> None:
    rows, weight, radius = draw(8, 5), draw(5, 2, seed=1), 0.7
    difference = weight[:, 1] - weight[:, 0]
    margins = (rows @ difference).tolist()
    moves = (linear_change(rows, weight, radius) @ difference).tolist()
    assert all(abs(move) == pytest.approx(radius * difference.norm().item()) for move in moves)
    assert min(moves) < 0 < max(moves)
    losses = [
        oracles.divergence(oracles.sigmoid(z), oracles.sigmoid(z + move))
        for z, move in zip(margins, moves, strict=True)
    ]
    for probe in (1e-3, 0.3):
        loss = loss_of(linear(weight), rows, radius, probe)
        assert loss.item() == pytest.approx(oracles.mean(losses), rel=1e-9)


def test_parameters_receive_the_gradient_through_the_changed_rows_alone() -> None:
    rows, weight = draw(8, 5), draw(5, 2, seed=1).requires_grad_()
    loss_of(linear(weight), rows, radius=0.7).backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        changed = rows + linear_change(rows, weight, 0.7)
        p, q = (rows @ weight).softmax(dim=1), (changed @ weight).softmax(dim=1)
        expected = changed.T @ (q - p) / 8  # of -sum p log q with respect to weights
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, expected, rtol=1e-9, atol=1e-12)


def test_gradient_is_that_of_the_divergence_for_a_fixed_worst_change() -> None:
    rows, weight = draw(6, 5), draw(5, 7, seed=1)
    output = draw(7, 3, seed=2).requires_grad_()
    seen: list[Tensor] = []

    def remember(given: Tensor) -> Tensor:
        seen.append(given.detach())
        return smooth(weight, output)(given)

    loss = loss_of(remember, rows)
    before, _, changed = seen
    p = smooth(weight, output)(before).detach()

    def fixed(output: Tensor) -> Tensor:
        return divergence(p, smooth(weight, output)(changed)).mean()

    torch.testing.assert_close(
        torch.autograd.grad(loss, output), torch.autograd.grad(fixed(output), output)
    )
    assert torch.autograd.gradcheck(fixed, (output,))


def test_rows_receive_no_gradient_and_parameters_none_before_the_caller_asks() -> None:
    rows, weight = draw(4, 5).requires_grad_(), draw(5, 2, seed=1).requires_grad_()
    loss = loss_of(linear(weight), rows)
    assert weight.grad is None
    loss.backward()  # type: ignore[no-untyped-call]
    assert rows.grad is None and weight.grad is not None


@pytest.mark.parametrize("shape", [(9, 20), (9, 2, 5, 2)])
def test_worst_change_has_the_radius_and_is_worse_than_random_ones(shape: tuple[int, ...]) -> None:
    rows, radius = draw(*shape), 0.3
    classify = smooth(draw(20, 15, seed=1) / 4, draw(15, 3, seed=2))
    seen: list[Tensor] = []

    def remember(given: Tensor) -> Tensor:
        seen.append(given.detach())
        return classify(given)

    loss = loss_of(remember, rows, radius, probe=0.1).item()
    lengths = [(given - rows).flatten(1).norm(dim=1) for given in seen]
    for found, expected in zip(lengths, (0, 0.1, radius), strict=True):
        torch.testing.assert_close(found, torch.full((9,), expected, dtype=torch.float64))
    for seed in range(20):
        random = draw(*shape, seed=100 + seed).flatten(1)
        changed = rows + radius * (random / random.norm(dim=1, keepdim=True)).view(shape)
        assert divergence(classify(rows), classify(changed)).mean().item() < loss / 2


def test_images_are_as_their_flat_rows() -> None:
    classify, rows = smooth(draw(12, 7, seed=1), draw(7, 3, seed=2)), draw(4, 12)
    assert loss_of(classify, rows.view(4, 3, 2, 2)).item() == loss_of(classify, rows).item()


def test_without_a_radius_the_loss_is_zero_and_grows_with_it() -> None:
    classify, rows = smooth(draw(5, 7, seed=1), draw(7, 3, seed=2)), draw(6, 5)
    losses = [loss_of(classify, rows, radius).item() for radius in (0.0, 0.01, 0.1, 0.5)]
    assert losses[0] == 0 and losses == sorted(losses) and losses[1] > 0
    assert losses[2] / losses[1] == pytest.approx(100, rel=0.3)  # quadratic where it is small


def test_a_constant_classifier_has_no_loss_and_no_gradient_that_is_not_finite() -> None:
    rows, weight = draw(6, 5), torch.zeros(5, 3, dtype=torch.float64, requires_grad=True)
    loss = loss_of(lambda given: given @ weight + torch.arange(3.0), rows)
    assert loss.item() == 0
    [gradient] = torch.autograd.grad(loss, weight)
    assert gradient.abs().max().item() < 1e-15


def test_adding_a_number_to_all_logits_changes_nothing() -> None:
    classify, rows = smooth(draw(5, 7, seed=1), draw(7, 3, seed=2)), draw(6, 5)
    expected = loss_of(classify, rows).item()
    assert loss_of(lambda given: classify(given) + 7, rows).item() == pytest.approx(expected)
    assert loss_of(lambda given: classify(given).flip(1), rows).item() == pytest.approx(expected)


def test_chance_alone_decides_the_first_direction() -> None:
    classify, rows = smooth(draw(5, 7, seed=1), draw(7, 3, seed=2)), draw(6, 5)
    one, same, other = (
        virtual_adversarial_loss(classify, rows, radius=0.5, probe=0.2, chance=chance(seed)).item()
        for seed in (0, 0, 1)
    )
    assert one == same != other and math.isfinite(other)


@pytest.mark.parametrize(("radius", "probe"), [(-0.1, 1.0), (1.0, 0.0), (1.0, -1.0)])
def test_a_negative_radius_and_a_search_at_no_length_are_refused(
    radius: float, probe: float
) -> None:
    with pytest.raises(ValueError, match=f"got {radius} and {probe}"):
        loss_of(torch.sin, draw(2, 3), radius, probe)


def test_rows_in_channels_last_order_have_the_same_loss_and_gradient() -> None:
    rows, weight = draw(4, 3, 5, 6), draw(90, 7, seed=1).requires_grad_()
    last = rows.contiguous(memory_format=torch.channels_last)
    assert last.stride() != rows.stride() and torch.equal(last, rows)
    found = []
    for each in (rows, last):
        loss = loss_of(smooth(weight, draw(7, 3, seed=2)), each)
        [gradient] = torch.autograd.grad(loss, weight)
        found.append((loss, gradient))
    assert found[0][0].item() == pytest.approx(found[1][0].item(), rel=1e-12)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-10, atol=1e-15)
    elsewhere = loss_of(smooth(weight, draw(7, 3, seed=2)), rows.roll(1, dims=1))
    assert elsewhere.item() != pytest.approx(found[0][0].item(), rel=1e-3)


@pytest.mark.parametrize("shape", [(4, 6), (4, 2, 3)])
def test_the_worst_change_is_along_the_slope_of_each_row_and_keeps_the_graph(
    shape: tuple[int, ...],
) -> None:
    rows, weights = draw(*shape).requires_grad_(), draw(*shape, seed=1)
    loss = (weights * rows).sum()
    change = worst_change(loss, rows, radius=0.3)
    lengths = weights.flatten(1).norm(dim=1).view(-1, *[1] * (len(shape) - 1))
    torch.testing.assert_close(change, 0.3 * weights / lengths)
    assert not change.requires_grad
    torch.testing.assert_close(torch.autograd.grad(loss, rows)[0], weights)


def test_the_divergence_is_the_mean_over_rows_and_zero_for_the_same_prediction() -> None:
    one, other = draw(5, 3), draw(5, 3, seed=1)
    found = prediction_divergence(one.log_softmax(dim=1), other)
    assert found.item() == pytest.approx(divergence(one, other).mean().item())
    same = prediction_divergence(one.log_softmax(dim=1), one + 2.0)
    assert same.item() == pytest.approx(0, abs=1e-12)
