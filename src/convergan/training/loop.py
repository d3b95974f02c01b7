"""The loop: a generator that steps and yields; whoever calls it prints, measures and saves."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from ..chance import derive
from ..collective import Sharing, at_work
from ..data import Batch
from .state import State
from .steps import Losses, Step


class Record(NamedTuple):
    """What one step reports.

    Attributes:
        step: its number, from 1.
        losses: detached scalars by name, on the device.
    """

    step: int
    losses: Losses


def train(
    state: State,
    step: Step,
    batches: Callable[[int], Batch],
    *,
    steps: int,
    schedule: Callable[[float], float],
    seed: int,
    device: torch.device,
    autocast: torch.dtype | None = None,
    sharing: Sharing | None = None,
) -> Iterator[Record]:
    """Take the steps from where ``state`` stands up to ``steps``, yielding after each.

    All chance of a step is derived from (seed, step), so stopping and going on changes nothing.

    Args:
        state: both players; changed in place.
        step: one of `convergan.training.steps`, with its losses chosen.
        batches: from the number of a step to its batch.
        steps: number of the last step.
        schedule: from progress in [0, 1) to the factor of both learning rates.
        seed: of the run.
        device: where the batches and networks are.
        autocast: compute matrix products in this dtype, or None for that of the weights.
        sharing: how batches are shared with other processes, who all call this; None for alone.

    Yields:
        A `Record` after each step, when ``state.step`` equals its number.

    Raises:
        NonFiniteError: before the update, if a loss or gradient is not finite.
    """
    while state.step < steps:
        number = state.step + 1
        for player in state.players():
            player.set_rate(schedule(state.step / steps))
        if sharing is not None:
            sharing.ranks.mark(step=number, phase="batch")
        batch = batches(number)
        chance = derive(seed, "step", number, device=device)
        precision = torch.autocast(device.type, dtype=autocast, enabled=autocast is not None)
        with precision, at_work(sharing):
            losses = step(state, batch, chance)
        state.step = number
        yield Record(number, losses)
