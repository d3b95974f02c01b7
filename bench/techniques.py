"""What each technique adds to a step: the same pair, the same rate, ratios to the plain game.

``python -m bench.techniques [--threads 2]`` times one step of every variant in turn, several rounds
of all of them, and takes the least time of each; in seconds of the process with one thread, of the
clock with more.
"""

import argparse
import time
from collections.abc import Iterator

import torch

from bench.step import prepare
from convergan.core.progress import Progress
from convergan.recipes import RECIPES, find_recipe

FAMILIES = {
    "toy": ((2,), 40),
    "stacked": ((3, 28, 28), 4),
    "ablation-ours": ((1, 28, 28), 4),
}
"""The plain recipe of each, the shape of its rows, and steps a round."""


def members(plain: str) -> list[str]:
    prefix = plain.removesuffix("-ours")
    return [plain, *(n for n in RECIPES if n.startswith(f"{prefix}-") and n != plain)]


def spend(steps: Iterator[Progress], count: int) -> float:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    started = clock()
    for _ in range(count):
        next(steps)
    return (clock() - started) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for plain, (shape, count) in FAMILIES.items():
        running = {name: prepare(find_recipe(name), shape)[1] for name in members(plain)}
        least = dict.fromkeys(running, float("inf"))
        for _ in range(arguments.rounds):
            for name, steps in running.items():
                least[name] = min(least[name], spend(steps, count))
        for name, seconds in least.items():
            rows = find_recipe(name).batch_size
            ratio = seconds / least[plain]
            print(f"{name:32} {rows:4} rows {seconds * 1e3:8.2f} ms  {ratio:5.2f}", flush=True)


if __name__ == "__main__":
    main()
