"""Search the settings of relativistic pairs on Stacked MNIST, on a seed that no table has.

``python -m bench.pairs OUT --rates 5e-4 2e-4 --gammas 0.05 0.25 1 --steps 1000`` trains one run for
each rate and gamma and prints the modes of 1,000 and the KL divergence in nats. Runs that are
finished in OUT are not run again.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from convergan.core.files import read_json
from convergan.data import Dataset, load
from convergan.recipes.collapse import relativistic
from convergan.recipes.stacked import stacked
from convergan.runs.run import run
from convergan.runs.settings import Settings
from convergan.training import NonFiniteError


def figures(
    folder: Path, dataset: Dataset, rate: float, gamma: float, steps: int, seed: int
) -> dict[str, float]:
    """Train, or read what was trained."""
    recipe = replace(relativistic(stacked()._replace(rate=rate, penalty=gamma)), steps=steps)
    settings = Settings(
        recipe="stacked-relativistic",
        data="stacked-mnist",
        labels=0,
        seed=seed,
        steps=steps,
        device="cpu",
    )
    for _ in run(recipe, dataset, settings, folder):
        pass
    judged: dict[str, float] = read_json(folder / "result.json")["judged"]
    return judged


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--rates", type=float, nargs="+", default=[5e-4])
    parser.add_argument("--gammas", type=float, nargs="+", default=[0.25])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=100)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load("stacked-mnist")
    for rate in chosen.rates:
        for gamma in chosen.gammas:
            folder = chosen.out / f"rate-{rate:g}-gamma-{gamma:g}-seed-{chosen.seed}"
            try:
                found = figures(folder, dataset, rate, gamma, chosen.steps, chosen.seed)
            except NonFiniteError as error:
                print(f"rate {rate:g}, gamma {gamma:g}: {error}", flush=True)
                continue
            shown = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
            print(f"rate {rate:g}, gamma {gamma:g}, {chosen.steps} steps: {shown}", flush=True)


if __name__ == "__main__":
    main()
