"""Whole runs: several processes train as one, and go on as another number of them."""

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from convergan.collective import ALONE, Ranks, share_batches, use_sharing
from convergan.collective.ranks import DistributedRanks
from convergan.core.signals import Interrupted, StopRequests
from convergan.recipes import Recipe
from convergan.recipes.collapse import TECHNIQUES
from convergan.runs.trainer import Trainer
from convergan.training import NonFiniteError, WeightAverage, checkpoint, warm_up
from tests.collective.processes import in_processes
from tests.collective.small_runs import difference, in_double, small_run, take_steps
from tests.runs.trainers import job

pytestmark = pytest.mark.slow

CLOSE = 1e-6
STEPS = 50
EVEN = ["digits", "stacked-minibatch-discrimination", "toy", *(f"toy-{t}" for t in TECHNIQUES)]
UNEVEN = ["digits", "stacked-minibatch-discrimination", "toy-relativistic", "toy-pacgan-2"]
"""In batches of 10, or 5 packs, over four processes. Left out are recipes whose own dynamics make
much of rounding: a last bit that is changed in one process alone grows as fast there."""
STRIDED = ["cifar10", "stacked-relativistic"]
"""Whose gradients come in other strides than their parameters, but out of a reduction."""


@pytest.fixture
def in_float64() -> Iterator[None]:
    """Work in float64 here, as the processes do."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def train_all(ranks: DistributedRanks, found: dict[str, Tensor]) -> None:
    refuse_together(ranks)
    for name, steps in recipes_for(ranks.size):
        state, losses = take_steps(name, batch_size=batch(ranks.size), steps=steps, ranks=ranks)
        found |= {f"{name}/{n}": tensor.detach().clone() for n, tensor in state.tensors().items()}
        found |= {f"{name}/loss {n}": tensor for n, tensor in losses.items()}


def refuse_together(ranks: DistributedRanks) -> None:
    """See that what is wrong in one process stops all before any weight has changed."""
    recipe, dataset = small_run("toy", 8)
    state = recipe.start(
        dataset.train.images[:].double(), len(dataset.classes), seed=0, device=torch.device("cpu")
    )
    before = state.sha256()
    player = state.discriminator

    def loss(factor: float) -> Tensor:
        squares = [p.square().sum() for p in player.parameters.values()]
        return factor * torch.stack(squares).sum()

    last = ranks.rank == ranks.size - 1
    with use_sharing(share_batches(ranks, 8)):
        with pytest.raises(NonFiniteError, match="discriminator: the loss is not finite"):
            player.descend(loss(float("nan") if last else 1.0))
        with pytest.raises(ValueError, match="discriminator's loss is not the same in every"):
            player.descend(loss(2.0 if last else 1.0))
    assert state.sha256() == before
    if last:
        player.parameters["hidden.0.weight"].data[0] += 1
    with pytest.raises(ValueError, match="discriminator.network.hidden.0.weight is not the same"):
        ranks.require_same(state.digests(), "stop")


def recipes_for(size: int) -> list[tuple[str, int]]:
    """Names, and how many steps to take."""
    long = [(name, STEPS) for name in (EVEN if size == 2 else UNEVEN)]
    return long + [(name, 2) for name in STRIDED if size == 2]


def batch(size: int) -> int:
    return 8 if size == 2 else 10


# Single steps are held by test_sharing.py in every run.
@pytest.mark.nightly
@pytest.mark.parametrize("size", [2, 4])
def test_fifty_steps_of_small_recipes_end_where_one_process_does(
    size: int, tmp_path: Path, in_float64: None
) -> None:
    processes = in_processes(train_all, size, tmp_path)
    for name, steps in recipes_for(size):
        state, losses = take_steps(name, batch_size=batch(size), steps=steps)
        expected = dict(state.tensors()) | {f"loss {n}": tensor for n, tensor in losses.items()}
        worst = max(difference(processes[0][f"{name}/{n}"], t) for n, t in expected.items())
        print(f"{size} processes, {steps} steps: {worst:.1e} {name}")
        assert worst <= CLOSE, name
        for n in expected:
            first, *others = (process[f"{name}/{n}"] for process in processes)
            assert all(torch.equal(first, other) for other in others)


ELASTIC = (4, 2, 1)
"""How many processes take the first, second and third part of a run."""
PART = 6


def everything_on() -> Recipe:
    recipe, _ = small_run("toy-minibatch-discrimination", 10)
    return replace(
        recipe,
        historical_weight=0.01,
        average=partial(WeightAverage, rate=warm_up(0.9)),
        evaluate_every=4,
        checkpoint_every=4,
    )


def whole_run(folder: Path, ranks: Ranks, stop_at: int | None) -> None:
    """Train in ``folder`` up to the end or a stop that only the last process hears of."""
    dataset = in_double(small_run("toy-minibatch-discrimination", 10)[1])
    started = replace(job(everything_on(), folder, dataset, steps=len(ELASTIC) * PART), ranks=ranks)
    requests = StopRequests()
    for event in Trainer(started, requests).run():
        if event.step + 1 == stop_at and ranks.rank == ranks.size - 1:
            requests.stop = signal.SIGTERM


def part_of_run(
    ranks: DistributedRanks, found: dict[str, Tensor], *, folder: Path, stop_at: int
) -> None:
    with pytest.raises(Interrupted, match=f"stopped by SIGTERM after step {stop_at};"):
        whole_run(folder, ranks, stop_at)
    found["stopped"] = torch.tensor(stop_at)


def test_a_run_goes_on_with_fewer_processes(tmp_path: Path, in_float64: None) -> None:
    whole_run(tmp_path / "calm", ALONE, None)
    folder = tmp_path / "elastic"
    for part, size in enumerate(ELASTIC[:-1], start=1):
        stopped = partial(part_of_run, folder=folder, stop_at=part * PART)
        in_processes(stopped, size, tmp_path / f"processes-{size}")
    whole_run(folder, ALONE, None)
    calm, elastic = (
        checkpoint.read_latest(place / "checkpoints", config_sha256="0")[0]
        for place in (tmp_path / "calm", folder)
    )
    assert calm is not None and elastic is not None
    assert calm.step == elastic.step == len(ELASTIC) * PART
    worst = max(difference(elastic.tensors[n], t) for n, t in calm.tensors.items())
    print(f"4, then 2, then 1 process: {worst:.1e}")
    assert worst <= CLOSE
    logs = [steps_of(place / "metrics.jsonl") for place in (tmp_path / "calm", folder)]
    assert logs[0] == logs[1]
    assert sorted(f.name for f in (folder / "samples").iterdir()) == sorted(
        f.name for f in (tmp_path / "calm" / "samples").iterdir()
    )


def steps_of(log: Path) -> list[int]:
    return [json.loads(line)["step"] for line in log.read_text().splitlines()]
