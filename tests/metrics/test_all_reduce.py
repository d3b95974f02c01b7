"""Two real processes with half of the rows each; both kinds of sums in one start."""

from pathlib import Path

import pytest
import torch
import torch.distributed

from convergan.metrics import FeatureMoments, InceptionSums, inception_score
from tests.commands import run_in_two

ROWS = torch.randn(67, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 5


def sums_of(rank: int) -> InceptionSums:
    """Every other ten rows, as logits."""
    sums = InceptionSums(67, 5, 9)
    for first in range(rank * 10, 67, 20):
        sums.update(first, logits=ROWS[first : first + 10])
    return sums


def moments_of(rank: int) -> FeatureMoments:
    """Uneven halves, as features."""
    moments = FeatureMoments(9)
    moments.update(ROWS[:20] if rank == 0 else ROWS[20:])
    return moments


def work(rank: int, file: str) -> None:
    """What one of the two processes does."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{file}", rank=rank, world_size=2
    )
    sums, moments = sums_of(rank), moments_of(rank)
    sums.all_reduce()
    try:
        sums.all_reduce()
    except ValueError as error:
        assert str(error) == "row 0 is in the sums of 2 processes"
    else:
        raise AssertionError("rows that both have were added twice")
    assert sums.score() == inception_score(logits=ROWS, splits=5)
    moments.all_reduce()
    assert moments.count == 67
    torch.testing.assert_close(moments.mean, ROWS.mean(dim=0), rtol=1e-13, atol=0)
    torch.testing.assert_close(moments.covariance, ROWS.T.cov(), rtol=1e-12, atol=1e-14)
    empty = FeatureMoments(9)
    empty.all_reduce()
    assert empty.count == 0 and not empty.mean.any()
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_end_where_one_with_all_rows_does(tmp_path: Path) -> None:
    run_in_two(work, tmp_path / "meet")
