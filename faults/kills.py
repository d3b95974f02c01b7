"""Row 1: SIGKILL at random times, again and again, until the run is done."""

import random
import time
from functools import partial
from pathlib import Path

from convergan.core.progress import Progress

from .children import SharedNumber, code_of, fork, kill_after
from .modes import Mode, mode_of
from .rows import Row, Trial
from .training import finished_as, newest, reference, train

KILLS = 10
"""Of one trial."""


def perform(trial: int, place: Path) -> Trial:
    """Kill one run ten times, at times that are uniform over a share of its length."""
    mode, chance = mode_of(trial), random.Random(trial)
    calm = reference(mode)
    window = 4 * _seconds(mode, place / "timed") / KILLS
    committed, lost, kills, runs = SharedNumber(), "", 0, 0
    folder = place / "run-0"
    while kills < KILLS and not lost:
        child = fork(partial(train, mode, folder, watch=partial(_note, mode, committed)))
        if kill_after(child, chance.uniform(0, window)):
            kills += 1
            found = newest(folder)
            if found < committed.value:
                lost = f"step {committed.value} was committed, {found} is the newest that verifies"
        else:  # it was done before the kill fell; the next run is another
            lost = finished_as(mode, folder, 0, calm)
            runs, committed.value = runs + 1, 0
            folder = place / f"run-{runs}"
    lost = lost or finished_as(mode, folder, code_of(partial(train, mode, folder)), calm)
    return Trial(f"{kills} kills, {mode.name}", kills, lost)


def _note(mode: Mode, committed: SharedNumber, event: Progress) -> None:
    if event.step % mode.recipe.checkpoint_every == 0:
        committed.value = max(committed.value, event.step)


def _seconds(mode: Mode, folder: Path) -> float:
    started = time.perf_counter()
    code_of(partial(train, mode, folder))
    return time.perf_counter() - started


KILLED = Row(
    number=1,
    fault="SIGKILL at random times, six modes",
    holds="no committed step lost; final state and log as undisturbed, bit for bit",
    ci=6,
    full=100,
    perform=perform,
)
