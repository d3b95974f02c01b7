"""Short runs of digits, what they log, and a disk that fills up."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from convergan.core.signals import StopRequests
from convergan.data import Dataset, draw_labeled_subset, load
from convergan.recipes import Recipe, find_recipe
from convergan.runs.job import Job
from convergan.runs.trainer import Trainer
from convergan.training import WeightAverage, warm_up

STEPS = 12


def everything_on() -> Recipe:
    """`digits` with averages, historical averaging, and checkpoints beside evaluations."""
    return replace(
        find_recipe("digits"),
        historical_weight=0.01,
        generator_average=partial(WeightAverage, rate=warm_up(0.9)),
        evaluate_every=5,
        checkpoint_every=4,
    )


def job(recipe: Recipe, folder: Path, dataset: Dataset, steps: int = STEPS) -> Job:
    """A job with two labels per class that keeps two checkpoints."""
    return Job(
        method="GAN",
        recipe=recipe,
        dataset=recipe.as_players_see(dataset),
        pictures=dataset.train.images[:],
        subset=draw_labeled_subset(
            dataset.train.labels, 2 * len(dataset.classes), dataset.classes, seed=0
        ),
        steps=steps,
        seed=0,
        device=torch.device("cpu"),
        autocast=None,
        folder=folder,
        identity="0",
        keep=2,
    )


def trainer(
    recipe: Recipe,
    folder: Path,
    dataset: Dataset,
    steps: int = STEPS,
    requests: StopRequests | None = None,
) -> Trainer:
    """The trainer of such a job."""
    return Trainer(job(recipe, folder, dataset, steps), requests or StopRequests())


def log_without_times(folder: Path) -> list[dict[str, float]]:
    """The lines of a run's log but for their seconds."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let this process write no more than so many bytes to a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))  # Python ignores the signal
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def toy_job(folder: Path) -> Job:
    """A job of points in the plane that takes milliseconds to start and judges nothing."""
    recipe = replace(find_recipe("toy"), judge=None, batch_size=8, checkpoint_every=10)
    return job(recipe, folder, load("ring"))
