"""The loop: a generator that steps and yields; whoever calls it prints, measures and saves."""

from collections.abc import Callable, Iterator

import torch

from ..collective import UNSHARED, Sharing, use_sharing
from ..core.chance import derive
from ..core.progress import Progress
from ..data import Batch
from .state import NonFiniteError, State
from .steps import Step

TRAINING = "training"
"""The method that the loop reports; who knows what is trained gives it a better name."""
LEFT_OUT = "left out"
"""Why a step changed nothing that was not tried."""


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
    may_skip: Callable[[], bool] = lambda: False,
    left_out: Callable[[int], bool] = lambda number: False,
    sharing: Sharing = UNSHARED,
) -> Iterator[Progress]:
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
        may_skip: whether the next step may be left out as a whole if a loss or gradient is not
            finite, which costs a copy of the state.
        left_out: whether a step, given its number, is left out whatever it would bring.
        sharing: how batches are shared with other processes, who all call this.

    Yields:
        `Progress` after each step, when ``state.step`` equals its number.

    Raises:
        NonFiniteError: before the update, if a loss or gradient is not finite and is not skipped.
    """
    while state.step < steps:
        number = state.step + 1
        if left_out(number):
            state.step = number
            yield Progress(TRAINING, number, steps, {}, skipped=LEFT_OUT)
            continue
        for player in state.players():
            player.set_rate(schedule(state.step / steps))
        sharing.ranks.report_progress(step=number, phase="batch")
        batch = batches(number)
        chance = derive(seed, "step", number, device=device)
        before = state.copied_tensors() if may_skip() else None
        precision = torch.autocast(device.type, dtype=autocast, enabled=autocast is not None)
        try:
            with precision, use_sharing(sharing):
                taken = Progress(TRAINING, number, steps, step(state, batch, chance))
        except NonFiniteError as error:
            if before is None:
                raise
            state.load(before)  # one player may have moved already
            taken = Progress(TRAINING, number, steps, {}, skipped=str(error))
        state.step = number
        yield taken
