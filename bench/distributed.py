"""Two processes against one: time of a step, bytes it exchanges, and what a model says of both.

``python -m bench.distributed``: each recipe on random rows of its shape, one thread a process. The
time is the first quartile of the steps', as other work on the machine can only add to it; seconds
of the process are printed as well, as they do not count waiting for a busy core. Bytes are those
that one process gives to exchanges, counted, beside those of gradients, which are the plan. The
limit is two processes that train half of the batch each and exchange nothing. The model is

``t(W) = share + 2 (1 - 1/W) bytes / rate + calls latency``,

with ``share`` the time of that limit and the rate and latency of reductions measured in the same
run for W = 2. It is then asked for W up to 512 GPUs, with the same batch on each, at rates that are
assumed and printed. ``imagenet`` takes minutes for each step on a CPU and is measured only where it
is named.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.distributed import FileStore  # type: ignore[attr-defined]
from torch.multiprocessing.spawn import spawn

from bench.step import count_flops
from convergan.collective import ALONE, Ranks, share_batches
from convergan.collective.ranks import DistributedRanks
from convergan.core.progress import Progress
from convergan.data import Batches, Dataset, Rows
from convergan.recipes import find_recipe
from convergan.training import State, train

SHAPES = {
    "digits": (1, 8, 8),
    "mnist": (1, 28, 28),
    "stacked-minibatch-discrimination": (3, 28, 28),
    "cifar10-minibatch": (3, 32, 32),
    "imagenet": (3, 128, 128),
}
DEFAULT = ("digits", "mnist", "stacked-minibatch-discrimination", "cifar10-minibatch")
FEWER = {"cifar10-minibatch": 10, "imagenet": 4}
"""Rows of a batch where a recipe's own would take minutes; FLOPs are extrapolated to those."""
CPU = torch.device("cpu")
ROWS = 1000
GPU = 50e12
"""FLOP/s of a GPU that such networks reach: assumed."""
NETWORKS = {"100 GB/s": 100e9, "12.5 GB/s": 12.5e9, "1.25 GB/s": 1.25e9}
LATENCY = 30e-6
"""Seconds of an exchange among GPUs, of any size: assumed."""
SIZES = (1, 2, 8, 64, 512)


class Measured(NamedTuple):
    """Of one recipe in some number of processes.

    Attributes:
        rows: of a batch.
        seconds: of a step.
        cpu: seconds of this process in a step.
        flops: of a step with the recipe's batch; 0 where not counted.
        bytes: that a process gives to exchanges in a step.
        calls: exchanges of a step.
        plan: bytes of gradients.
        apart: seconds of a step in each of two processes that know nothing of each other, with half
            of the rows; 0 where that is not measured.
    """

    rows: int
    seconds: float
    cpu: float
    flops: float
    bytes: int
    calls: int
    plan: int
    apart: float = 0.0


def prepare(name: str, rows: int, ranks: Ranks) -> tuple[State, Iterator[Progress]]:
    """Stand before the first step on random images, with batches of ``rows``."""
    recipe = replace(find_recipe(name), batch_size=rows)
    images = torch.randint(0, 256, (ROWS, *SHAPES[name]), dtype=torch.uint8)
    drawn = Rows(images, torch.arange(ROWS) % 10)
    dataset = Dataset("random", tuple("0123456789"), drawn, Rows(images[:0], drawn.labels[:0]))
    seen = recipe.as_players_see(dataset).train.images
    state = recipe.start(seen, 10, seed=0, device=CPU)
    sharing = share_batches(ranks, rows)
    batches = Batches(
        seen,
        torch.arange(100),
        drawn.labels[:100],
        batch_size=rows,
        seed=0,
        device=CPU,
        spread=torch.full((len(seen), 10), 0.1),
        sharing=sharing,
    )
    return state, train(
        state,
        recipe.step,
        batches,
        steps=10**6,
        schedule=recipe.schedule,
        seed=0,
        device=CPU,
        sharing=sharing,
    )


def flops_of(name: str) -> float:
    """Count those of a step, and extrapolate where rows are fewer than the recipe's."""
    full = find_recipe(name).batch_size
    rows = FEWER.get(name, full)

    def count(rows: int) -> int:
        _, steps = prepare(name, rows, ALONE)
        return count_flops(lambda: next(steps))

    found = count(rows)
    if rows == full:
        return found
    return found + (count(2 * rows) - found) * (full - rows) / rows


