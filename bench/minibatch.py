"""Minibatch similarities, forward and backward, against broadcasting, `torch.cdist` and a floor.

``python -m bench.minibatch --threads 1``: 512 rows, 100 kernels of 5 coordinates, float32. The
floor is every absolute difference and every exponential of a pair, once forward and once backward,
at rates measured in the same run on arrays that fit in a cache: no sums, no signs, no products.
Then the cost of other batch sizes; for the largest, in a process of its own, the growth of the peak
of memory. On one thread, times are seconds of the process, so that other work on the machine
disturbs less.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from convergan.layers import minibatch_similarities

ROWS, KERNELS, DIM = 512, 100, 5
CURVE = (64, 128, 256, 512, 1024, 2048)
LARGEST = 4096
IN_CACHE = 2**14  # numbers, 64 KiB


def broadcast(projected: Tensor) -> Tensor:
    distances = (projected.unsqueeze(1) - projected.unsqueeze(0)).abs().sum(dim=3)
    return distances.neg().exp().sum(dim=1) - 1


def cdist(projected: Tensor) -> Tensor:
    kernels = projected.transpose(0, 1)
    return torch.cdist(kernels, kernels, p=1).neg().exp().sum(dim=1).T - 1


def fastest(call: Callable[[], object], repeats: int, threads: int = 1) -> float:
    """The least seconds of a call: of the process on one thread, else of the clock."""
    clock = time.process_time if threads == 1 else time.perf_counter
    times = []
    for _ in range(repeats):
        started = clock()
        call()
        times.append(clock() - started)
    return min(times)


def rate(operation: Callable[[Tensor, Tensor, Tensor], object], calls: int = 1000) -> float:
    """Numbers a second of an operation ``(a, b, out)`` in the cache."""
    a, b = -torch.rand(IN_CACHE), -torch.rand(IN_CACHE)
    out = torch.empty(IN_CACHE)

    def call() -> None:
        for _ in range(calls):
            operation(a, b, out)

    return calls * IN_CACHE / fastest(call, 3)


def floor_seconds(rows: int) -> float:
    """Of one thread, for forward and backward."""
    pairs = rows * (rows - 1) / 2 * KERNELS
    difference = rate(lambda a, b, out: torch.sub(a, b, out=out).abs_())
    exponential = rate(lambda a, b, out: torch.exp(a, out=out))
    print(
        f"rates, one thread: {difference / 1e9:.2f} G absolute differences/s, "
        f"{exponential / 1e9:.2f} G exponentials/s"
    )
    return 2 * pairs * (DIM / difference + 1 / exponential)


def forward_and_backward(similarities: Callable[[Tensor], Tensor], rows: int) -> Callable[[], None]:
    chance = torch.Generator().manual_seed(0)
    projected = torch.randn(rows, KERNELS, DIM, generator=chance).requires_grad_()
    upstream = torch.randn(rows, KERNELS, generator=chance)

    def call() -> None:
        torch.autograd.grad(similarities(projected), projected, upstream)

    return call


def peak() -> int:
    """Most KiB that this program held; `resource.getrusage` knows of what its parent held."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def print_largest(threads: int) -> None:
    """Print the seconds of the largest batch and the KiB by which the peak grows."""
    torch.set_num_threads(threads)
    forward_and_backward(minibatch_similarities, 64)()
    call = forward_and_backward(minibatch_similarities, LARGEST)
    before = peak()
    print(fastest(call, 1, threads), peak() - before)


def print_cost(rows: int, seconds: float) -> None:
    pairs = rows * (rows - 1) / 2 * KERNELS
    print(
        f"{rows:6} rows {seconds * 1e3:9.1f} ms  {seconds / pairs * 1e9:6.2f} ns "
        "for a pair and kernel",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(1)
    floor = floor_seconds(ROWS) / threads
    torch.set_num_threads(threads)
    ours = fastest(forward_and_backward(minibatch_similarities, ROWS), 10, threads)
    print(f"{ROWS} rows, {threads} threads; floor {floor * 1e3:.0f} ms")
    for name, seconds in (
        ("ours", ours),
        ("cdist", fastest(forward_and_backward(cdist, ROWS), 2, threads)),
        ("broadcast", fastest(forward_and_backward(broadcast, ROWS), 2, threads)),
    ):
        print(
            f"{name:10} {seconds * 1e3:8.1f} ms  {seconds / ours:5.1f} of ours  "
            f"{seconds / floor:6.2f} of the floor",
            flush=True,
        )
    for rows in CURVE:
        call = forward_and_backward(minibatch_similarities, rows)
        print_cost(rows, fastest(call, max(1, 1024 // rows), threads))
    script = f"from bench.minibatch import print_largest; print_largest({threads})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    seconds, growth = (float(number) for number in done.stdout.split())
    print_cost(LARGEST, seconds)
    inputs = LARGEST * KERNELS * DIM * 4 / 2**20
    print(f"peak memory at {LARGEST} rows: + {growth / 1024:.0f} MiB ({inputs:.0f} MiB are M)")


if __name__ == "__main__":
    main()
