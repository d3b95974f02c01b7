"""The loop: a generator that steps and yields; whoever calls it prints, measures and saves."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..collective import UNSHARED, Sharing, use_sharing
from ..core.chance import derive
from ..core.progress import Progress
from ..data import Batch
from .callbacks import Callback, call_back, name_of
from .ranges import warn_of_other_range
from .state import NonFiniteError, State
from .step_calls import Step, as_batch

TRAINING = "training"
"""The method that the loop reports; who knows what is trained gives it a better name."""
LEFT_OUT = "left out"
"""Why a step changed nothing that was not tried."""


def train(
    state: State,
    step: Step,
    batches: Callable[[int], Batch | Tensor],
    *,
    steps: int,
    schedule: Callable[[float], float] | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    autocast: torch.dtype | None = None,
    may_skip: Callable[[], bool] = lambda: False,
    left_out: Callable[[int], bool] = lambda number: False,
    sharing: Sharing = UNSHARED,
    callbacks: Sequence[Callback] = (),
) -> Iterator[Progress]:
    """Take the steps from where ``state`` stands up to ``steps``, yielding after each.

    All chance of a step is derived from (seed, step), so stopping and going on changes nothing.

    Args:
        state: both players; changed in place.
        step: one of `convergan.training.steps`, with its losses chosen; or a function of yours from
            state, batch and chance to losses by name, tensors or numbers.
        batches: from the number of a step to its batch, or to its unlabelled rows alone.
        steps: number of the last step.
        schedule: from progress in [0, 1) to the factor of both learning rates, of those that the
            optimizers had when the state was made; None to leave the rates to others, such as
            schedulers of yours.
        seed: of the run.
        device: where the batches and networks are; None for where the networks are.
        autocast: compute matrix products in this dtype, or None for that of the weights.
        may_skip: whether the next step may be left out as a whole if a loss or gradient is not
            finite, which costs a copy of the state.
        left_out: whether a step, given its number, is left out whatever it would bring.
        sharing: how batches are shared with other processes, who all call this.
        callbacks: called with the `Progress` of each step before it is yielded, such as the loggers
            of `convergan.training.loggers`. What they draw at random changes no step.

    Yields:
        `Progress` after each step, when ``state.step`` equals its number.

    Raises:
        NonFiniteError: before the update, if a loss or gradient is not finite and is not skipped;
            after it, if a loss that the step returns is not. A note of it has the step's number.
        CallbackError: if a callback fails, naming it.
        ValueError: if a step returns no losses by name.

    Warns:
        UserWarning: if generated rows of the first step cannot be in the range of the data's.
    """
    device = device or state.discriminator.device or torch.device("cpu")
    first = state.step + 1
    while state.step < steps:
        number = state.step + 1
        if left_out(number):
            state.step = number
            yield call_back(callbacks, Progress(TRAINING, number, steps, {}, skipped=LEFT_OUT))
            continue
        if schedule is not None:
            for player in state.players():
                player.set_rate(schedule(state.step / steps))
        sharing.ranks.report_progress(step=number, phase="batch")
        batch = as_batch(batches(number))
        chance = derive(seed, "step", number, device=device)
        before = state.copied_tensors() if may_skip() else None
        precision = torch.autocast(device.type, dtype=autocast, enabled=autocast is not None)
        watched = warn_of_other_range(state, batch, when=number == first)
        try:
            with precision, use_sharing(sharing), watched, state.counted():
                losses = losses_of(step, step(state, batch, chance))
            taken = Progress(TRAINING, number, steps, losses)
        except NonFiniteError as error:
            if before is None:
                error.add_note(f"at step {number}")
                raise
            state.load(before)  # one player may have moved already
            taken = Progress(TRAINING, number, steps, {}, skipped=str(error))
        state.step = number
        yield call_back(callbacks, taken)


def losses_of(step: Callable[..., Any], returned: object) -> dict[str, Tensor | float]:
    """Return the losses that a step returned, tensors detached.

    Raises:
        ValueError: if it returned something else; the message names the step.
        NonFiniteError: if one is not finite; the message names it.
    """
    if not isinstance(returned, Mapping):
        raise ValueError(
            f"step {name_of(step)} returned {type(returned).__name__}; it must return its losses "
            "by name, such as {'generator_loss': loss}"
        )
    losses: dict[str, Tensor | float] = {}
    for name, value in returned.items():
        if isinstance(value, Tensor) and value.numel() == 1:
            losses[name] = value.detach()
        elif isinstance(value, int | float):
            losses[name] = value
        else:
            shape = f" of shape {tuple(value.shape)}" if isinstance(value, Tensor) else ""
            raise ValueError(
                f"step {name_of(step)} returned {type(value).__name__}{shape} as {name}; a loss is "
                "a number or a tensor with one"
            )
    _require_finite(step, losses)
    return losses


def _require_finite(step: Callable[..., Any], losses: Mapping[str, Tensor | float]) -> None:
    """Require finite losses; those on a device are fetched at once."""
    sums = [loss.flatten().double() for loss in losses.values() if isinstance(loss, Tensor)]
    numbers = [loss for loss in losses.values() if not isinstance(loss, Tensor)]
    if all(map(math.isfinite, numbers)) and (not sums or bool(torch.cat(sums).isfinite().all())):
        return
    name = next(name for name, loss in losses.items() if not math.isfinite(loss))
    raise NonFiniteError(
        f"step {name_of(step)} returned {float(losses[name]):g} as {name}, which is not finite"
    )
