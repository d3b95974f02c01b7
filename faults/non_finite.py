"""Row 8: NaN and infinity in a loss, a gradient or a batch."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from convergan.data import Batch
from convergan.folders import read_json
from convergan.training import State
from convergan.training.steps import Losses, Step

from .children import code_of, fork, kill_after
from .modes import Mode, mode_of
from .rows import Row, Trial
from .training import newest, said, train

STEPS = 60
SKIP = 3
"""Steps in a row that may be left out."""
PLACES = ("discriminator's loss", "generator's loss", "discriminator's gradient", "a batch")
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
) -> Losses:
    """Take a step, at some numbers with one value in it that is not finite."""
    if state.step + 1 not in at:
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
    """Take a step, at some numbers none."""
    return {} if state.step + 1 in at else step(state, batch, chance)


def with_step(mode: Mode, change: Callable[..., Losses], **named: Any) -> Mode:
    """Return a run whose steps are changed by one of the functions above."""
    step = partial(change, step=mode.recipe.step, **named)
    return Mode(mode.name, replace(mode.recipe, step=step), mode.settings)


def perform(trial: int, place: Path) -> Trial:
    """Poison one step, or some, under one policy."""
    chance = random.Random(trial)
    where, value = PLACES[trial % len(PLACES)], chance.choice(("nan", "inf", "-inf"))
    policy = ("stop", "skip", "too many", "roll back")[trial // len(PLACES) % 4]
    first = chance.randrange(2, STEPS - SKIP - 1)
    many = {"skip": chance.randint(1, SKIP), "too many": SKIP + 1}.get(policy, 1)
    at = tuple(range(first, first + many))
    mode = mode_of(chance.randrange(6)).of_length(STEPS)
    poisoned = with_step(mode, poisoned_step, at=at, where=where, value=value)
    folder = place / "run"
    skip = SKIP if policy in ("skip", "too many") else 0
    body = partial(train, poisoned, folder, skip=skip, roll_back=policy == "roll back")
    if policy == "roll back":  # from any point of which a killed run must come to the same end
        kill_after(fork(body), chance.uniform(0, 2))
    code = code_of(body)
    checks = {"skip": _check_skipped, "roll back": _check_rolled_back}
    check = checks.get(policy, _check_stopped)
    lost = check(mode, folder, code, at)
    return Trial(f"{value} in {where}, {policy}, {mode.name}", 1, lost)


def _check_stopped(mode: Mode, folder: Path, code: int, at: tuple[int, ...]) -> str:
    """See that it stopped at the last of the steps, said which, and kept its checkpoint."""
    if code != NON_FINITE_CODE:
        return f"it ended with {code}: {said(folder)[-1:]}"
    report = read_json(folder / "non_finite.json")
    if report["step"] != at[-1] or len(report["rows"]["unlabeled"]) != mode.recipe.batch_size:
        return f"the report is of step {report['step']}, not of step {at[-1]}"
    due = (at[-1] - 1) // mode.recipe.checkpoint_every * mode.recipe.checkpoint_every
    if newest(folder) != due:  # a checkpoint with a value that is not finite does not verify
        return f"the newest checkpoint is of step {newest(folder)}, not of step {due}"
    return ""


def _check_skipped(mode: Mode, folder: Path, code: int, at: tuple[int, ...]) -> str:
    """See that it ended as if these steps had been none."""
    if code:
        return f"it ended with {code}: {said(folder)[-1:]}"
    result = read_json(folder / "result.json")
    if result["skipped_steps"] != len(at):
        return f"{result['skipped_steps']} steps are counted as left out, {len(at)} were"
    calm = folder.with_name("left-out")
    train(with_step(mode, step_left_out, at=at), calm)
    if read_json(calm / "result.json")["state_sha256"] != result["state_sha256"]:
        return "a step that was to be left out has changed the state"
    return ""


def _check_rolled_back(mode: Mode, folder: Path, code: int, at: tuple[int, ...]) -> str:
    """See that it ended as if all steps since the last checkpoint had been none."""
    if code:
        return f"it ended with {code}: {said(folder)[-1:]}"
    every = mode.recipe.checkpoint_every
    left_out = range((at[0] - 1) // every * every + 1, at[0] + 1)
    result = read_json(folder / "result.json")
    if [(r["first"], r["last"]) for r in result["rolled_back"]] != [(left_out[0], at[0])]:
        return f"{result['rolled_back']} is recorded, steps {left_out} were to be left out"
    calm = folder.with_name("left-out")
    train(with_step(mode, step_left_out, at=tuple(left_out)), calm)
    if read_json(calm / "result.json")["state_sha256"] != result["state_sha256"]:
        return "it ended in another state than a run without these steps"
    return ""


NON_FINITE = Row(
    number=8,
    fault="NaN, infinity in a loss, a gradient, a batch; stop, skip, too many to skip, roll back",
    holds="found before the update; policy obeyed; state as if the step had been none",
    ci=25,
    full=250,
    perform=perform,
)
