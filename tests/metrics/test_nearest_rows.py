import math

import pytest
import torch

from convergan.metrics import nearest_rows
from tests import oracles


@pytest.mark.parametrize("block", [1, 6, 100])
def test_the_nearest_rows_are_those_of_the_slow_loop(block: int) -> None:
    queries, rows = oracles.draw(17, 3), oracles.draw(25, 3, seed=1)
    distances, indices = nearest_rows(queries=queries, rows=rows, block=block)
    for i in range(17):
        lengths = [math.dist(queries[i].tolist(), row.tolist()) for row in rows]
        assert indices[i] == lengths.index(min(lengths))
        assert float(distances[i]) == pytest.approx(min(lengths), rel=1e-14)


def test_a_copy_is_found_at_distance_zero() -> None:
    rows = oracles.draw(50, 9).float() + 1000
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    distances, indices = nearest_rows(queries=rows[order], rows=rows, block=8)
    assert torch.equal(indices, order) and not distances.any()
    assert nearest_rows(queries=rows, rows=rows, block=8)[1].tolist() == list(range(50))


def test_the_first_of_equals_is_taken() -> None:
    rows = torch.zeros(9, 2)
    assert nearest_rows(queries=torch.ones(3, 2), rows=rows, block=2)[1].tolist() == [0, 0, 0]


def test_precision_of_the_rows_does_not_choose_the_neighbor() -> None:
    """Two rows as far from 4096 as float32 can tell apart, and no farther."""
    rows = torch.tensor([[4096.0, 1.0], [4096.0, 1.0 + 2**-23]])
    found = nearest_rows(queries=torch.tensor([[4096.0, 1.0 + 2**-22]]), rows=rows)
    assert found[1].tolist() == [1] and found[0].tolist() == [2**-23]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="^rows must have 2 columns, got 3$"):
        nearest_rows(queries=torch.zeros(1, 2), rows=torch.zeros(1, 3))
    with pytest.raises(ValueError, match="^queries must be finite, row 0 is not$"):
        nearest_rows(queries=torch.full((1, 2), math.inf), rows=torch.zeros(1, 2))
    with pytest.raises(
        ValueError, match=r"^rows must be a floating point .*got torch.uint8 \(1, 2"
    ):
        nearest_rows(queries=torch.zeros(1, 2), rows=torch.zeros(1, 2, dtype=torch.uint8))
