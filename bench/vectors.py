"""MNIST as vectors: errors on held-out training rows against the work done.

``python -m bench.vectors mnist-vectors --seeds 7001 7002 --out FOLDER`` trains a recipe (a name,
with ``-without-game`` and the like, or ``file.py:function``) on the first 50,000 training rows, 100
of them labelled, and judges the last 10,000: test rows are not read. Work is counted in steps of
the released recipe: the floating-point operations of the matrix products of a step, forward and
backward, see `bench.step`, over those of a step of `mnist`. The recipe takes its own number of
steps unless ``--steps`` says another. Every look appends a line to ``FOLDER/errors.jsonl``; a run
that was stopped goes on from its last look, and what is finished is not run again.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from bench.step import count_flops, prepare
from convergan.core.files import canonical_sha256, replace_file
from convergan.data import Batches, DataError, Dataset, Rows, draw_labeled_subset, load
from convergan.recipes import Recipe, describe_training, find_recipe
from convergan.training import State, evaluate, train

CPU = torch.device("cpu")
HELD_OUT = 10_000


def work_done(recipe: Recipe, looks: Sequence[int]) -> list[float]:
    """Return the work done after these numbers of steps, ascending, on 28x28 images.

    A recipe's steps need not cost the same all the time, so the step in the middle of each stretch
    between two looks is counted.
    """
    [released] = flops_of_steps(find_recipe("mnist"), [5000])
    bounds = list(pairwise([0, *looks]))
    counted = flops_of_steps(recipe, [(a + b) // 2 for a, b in bounds])
    flops = ((b - a) * count for (a, b), count in zip(bounds, counted, strict=True))
    return [total / released for total in accumulate(flops)]


def flops_of_steps(recipe: Recipe, numbers: Sequence[int]) -> list[int]:
    """Count the operations of the matrix products of steps, given their numbers."""
    state, steps = prepare(recipe, (1, 28, 28))
    found = []
    for number in numbers:
        state.step = number
        found.append(count_flops(lambda: next(steps)))
    return found


def hold_out(dataset: Dataset, count: int) -> Dataset:
    """Return a data set whose test rows are the last training rows, which it leaves out."""
    images, labels = dataset.train.images[:], dataset.train.labels
    return replace(
        dataset,
        train=Rows(images[:-count], labels[:-count]),
        test=Rows(images[-count:], labels[-count:]),
    )


class Experiment(NamedTuple):
    """One seed of one recipe."""

    name: str
    recipe: Recipe
    dataset: Dataset
    labels: int
    seed: int
    steps: int
    looks: int
    precision: str

    def batches(self) -> Batches:
        train = self.dataset.train
        subset = draw_labeled_subset(train.labels, self.labels, self.dataset.classes, self.seed)
        return Batches(
            train.images,
            subset.rows,
            subset.labels,
            batch_size=self.recipe.batch_size,
            seed=self.seed,
            device=CPU,
            kinds=self.recipe.takes,
        )

    def kept(self, folder: Path) -> Path:
        """Where its state is kept: a file for each recipe, whatever it is called."""
        what = [describe_training(self.recipe), self.dataset.source, *self[3:]]
        return folder / f"{Path(self.name).name}-{canonical_sha256(what)[:16]}.safetensors"

    def run(self, folder: Path) -> Iterator[dict[str, Any]]:
        """Train from where it was stopped; yield a line of figures at each look."""
        kept = self.kept(folder)
        looks = [round(self.steps * n / self.looks) for n in range(1, self.looks + 1)]
        work = dict(zip(looks, work_done(self.recipe, looks), strict=True))
        images, classes = self.dataset.train.images, len(self.dataset.classes)
        state = self.recipe.start(images, classes, seed=self.seed, device=CPU)
        if kept.exists():
            state.load(load_file(kept))
        taken = train(
            state,
            self.recipe.step,
            self.batches(),
            steps=self.steps,
            schedule=self.recipe.schedule,
            seed=self.seed,
            device=CPU,
            autocast=torch.bfloat16 if self.precision == "bfloat16" else None,
        )
        started = time.process_time()
        for progress in taken:
            if progress.step not in work:
                continue
            line: dict[str, Any] = {"recipe": self.name, "data": self.dataset.source}
            line |= {"labels": self.labels, "seed": self.seed, "of": self.steps}
            line |= {"step": progress.step, "work": round(work[progress.step])}
            line |= self.count_errors(state)
            line |= {name: round(loss.item(), 4) for name, loss in progress.metrics.items()}
            yield line | {"cpu_seconds": round(time.process_time() - started, 1)}
            replace_file(kept, save(state.copied_tensors()))

    def count_errors(self, state: State) -> dict[str, int]:
        """Count wrong held-out rows, by averaged and by last weights."""
        player, rows = state.discriminator, self.dataset.test

        def errors(weights: Mapping[str, Tensor]) -> int:
            wrong = evaluate(player.network, weights, rows, device=CPU).error
            return round(wrong * len(rows.labels))

        averaged, last = player.averaged_parameters(), player.parameters
        return {"errors": errors(averaged), "errors_last": errors(last)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipes", nargs="+", metavar="recipe", help="as of convergan train")
    parser.add_argument("--data", default="ylecun/mnist")
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7001])
    parser.add_argument("--steps", type=int, help="of a run (default: the recipe's)")
    parser.add_argument("--looks", type=int, default=36, help="at held-out rows in a run")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--out", type=Path, required=True, help="folder of the figures")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    try:
        dataset = hold_out(load(chosen.data), HELD_OUT)
        recipes = {name: find_recipe(name) for name in chosen.recipes}
    except (DataError, ValueError) as error:
        parser.error(str(error))
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, recipe in recipes.items():
        seen = recipe.as_players_see(dataset)
        measured = (chosen.steps or recipe.steps, chosen.looks, chosen.precision)
        for seed in chosen.seeds:
            experiment = Experiment(name, recipe, seen, chosen.labels, seed, *measured)
            for line in experiment.run(chosen.out):
                with (chosen.out / "errors.jsonl").open("a") as lines:
                    print(json.dumps(line), file=lines)
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
