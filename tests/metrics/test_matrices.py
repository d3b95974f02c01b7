from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from convergan.metrics import (
    FeatureMoments,
    different_bins,
    inception_score,
    kernel_distance,
    nearest_rows,
    polynomial_discrepancy,
    precision_recall,
    score_contributions,
    select_best,
)
from convergan.metrics.matrices import Block, squared_distances, squared_distances_within
from tests import oracles


def assembled(blocks: Iterator[Block], shape: tuple[int, int], block: int) -> Tensor:
    """All squared distances, from blocks; -1 where there was none."""
    found = torch.full(shape, -1, dtype=torch.float64)
    for first, second, squares in blocks:
        place = found[first : first + squares.shape[0], second : second + squares.shape[1]]
        assert max(squares.shape) <= block and (place == -1).all()
        place.copy_(squares)
    return found


@pytest.mark.parametrize("block", [1, 4, 7, 50])
def test_blocks_hold_every_pair_once(block: int) -> None:
    rows, others = oracles.draw(14, 3), oracles.draw(9, 3, seed=1)
    expected = (rows[:, None] - others).square().sum(dim=2)
    found = assembled(squared_distances(rows, others, block=block), (14, 9), block)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_a_matrix_meets_itself_as_it_meets_a_copy() -> None:
    rows = oracles.draw(14, 3)
    found, expected = (
        assembled(squared_distances(rows, others, block=4), (14, 14), 4)
        for others in (rows, rows.clone())
    )
    assert torch.equal(found, expected) and (found >= 0).all()


@pytest.mark.parametrize("block", [1, 4, 7, 50])
def test_blocks_below_the_diagonal_are_left_out_within_one_matrix(block: int) -> None:
    rows = oracles.draw(14, 3)
    found = assembled(squared_distances_within(rows, block=block), (14, 14), block)
    number = torch.arange(14) // block
    assert torch.equal(found < 0, number[:, None] > number)
    expected = (rows[:, None] - rows).square().sum(dim=2)
    present = found >= 0
    torch.testing.assert_close(found[present], expected[present], rtol=1e-12, atol=1e-12)


def test_low_precision_is_multiplied_in_float32_and_a_mean_far_from_zero_loses_nothing() -> None:
    rows = oracles.draw(20, 4).half()
    [block] = squared_distances(rows, rows.clone(), block=99)
    assert block.squares.dtype == torch.float32
    [far] = squared_distances(rows.float() + 2048, rows.float() + 2048, block=99)
    near = (rows.float() + 2048) - 2048
    expected = (near[:, None] - near).square().sum(dim=2)
    torch.testing.assert_close(far.squares, expected, rtol=1e-5, atol=1e-5)


def test_an_autocast_of_the_users_does_not_reach_the_products() -> None:
    rows, others = oracles.draw(14, 3).float(), oracles.draw(9, 3, seed=1).float()
    [expected] = squared_distances(rows, others, block=50)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        [found] = squared_distances(rows, others, block=50)
    assert torch.equal(found.squares, expected.squares)


def test_statistics_keep_no_graph_of_what_they_are_given() -> None:
    rows = oracles.draw(12, 3).requires_grad_()
    chance = torch.Generator().manual_seed(0)
    moments = FeatureMoments(3)
    moments.update(rows)
    found = [
        moments.covariance,
        score_contributions(logits=rows),
        select_best(rows[:, 0]),
        *nearest_rows(queries=rows, rows=rows),
    ]
    assert not any(tensor.requires_grad for tensor in found)
    inception_score(logits=rows)
    precision_recall(real=rows, fake=rows, neighbors=2)
    different_bins(real=rows, fake=rows, bins=2, chance=chance)
    kernel_distance(real=rows, fake=rows, subsets=2, subset_size=4, chance=chance)
    polynomial_discrepancy(rows, rows)
