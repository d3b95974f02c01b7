import math

import numpy as np
import pytest
import torch
from torch import Tensor

from convergan.metrics import FeatureMoments, frechet_distance, small_sample_note
from tests import oracles


def moments(*batches: Tensor) -> FeatureMoments:
    found = FeatureMoments(batches[0].shape[1])
    for batch in batches:
        found.update(batch)
    return found


def slow_root(matrix: oracles.Array) -> oracles.Array:
    """The root of a symmetric matrix by Denman and Beavers' iteration."""
    root, inverse = matrix, np.eye(len(matrix))
    for _ in range(60):
        root, inverse = (
            (root + np.linalg.inv(inverse)) / 2,
            (inverse + np.linalg.inv(root)) / 2,
        )
    return root


def slow_distance(a: oracles.Array, b: oracles.Array) -> float:
    """|m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), sum by sum; the root is of S1 S2 itself."""

    def slow_moments(rows: oracles.Array) -> tuple[oracles.Array, oracles.Array]:
        mean = np.asarray(sum(rows)) / len(rows)
        products = [np.outer(row - mean, row - mean) for row in rows]
        return mean, np.asarray(sum(products)) / (len(rows) - 1)

    (m1, s1), (m2, s2) = slow_moments(a), slow_moments(b)
    shared = np.trace(slow_root(s1 @ s2))
    return float(sum((m1 - m2) ** 2) + np.trace(s1) + np.trace(s2) - 2 * shared)


def test_distance_is_that_of_the_slow_loop() -> None:
    a = oracles.draw(60, 5) @ oracles.draw(5, 5, seed=1) + 3
    b = oracles.draw(40, 5, seed=2) @ oracles.draw(5, 5, seed=3)
    expected = slow_distance(a.numpy(), b.numpy())
    assert frechet_distance(moments(a), moments(b)) == pytest.approx(expected, rel=1e-10)
    assert frechet_distance(moments(b), moments(a)) == pytest.approx(expected, rel=1e-10)


def test_moments_are_those_of_all_rows_whatever_the_batches() -> None:
    rows = oracles.draw(50, 4) * 3 + 2
    whole = moments(rows)
    assert whole.count == 50
    torch.testing.assert_close(whole.mean, rows.mean(dim=0), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(whole.covariance, rows.T.cov(), rtol=1e-12, atol=1e-12)
    left, right = moments(*torch.split(rows[:17], 5)), moments(*torch.split(rows[17:], 1))
    before = right.covariance
    left.merge(right)
    left.merge(FeatureMoments(4))
    assert left.count == 50 and torch.equal(before, right.covariance)
    torch.testing.assert_close(left.mean, whole.mean, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(left.covariance, whole.covariance, rtol=1e-12, atol=1e-12)


def test_moments_of_nothing_take_those_of_another() -> None:
    rows, empty = oracles.draw(9, 3), FeatureMoments(3)
    empty.merge(moments(rows))
    torch.testing.assert_close(empty.covariance, rows.T.cov(), rtol=1e-12, atol=1e-12)


def test_a_mean_far_from_zero_takes_no_digits_of_the_covariance_away() -> None:
    rows = oracles.draw(40, 3)
    far = (rows + 2.0**30).float().double()  # exact in steps of 128: nothing is left
    assert not far.T.cov().any() and not moments(*torch.split(far, 7)).covariance.any()
    far = rows + 2.0**20
    found = moments(*torch.split(far, 7)).covariance
    torch.testing.assert_close(found, (far - 2.0**20).T.cov(), rtol=1e-9, atol=1e-9)


def test_low_precision_is_summed_in_float64() -> None:
    rows = oracles.draw(40, 3).half()
    torch.testing.assert_close(
        moments(rows).covariance, rows.double().T.cov(), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize(("rows", "width"), [(200, 8), (6, 8), (2, 8)])
def test_distance_to_itself_is_zero(rows: int, width: int) -> None:
    features = oracles.draw(rows, width) * 0.1 ** torch.arange(width)
    found = moments(features)
    assert frechet_distance(found, found) == pytest.approx(0, abs=1e-12)


def test_a_shift_adds_its_square() -> None:
    rows = oracles.draw(30, 4)
    step = torch.tensor([1.0, -2.0, 0.0, 2.0])
    assert frechet_distance(moments(rows), moments(rows + step)) == pytest.approx(9, rel=1e-12)


def test_a_scale_has_the_known_distance() -> None:
    rows = oracles.draw(30, 4)
    centred = rows - rows.mean(dim=0)
    trace = float(centred.T.cov().trace())
    found = frechet_distance(moments(centred), moments(3 * centred))
    assert found == pytest.approx((3 - 1) ** 2 * trace, rel=1e-12)


def test_a_rotation_of_both_does_not_matter() -> None:
    a, b = oracles.draw(50, 5), 2 * oracles.draw(50, 5, seed=1) + 1
    turn = torch.linalg.qr(oracles.draw(5, 5, seed=2)).Q
    expected = frechet_distance(moments(a), moments(b))
    assert frechet_distance(moments(a @ turn), moments(b @ turn)) == pytest.approx(expected)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_fewer_rows_than_features_keep_all_digits(order: tuple[int, int]) -> None:
    """The shared trace is the sum of the singular values of the centred rows' products."""
    sets = [oracles.draw(5, 12), oracles.draw(7, 12, seed=1)]
    a, b = (sets[i] for i in order)
    centred = [(rows - rows.mean(dim=0)) / math.sqrt(len(rows) - 1) for rows in (a, b)]
    shared = torch.linalg.svdvals(centred[0] @ centred[1].T).sum()
    squares = sum(rows.square().sum() for rows in centred)
    expected = (a.mean(dim=0) - b.mean(dim=0)).square().sum() + squares - 2 * shared
    assert frechet_distance(moments(a), moments(b)) == pytest.approx(float(expected), rel=1e-12)


def test_constant_features_are_at_the_distance_of_their_means() -> None:
    a, b = torch.zeros(4, 3), torch.ones(6, 3)
    assert frechet_distance(moments(a), moments(b)) == 3


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_features_that_are_no_numbers_are_refused_and_change_nothing(bad: float) -> None:
    found = moments(oracles.draw(5, 2))
    before = found.covariance
    with pytest.raises(ValueError, match="^features must be finite, row 1 is not$"):
        found.update(torch.tensor([[0.0, 0.0], [bad, 0.0]]))
    assert found.count == 5 and torch.equal(found.covariance, before)


def test_what_does_not_fit_is_refused() -> None:
    found = moments(oracles.draw(5, 2))
    with pytest.raises(ValueError, match="^features must have 2 columns, got 3$"):
        found.update(torch.zeros(4, 3))
    with pytest.raises(ValueError, match="^moments of width 2 cannot take those of 3$"):
        found.merge(FeatureMoments(3))
    with pytest.raises(ValueError, match="^widths must be equal, got 2 and 3$"):
        frechet_distance(found, moments(torch.zeros(4, 3)))
    with pytest.raises(ValueError, match="^a covariance needs 2 rows or more, got 1$"):
        frechet_distance(found, moments(torch.zeros(1, 2)))
    with pytest.raises(ValueError, match="^width must be 1 or more, got 0$"):
        FeatureMoments(0)


def test_as_few_rows_as_features_are_noted() -> None:
    assert small_sample_note(count=65, width=64) is None
    note = small_sample_note(count=64, width=64)
    assert note is not None and note.startswith("64 rows of 64 features: ")
