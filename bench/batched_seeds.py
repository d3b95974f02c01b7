"""Several seeds as one batched model against one process a seed.

``python -m bench.batched_seeds`` passes batches of 300 rows through the paper's MNIST discriminator
and back, noise and all: S seeds stacked into batched matrix products on S threads, and S processes
of one seed and one thread each, at the same time. Prints milliseconds a seed's pass.
"""

import argparse
from itertools import pairwise
from multiprocessing import get_context
from time import perf_counter

import torch

WIDTHS = (784, 1000, 500, 250, 250, 250, 10)
ROWS = 300


def seconds_of_a_pass(seeds: int, threads: int, repeats: int) -> float:
    """Median seconds of one pass of all seeds together."""
    torch.set_num_threads(threads)
    weights = [torch.randn(seeds, a, b).mul_(0.05).requires_grad_() for a, b in pairwise(WIDTHS)]
    times = []
    for _ in range(repeats):
        started = perf_counter()
        h = torch.rand(seeds, ROWS, WIDTHS[0])
        for weight in weights:
            h = (h + torch.randn_like(h) / 2).bmm(weight).relu()
        torch.autograd.grad(h.sum(), weights)
        times.append(perf_counter() - started)
    return sorted(times)[repeats // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=60)
    chosen = parser.parse_args()
    spawn, work = get_context("spawn"), (1, 1, chosen.repeats)
    with spawn.Pool(chosen.seeds) as pool:
        apart = pool.starmap(seconds_of_a_pass, [work] * chosen.seeds, chunksize=1)
    with spawn.Pool(1) as pool:
        together = pool.apply(seconds_of_a_pass, (chosen.seeds, chosen.seeds, chosen.repeats))
    separate = sum(apart) / chosen.seeds**2 * 1e3
    batched = together / chosen.seeds * 1e3
    print(f"{chosen.seeds} processes of one seed and one thread  {separate:7.2f} ms a seed's pass")
    print(f"{chosen.seeds} seeds batched on as many threads      {batched:7.2f} ms a seed's pass")
    print(f"batched over separate                    {batched / separate:7.2f}")


if __name__ == "__main__":
    main()
