"""Runs an hour of a sweep with several jobs against the same runs one after the other.

``python -m bench.sweep`` trains the same seeds twice, each in a fresh process: by
``convergan sweep`` with ``--jobs 2`` and one thread a run, and by ``convergan train`` in a loop
with the threads that it takes by default. Prints runs per hour of both, and the ratio.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path


def convergan(*arguments: object) -> None:
    command = [sys.executable, "-m", "convergan", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def sweep(choices: Sequence[object], recipe: str, seeds: int, jobs: int, folder: Path) -> None:
    convergan(
        *("sweep", "mnist-table", "--recipe", recipe, *choices, "--seeds", seeds),
        *("--jobs", jobs, "--threads", 1, "--out", folder),
    )


def one_after_the_other(choices: Sequence[object], recipe: str, seeds: int, folder: Path) -> None:
    for seed in range(seeds):
        convergan(
            *("train", recipe, *choices, "--seed", seed, "--no-baselines", "--keep", 1),
            *("--out", folder / f"seed-{seed}"),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--labels", type=int, default=50)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    choices = ("--data", chosen.data, "--labels", chosen.labels, "--steps", chosen.steps)
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        sweep(choices, chosen.recipe, chosen.seeds, chosen.jobs, Path(place) / "sweep")
        swept = time.perf_counter()
        one_after_the_other(choices, chosen.recipe, chosen.seeds, Path(place) / "loop")
        ended = time.perf_counter()
    print(f"{chosen.seeds} runs of {chosen.recipe} on {chosen.data}, {chosen.steps:,} steps each")
    rates = [3600 * chosen.seeds / seconds for seconds in (swept - started, ended - swept)]
    print(f"sweep, {chosen.jobs} jobs of one thread   {rates[0]:8.1f} runs an hour")
    print(f"one after the other        {rates[1]:8.1f} runs an hour")
    print(f"ratio                      {rates[0] / rates[1]:8.2f}")


if __name__ == "__main__":
    main()
