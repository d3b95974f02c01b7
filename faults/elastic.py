"""Row 11: saved by four processes, continued by two, by one or by four.

Minibatch discrimination is left out, whose own dynamics make much of rounding: one process whose
weights are changed in their last bit is 8e-7 away from itself after these 50 steps.
"""

import hashlib
import os
import random
import signal
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from convergan.collective import whole
from convergan.core.files import read_json
from convergan.core.progress import Progress
from convergan.data import Batch, Dataset, Rows
from convergan.training import State, checkpoint
from convergan.training.steps import Losses, Step

from .children import fork_together, wait_all
from .modes import Mode, modes
from .rows import Row, Trial
from .training import said, train, words_of

STEPS = 50
SAVED_BY = 4
CONTINUED_BY = (2, 1, 4)
CLOSE = 1e-6
ZERO = 1e-15
"""What is below is rounding, of values that are 0 in mathematics."""
STOPPED = 128 + signal.SIGTERM
PATIENCE = 300
"""Seconds for any part of a run."""


def noting_step(
    state: State, batch: Batch, chance: torch.Generator, *, step: Step, order: str
) -> Losses:
    """Take a step, and add a hash of the rows that all processes take to the file ``order``."""
    digest = hashlib.sha256()
    for rows in (batch.labeled, batch.unlabeled, batch.matching):
        if len(rows):
            digest.update(whole(rows).numpy().data)
    if os.environ["RANK"] == "0":
        with Path(order).open("a") as file:
            file.write(f"{state.step + 1} {digest.hexdigest()}\n")
    return step(state, batch, chance)


def in_double(dataset: Dataset) -> Dataset:
    """Return a data set in float64."""

    def double(rows: Rows) -> Rows:
        images = rows.images[:]
        scale = 255 if images.dtype == torch.uint8 else 1
        return replace(rows, images=images.double() / scale)

    return replace(dataset, train=double(dataset.train), test=double(dataset.test))


def difference(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference over the largest value."""
    if not found.numel():
        return 0.0
    largest = expected.double().abs().max().item()
    gap = (found.double() - expected.double()).abs().max().item()
    return gap if largest < ZERO else gap / largest


def perform(trial: int, place: Path) -> Trial:
    """Stop four processes at a random step, and let another number of them go on."""
    chance = random.Random(trial)
    number, size = trial % len(_steady()), CONTINUED_BY[trial % len(CONTINUED_BY)]
    at = chance.randrange(1, STEPS - 2)
    folder, mode = place / "run", _mode(number, place / "order")
    injected = f"{SAVED_BY} processes up to step {at + 1}, then {size}, {mode.name}"
    codes = _train(mode, folder, SAVED_BY, stop=(chance.randrange(SAVED_BY), at))
    if codes == [STOPPED] * SAVED_BY:
        codes = _train(mode, folder, size)
    if any(codes):
        return Trial(injected, 1, f"they ended with {codes}: {said(words_of(folder, 0))[-1:]}")
    calm, order = _calm(number)
    worst = max(difference(tensor, calm[name]) for name, tensor in _tensors(folder).items())
    injected += f": {worst:.1e}"
    if (place / "order").read_text() != order:
        return Trial(injected, 1, "rows were taken in another order")
    return Trial(injected, 1, "" if worst <= CLOSE else f"parameters differ by {worst:.1e}")


def _steady() -> tuple[Mode, ...]:
    return tuple(mode for mode in modes() if mode.name != "minibatch discrimination")


def _mode(number: int, order: Path) -> Mode:
    mode = _steady()[number].of_length(STEPS)
    step = partial(noting_step, step=mode.recipe.step, order=str(order))
    return Mode(mode.name, replace(mode.recipe, step=step), mode.settings)


@cache
def _calm(number: int) -> tuple[dict[str, Tensor], str]:
    """Return what one process ends with, and the order of its rows."""
    with TemporaryDirectory() as place:
        folder, order = Path(place) / "calm", Path(place) / "order"
        codes = _train(_mode(number, order), folder, 1)
        assert codes == [0], said(words_of(folder, 0))
        return _tensors(folder), order.read_text()


def _train(
    mode: Mode, folder: Path, size: int, stop: tuple[int, int] | None = None
) -> list[int | None]:
    """Train in float64; at ``stop``, a rank and a step, one process gets SIGTERM."""
    rows = in_double(mode.dataset)

    def body(rank: int) -> int:
        def watch(event: Progress) -> None:
            if (rank, event.step) == stop:
                os.kill(os.getpid(), signal.SIGTERM)

        torch.set_default_dtype(torch.float64)
        return train(mode, folder, watch=watch, told=words_of(folder, rank), dataset=rows)

    return wait_all(fork_together(body, size), PATIENCE)


def _tensors(folder: Path) -> dict[str, Tensor]:
    identity = read_json(folder / "config.json")["sha256"]
    found, _ = checkpoint.read_latest(folder / "checkpoints", config_sha256=identity)
    assert found is not None
    return found.tensors


ELASTIC = Row(
    number=11,
    fault="saved by 4 processes, continued by 2, 1 or 4, five modes, float64",
    holds="the same rows in the same order; after 50 steps within 1e-6 of one process",
    ci=3,
    full=60,
    perform=perform,
)
