"""Row 8: NaN and infinity in a loss, a gradient or a batch."""

import os
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from convergan.collective import mean_gradients
from convergan.core.files import read_json
from convergan.data import Batch
from convergan.training import State
from convergan.training.steps import Losses, Step

from .children import fork, fork_together, kill_after, wait_all
from .modes import Mode, mode_of
from .rows import Row, Trial
from .training import final_hash, newest, said, train, words_of

STEPS = 60
SKIP = 3
"""Steps in a row that may be left out."""
PLACES = ("discriminator's loss", "generator's loss", "discriminator's gradient", "a batch")
ONE_RANK = len(PLACES)
"""Number of the fifth place: any of these, in one of two processes."""
PATIENCE = 300
"""Seconds for a run."""
NON_FINITE_CODE = 70


def poisoned_step(
    state: State,
    batch: Batch,
    chance: torch.Generator,
    *,
    step: Step,
    at: tuple[int, ...],
    where: str,
    value: str,
    rank: int = 0,
) -> Losses:
    """Take a step, at some numbers with one value in one process that is not finite."""
    if state.step + 1 not in at or rank != int(os.environ.get("RANK", "0")):
        return step(state, batch, chance)
    poison = float(value)
    if where == "a batch":
        rows = batch.unlabeled.clone()
        rows.view(-1)[7] = poison
        return step(state, batch._replace(unlabeled=rows), chance)
    player = state.generator if where.startswith("generator") else state.discriminator
    if where.endswith("loss"):
        real = player.differentiate

        def differentiate(loss: Tensor, **named: Any) -> tuple[Tensor, ...]:
            return real(loss * poison, **named)

        with patch.object(player, "differentiate", differentiate):
            return step(state, batch, chance)
    last = list(player.parameters.values())[-1]
    handle = last.register_hook(  # type: ignore[no-untyped-call]
        lambda gradient: gradient * poison
    )
    try:
        return step(state, batch, chance)
    finally:
        handle.remove()


def step_left_out(
    state: State, batch: Batch, chance: torch.Generator, *, step: Step, at: tuple[int, ...]
) -> Losses:
    """Take a step, at some numbers none but that processes hear what any of them requests."""
    if state.step + 1 in at:
        mean_gradients("nobody", torch.zeros(()), (torch.zeros(1),))
        return {}
    return step(state, batch, chance)


def with_step(mode: Mode, change: Callable[..., Losses], **named: Any) -> Mode:
    """Return a run whose steps are changed by one of the functions above."""
    step = partial(change, step=mode.recipe.step, **named)
    return Mode(mode.name, replace(mode.recipe, step=step), mode.settings)


def perform(trial: int, place: Path) -> Trial:
    """Poison one step, or some, under one policy, in a run of one process or of two."""
    chance = random.Random(trial)
    kind, turn = trial % (ONE_RANK + 1), trial // (ONE_RANK + 1)
    size = 2 if kind == ONE_RANK else 1
    where = chance.choice(PLACES) if kind == ONE_RANK else PLACES[kind]
    value, rank = chance.choice(("nan", "inf", "-inf")), chance.randrange(size)
    policy = ("stop", "skip", "too many", "roll back")[turn % 4]
    first = chance.randrange(2, STEPS - SKIP - 1)
    many = {"skip": chance.randint(1, SKIP), "too many": SKIP + 1}.get(policy, 1)
    at = tuple(range(first, first + many))
    mode = mode_of(chance.randrange(6)).of_length(STEPS)
    poisoned = with_step(mode, poisoned_step, at=at, where=where, value=value, rank=rank)
    folder = place / "run"
    if policy == "roll back" and size == 1:  # killed at any point, it must come to the same end
        kill_after(fork(partial(_train_one, poisoned, folder, policy, 0)), chance.uniform(0, 2))
    codes = _train(poisoned, folder, size, policy)
    injected = f"{value} in {where} of rank {rank} of {size}, {policy}, {mode.name}"
    expected = 0 if policy in ("skip", "roll back") else NON_FINITE_CODE
    if codes != [expected] * size:
        words = [said(words_of(folder, rank))[-1:] for rank in range(size)]
        return Trial(injected, 1, f"it ended with {codes}: {words}")
    checks = {"skip": _check_skipped, "roll back": _check_rolled_back}
    return Trial(injected, 1, checks.get(policy, _check_stopped)(mode, folder, size, at))


def _train(mode: Mode, folder: Path, size: int, policy: str) -> list[int | None]:
    return wait_all(fork_together(partial(_train_one, mode, folder, policy), size), PATIENCE)


def _train_one(mode: Mode, folder: Path, policy: str, rank: int) -> int:
    skip = SKIP if policy in ("skip", "too many") else 0
    roll_back = int(policy == "roll back")
    return train(mode, folder, skip=skip, roll_back=roll_back, told=words_of(folder, rank))


def _check_stopped(mode: Mode, folder: Path, size: int, at: tuple[int, ...]) -> str:
    """See that it stopped at the last of the steps, said which, and kept its checkpoint."""
    report = read_json(folder / "non_finite.json")
    if report["step"] != at[-1] or len(report["rows"]["unlabeled"]) != mode.recipe.batch_size:
        return f"the report is of step {report['step']}, not of step {at[-1]}"
    due = (at[-1] - 1) // mode.recipe.checkpoint_every * mode.recipe.checkpoint_every
    if newest(folder) != due:  # a checkpoint with a value that is not finite does not verify
        return f"the newest checkpoint is of step {newest(folder)}, not of step {due}"
    return ""


def _check_skipped(mode: Mode, folder: Path, size: int, at: tuple[int, ...]) -> str:
    """See that it ended as if these steps had been none."""
    skipped = read_json(folder / "result.json")["skipped_steps"]
    if skipped != len(at):
        return f"{skipped} steps are counted as left out, {len(at)} were"
    return _compare_without(mode, folder, size, at)


def _check_rolled_back(mode: Mode, folder: Path, size: int, at: tuple[int, ...]) -> str:
    """See that it ended as if all steps since the last checkpoint had been none."""
    every = mode.recipe.checkpoint_every
    first = (at[0] - 1) // every * every + 1
    found = read_json(folder / "result.json")["rolled_back"]
    if [(back["first"], back["last"]) for back in found] != [(first, at[0])]:
        return f"{found} is recorded, steps {first} to {at[0]} were to be left out"
    return _compare_without(mode, folder, size, tuple(range(first, at[0] + 1)))


def _compare_without(mode: Mode, folder: Path, size: int, at: tuple[int, ...]) -> str:
    calm = folder.with_name("left-out")
    codes = _train(with_step(mode, step_left_out, at=at), calm, size, "stop")
    if any(codes):
        return f"the run without these steps ended with {codes}"
    if final_hash(calm) != final_hash(folder):
        return "it ended in another state than a run without these steps"
    return ""


NON_FINITE = Row(
    number=8,
    fault="NaN, infinity in a loss, gradient, batch, one of two processes; stop, skip, roll back",
    holds="all find it before the update; policy obeyed; state as if the step had been none",
    ci=10,
    full=250,
    perform=perform,
)
