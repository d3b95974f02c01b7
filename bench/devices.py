"""One step of a recipe on any device, on the numbers that another device drew.

Generators of torch draw other numbers on a GPU than on the CPU, so the draws of a step are recorded
on the CPU and supplied to both, see `convergan.core.chance`. In float64 all that is left of a
difference is rounding.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.golden import CPU, worst
from convergan.core.chance import derive, recorded_draws, supplied_draws
from convergan.data import Batch, Batches, Dataset
from convergan.recipes import Recipe
from convergan.training import State

MIDDLE = 5000
"""A step at which every teacher is at work."""
NOTHING = 1e-9
"""Numbers below are compared as if of this size: a gradient that is 0 but for rounding, say."""


def state_for(recipe: Recipe, dataset: Dataset, device: torch.device = CPU) -> State:
    """A recipe in the middle of training, in float32."""
    rows = dataset.train.images
    state = recipe.start(rows, len(dataset.classes), seed=0, device=device)
    state.step = MIDDLE
    return state


def batch_for(recipe: Recipe, dataset: Dataset) -> Batch:
    """A batch on the CPU, all of whose rows are labelled."""
    rows, classes = dataset.train, max(1, len(dataset.classes))
    batches = Batches(
        rows.images,
        torch.arange(len(rows.images)),
        rows.labels,
        batch_size=recipe.batch_size,
        seed=0,
        device=CPU,
        spread=torch.full((len(rows.images), classes), 1 / classes),
    )
    return batches(1)


def draws_of_step(recipe: Recipe, dataset: Dataset) -> list[Tensor]:
    """What a step on the CPU draws."""
    state = state_for(recipe, dataset)
    with recorded_draws() as draws:
        recipe.step(state, batch_for(recipe, dataset), derive(0, "step", MIDDLE))
    return draws


def in_float64(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.to(device, torch.float64 if tensor.is_floating_point() else None)


def state_in_float64(recipe: Recipe, dataset: Dataset, device: torch.device) -> State:
    """A recipe in the middle of training, from the same bits on every device."""
    networks = [p.network.double().to(device) for p in state_for(recipe, dataset).players()]
    state = recipe.players(*networks)
    state.step = MIDDLE
    return state


def step_in_float64(
    recipe: Recipe, dataset: Dataset, state: State, draws: Sequence[Tensor], device: torch.device
) -> dict[str, Tensor]:
    """All tensors of a state on the device after one step, and the losses, on the CPU."""
    batch = Batch(*(in_float64(part, device) for part in batch_for(recipe, dataset)))
    with supplied_draws(in_float64(draw, device) for draw in draws):
        losses = recipe.step(state, batch, derive(0, "unused", device=device))
    return {name: tensor.detach().cpu() for name, tensor in (state.tensors() | losses).items()}


def apart(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """The greatest difference within a tensor, as a share of its greatest number."""
    shares = []
    for name, there in theirs.items():
        if there.numel():
            most = max(float(there.abs().max()), NOTHING)
            shares.append(float((ours[name] - there).abs().max()) / most)
    return worst(shares)


def step_apart(recipe: Recipe, dataset: Dataset, device: torch.device) -> float:
    """How far a step on a device is from one on the CPU, on the same draws."""
    draws = draws_of_step(recipe, dataset)
    ours, theirs = (
        step_in_float64(recipe, dataset, state_in_float64(recipe, dataset, at), draws, at)
        for at in (device, CPU)
    )
    return apart(ours, theirs)
