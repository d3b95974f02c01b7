"""Layers that compare rows, in a loop of the user's under DistributedDataParallel."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from convergan.collective.ranks import DistributedRanks
from convergan.layers import (
    BatchStatisticsNorm,
    CrossHalfDiscrimination,
    MinibatchDiscrimination,
    MinibatchStddev,
    VirtualBatchNorm,
    hold_reference,
)
from tests.collective.processes import in_processes

A, COUNTS = 6, (4, 8)
LAYERS: Mapping[str, Callable[[bool | None], nn.Module]] = {
    "similarities": lambda sync: MinibatchDiscrimination(A, 3, 2, theta_std=1.0, sync=sync),
    "deviation": lambda sync: MinibatchStddev(4, sync=sync),
    "batch statistics": lambda sync: BatchStatisticsNorm(A, sync=sync),
    "virtual batch norm of 2016": lambda sync: VirtualBatchNorm(A, mode="paper2016", sync=sync),
}


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    """As in the processes, so that the same numbers are drawn."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def network(layer: str, sync: bool | None) -> nn.Module:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(A, A), nn.Tanh(), LAYERS[layer](sync))
    return hold_reference(made, torch.randn(3, A)) if "virtual" in layer else made


def rows() -> Tensor:
    return torch.randn(sum(COUNTS), A, generator=torch.Generator().manual_seed(1))


def loss(outputs: Tensor) -> Tensor:
    return (outputs.sin() * torch.arange(1, outputs.shape[1] + 1)).sum()


def train_as_a_user_does(ranks: DistributedRanks, found: dict[str, Tensor]) -> None:
    DistributedRanks.formed = False  # as if the user had formed the group
    own = torch.split(rows(), list(COUNTS))[ranks.rank]
    for name in LAYERS:
        parallel = DistributedDataParallel(network(name, True))
        outputs = parallel(own)
        loss(outputs).backward()  # type: ignore[no-untyped-call]
        found[f"{name}/outputs"] = outputs.detach()
        for parameter, tensor in parallel.module.named_parameters():
            assert tensor.grad is not None
            found[f"{name}/{parameter}"] = len(COUNTS) * tensor.grad  # DDP takes their mean
        local = network(name, None)
        with pytest.warns(UserWarning, match="rows of this process only; sync=True compares"):
            alone = local(own)
        assert not torch.allclose(alone, outputs)
        assert torch.equal(network(name, False)(own), alone)
        if ranks.rank == 0:  # the other does not evaluate
            network(name, True).eval()(own)


@pytest.mark.slow
def test_synchronised_layers_see_the_whole_batch_and_learn_from_it(tmp_path: Path) -> None:
    each = in_processes(train_as_a_user_does, 2, tmp_path)
    for name in LAYERS:
        alone = network(name, None)
        outputs = alone(rows())
        loss(outputs).backward()  # type: ignore[no-untyped-call]
        together = torch.cat([found[f"{name}/outputs"] for found in each])
        torch.testing.assert_close(together, outputs.detach())
        for parameter, tensor in alone.named_parameters():
            for found in each:
                given = found[f"{name}/{parameter}"]
                torch.testing.assert_close(given, tensor.grad)


def halves(ranks: DistributedRanks, found: dict[str, Tensor]) -> None:
    DistributedRanks.formed = False
    torch.manual_seed(0)
    layer = CrossHalfDiscrimination(A, 3, 2, sync=True)
    real, fake = torch.split(rows()[:8], 4), torch.split(rows()[4:], 4)
    found["outputs"] = layer(torch.cat([real[ranks.rank], fake[ranks.rank]])).detach()


@pytest.mark.slow
def test_each_half_is_compared_with_both_halves_of_all_processes(tmp_path: Path) -> None:
    one, other = (found["outputs"].chunk(2) for found in in_processes(halves, 2, tmp_path))
    torch.manual_seed(0)
    layer = CrossHalfDiscrimination(A, 3, 2)
    whole = layer(torch.cat([rows()[:8], rows()[4:]]))
    together = torch.cat([one[0], other[0], one[1], other[1]])
    torch.testing.assert_close(together, whole.detach())
