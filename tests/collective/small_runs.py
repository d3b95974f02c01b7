"""Recipes in float64, whole or shared out."""

from dataclasses import replace

import torch
from torch import Tensor

from convergan.collective import ALONE, Ranks, share_batches
from convergan.data import Batches, draw_labeled_subset
from convergan.data.sources import Dataset
from convergan.recipes import Recipe, find_recipe
from convergan.training import State, train
from faults.elastic import difference as difference
from faults.elastic import in_double as in_double
from tests.narrow import small


def small_run(name: str, batch_size: int) -> tuple[Recipe, Dataset]:
    recipe, dataset = small(find_recipe(name))
    return replace(recipe, batch_size=batch_size), dataset


def take_steps(
    name: str, *, batch_size: int, steps: int, ranks: Ranks = ALONE
) -> tuple[State, dict[str, Tensor]]:
    """Train a narrow recipe; return the state and the losses of every step, (steps,) each."""
    recipe, dataset = small_run(name, batch_size)
    dataset = in_double(recipe.as_players_see(dataset))
    images, cpu = dataset.train.images, torch.device("cpu")
    classes = len(dataset.classes)
    state = recipe.start(images, classes, seed=0, device=cpu)
    unit = state.discriminator.network.rows_together
    sharing = share_batches(ranks, batch_size, unit=unit)
    subset = draw_labeled_subset(dataset.train.labels, 2 * classes, dataset.classes, seed=0)
    spread = None
    if recipe.neighbors is not None:
        drawn = torch.randn(len(images), classes, generator=torch.Generator().manual_seed(0))
        spread = drawn.softmax(dim=1)
    batches = Batches(
        images, *subset, batch_size=batch_size, seed=0, device=cpu, spread=spread, sharing=sharing
    )
    records = train(
        state,
        recipe.step,
        batches,
        steps=steps,
        schedule=recipe.schedule,
        seed=0,
        device=cpu,
        sharing=sharing,
    )
    losses = [record.metrics for record in records]
    return state, {name: torch.stack([line[name] for line in losses]) for name in losses[0]}
