"""The search for neighbors of `mnist-graph` against its floor, on one thread.

``python -m bench.neighbors --images 60000``: random images of MNIST's size, whose search takes as
long as MNIST's. The floor is one product of matrices, the distances of all pairs of descriptors,
at the rate of the same run. Times are seconds of the process, so that other work on the machine
disturbs less; the rate is measured before and after. Prints each part's seconds, those of all and
their ratio to the floor.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch

from bench.step import matrix_rate
from convergan.data import describe_fast, nearest_neighbors, upright
from convergan.recipes.mnist import bending_neighbors

COMPONENTS, CANDIDATES, WAYS = 80, 40, 12
"""As `bending_neighbors` searches."""

Result = TypeVar("Result")


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    started = time.process_time()
    result = call()
    return result, time.process_time() - started


def rate(count: int) -> float:
    """FLOP/s of distances of a thousand rows to all."""
    return matrix_rate(sizes=(1000, COMPONENTS, count))


def measure(count: int) -> None:
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8, generator=chance)
    before = rate(count)
    standing, to_stand = timed(partial(upright, images))
    described, to_describe = timed(partial(describe_fast, standing))
    candidates = partial(nearest_neighbors, described, CANDIDATES, components=COMPONENTS)
    _, to_find = timed(candidates)
    _, whole = timed(partial(bending_neighbors, images))
    flops = 2 * count**2 * COMPONENTS
    floor = 2 * flops / (before + rate(count))
    for name, seconds in (
        ("set upright", to_stand),
        (f"described {2 * WAYS + 1} times", (2 * WAYS + 1) * to_describe),
        (f"{CANDIDATES} candidates", to_find),
        ("whole search", whole),
    ):
        print(f"{name:20} {seconds:8.2f} s  {seconds / floor:6.2f} of the floor", flush=True)
    print(f"floor {floor:.2f} s: {flops / 1e9:.0f} GFLOP at {flops / floor / 1e9:.0f} GFLOP/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=60_000)
    torch.set_num_threads(1)
    measure(parser.parse_args().images)


if __name__ == "__main__":
    main()
