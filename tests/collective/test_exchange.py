"""The exchanges' derivatives, with all processes taking part."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from convergan.collective.exchange import gather, gather_alike, total, total_alike
from convergan.collective.ranks import DistributedRanks
from tests.collective.processes import in_processes

pytestmark = pytest.mark.slow

COUNTS = (3, 2)


def check(ranks: DistributedRanks, found: dict[str, Tensor]) -> None:
    """All processes move the same number at the same time, so each sees what that does to all.

    A number that all have is what `total` of the numbers of each, divided by W, is: its gradient
    is then the mean over processes, as a parameter's.
    """
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(5, 3, generator=chance, requires_grad=True)
    own = torch.randn(3, generator=torch.Generator().manual_seed(ranks.rank + 1))
    first = sum(COUNTS[: ranks.rank])

    def gathered(shared: Tensor) -> Tensor:
        rows = (total(shared, ranks) / ranks.size)[first : first + COUNTS[ranks.rank]]
        everything = gather(rows.sin(), COUNTS, ranks)
        return total((everything.square() @ own).exp(), ranks)  # each makes something else of it

    def added(shared: Tensor) -> Tensor:
        rows = (total(shared, ranks) / ranks.size)[first : first + COUNTS[ranks.rank]]
        return total((total(rows.sum(dim=0).sin(), ranks) * own).exp(), ranks)

    common = torch.randn(3, generator=chance)
    numbers = torch.arange(COUNTS[ranks.rank]) + first

    def alike(shared: Tensor) -> Tensor:
        rows = (total(shared, ranks) / ranks.size)[first : first + COUNTS[ranks.rank]]
        waves, cubes, labels = gather_alike([rows.sin(), rows[:, 0] ** 3, numbers], COUNTS, ranks)
        mean = total_alike(rows.cos().sum(dim=0), ranks) / len(x)
        return (waves * mean @ common).exp() * cubes + labels  # the same in all

    for function in (gathered, added):
        assert gradcheck(function, [x], nondet_tol=0.0)
        assert gradgradcheck(function, [x], nondet_tol=0.0)
    assert gradcheck(alike, [x], nondet_tol=0.0)
    with pytest.raises(ValueError, match="take a gradient penalty of the rows of each"):
        torch.autograd.grad(alike(x).sum(), x, create_graph=True)
    values = gathered(x), added(x), alike(x)
    found["values"] = torch.cat([value.detach().flatten() for value in values])


@pytest.mark.nightly
def test_derivatives_of_first_and_second_order_are_those_of_differences(tmp_path: Path) -> None:
    one, other = in_processes(check, 2, tmp_path)
    assert torch.equal(one["values"], other["values"])