def measure(name: str, seconds: float, ranks: Ranks, given: dict[str, int]) -> Measured:
    """Train for about some seconds, three steps at least.

    Args:
        name: of the recipe.
        seconds: to train.
        ranks: the processes.
        given: the counters of the exchanges.
    """
    rows = FEWER.get(name, find_recipe(name).batch_size)
    state, steps = prepare(name, rows, ranks)
    next(steps)
    given |= {"bytes": 0, "calls": 0}
    cpu = time.process_time()
    times = time_steps(steps, seconds, ranks)
    cpu = (time.process_time() - cpu) / len(times)
    exchanged = {kind: count // len(times) for kind, count in given.items()}
    plan = sum(4 * p.numel() for player in state.players() for p in player.parameters.values())
    apart = 0.0
    if ranks.size > 1:
        _, steps = prepare(name, rows // ranks.size, ALONE)
        next(steps)
        ranks.barrier()
        apart = first_quartile(time_steps(steps, seconds, ALONE))
    flops = flops_of(name) if ranks.size == 1 else 0
    return Measured(rows, first_quartile(times), cpu, flops, **exchanged, plan=plan, apart=apart)


def time_steps(steps: Iterator[Progress], seconds: float, ranks: Ranks) -> list[float]:
    """Return the seconds of each step of some, three at least."""
    times: list[float] = []
    # All processes must take the same steps, so it is rank 0 that says when they end.
    while ranks.broadcast(len(times) < 3 or sum(times) < seconds):
        started = time.perf_counter()
        next(steps)
        times.append(time.perf_counter() - started)
    return times


def first_quartile(times: list[float]) -> float:
    return sorted(times)[len(times) // 4]


def reduction(ranks: DistributedRanks, count: int, repeats: int = 20) -> float:
    """The first quartile of the seconds of a reduction of ``count`` numbers."""
    value, times = torch.zeros(count), []
    for _ in range(repeats):
        ranks.barrier()
        started = time.perf_counter()
        ranks.all_reduce(value)
        times.append(time.perf_counter() - started)
    return first_quartile(times)


def work(rank: int, size: int, folder: Path, seconds: float, names: list[str]) -> None:
    """What one process does."""
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    if size == 1:
        found["recipes"] = {name: measure(name, seconds, ALONE, {}) for name in names}
    else:
        store = FileStore(str(folder / "store"), size)
        ranks = DistributedRanks(store, rank, size, backend="gloo", seconds=600)
        found["recipes"] = {name: measure(name, seconds, ranks, ranks.sent) for name in names}
        found["latency"] = reduction(ranks, 1)
        large = 2**22
        found["rate"] = 4 * large / reduction(ranks, large)
        ranks.leave(0, "done")
    if rank == 0:
        (folder / f"found-{size}.json").write_text(json.dumps(found))


def print_measured(one: Measured, two: Measured, name: str, rate: float, latency: float) -> None:
    """Print a recipe's two points and what the model makes of the second."""
    model = two.apart + two.bytes / rate + two.calls * latency
    print(
        f"{name:33} {one.rows:3} rows  {one.seconds * 1e3:8.1f} and {two.seconds * 1e3:8.1f} ms: "
        f"x{one.seconds / two.seconds:.2f}, by the model x{one.seconds / model:.2f}, "
        f"the limit x{one.seconds / two.apart:.2f}; "
        f"of the process {one.cpu * 1e3:8.1f} and {two.cpu * 1e3:8.1f} ms: x{one.cpu / two.cpu:.2f}"
    )
    print(
        f"{'':33} {two.bytes / 1e6:.3f} MB in {two.calls} exchanges, "
        f"{two.plan / 1e6:.3f} MB of them gradients"
    )


def print_cluster(one: Measured, two: Measured, name: str) -> None:
    """Print the efficiency on GPUs with the recipe's whole batch on each."""
    compute = one.flops / GPU
    for network, rate in NETWORKS.items():
        shares = []
        for size in SIZES:
            exchange = 2 * (1 - 1 / size) * two.plan / rate + two.calls * LATENCY * (size > 1)
            shares.append(f"{size}: {compute / (compute + exchange):4.0%}")
        print(
            f"{name:33} {one.flops / 1e9:9.1f} GFLOP {two.plan / 1e6:7.1f} MB  {network:9}  "
            + "  ".join(shares)
        )


def main() -> None:
    """Measure in fresh processes, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=list(DEFAULT))
    parser.add_argument("--seconds", type=float, default=10.0, help="for each recipe and W")
    chosen = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in (1, 2):
            arguments = (size, Path(folder), chosen.seconds, chosen.recipes)
            spawn(work, arguments, nprocs=size)  # type: ignore[no-untyped-call]
            found[size] = json.loads((Path(folder) / f"found-{size}.json").read_text())
    rate, latency = found[2]["rate"], found[2]["latency"]
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    print(f"load {load}; reductions by gloo: {rate / 1e9:.2f} GB/s, {latency * 1e6:.0f} us")
    pairs = {
        name: [Measured(*found[size]["recipes"][name]) for size in (1, 2)]
        for name in chosen.recipes
    }
    for name, (one, two) in pairs.items():
        print_measured(one, two, name, rate, latency)
    print(f"assumed: {GPU / 1e12:.0f} TFLOP/s a GPU, {LATENCY * 1e6:.0f} us an exchange")
    for name, (one, two) in pairs.items():
        print_cluster(one, two, name)


if __name__ == "__main__":
    main()
