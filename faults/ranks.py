"""Row 10: one of several processes that train as one is killed; then all are started again."""

import itertools
import os
import random
import signal
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

from convergan.core.progress import Progress

from .children import SharedNumber, fork_together, wait_all
from .modes import Mode, mode_of, modes
from .rows import Row, Trial
from .training import Watch, finished_as, outcome, said, train, words_of

STEPS = 30
EVERY = 5
"""Steps between two checkpoints."""
SECONDS = 30
"""In which the others must be gone."""
PATIENCE = 300
"""Seconds for what nothing disturbs."""
LOST = 75
RENDEZVOUS = "lost process that of the rendezvous"


class Killed(NamedTuple):
    """How a run ended of which one process was killed.

    Attributes:
        victim: its rank.
        process: its number.
        codes: of all, in the order of their ranks.
        seconds: until all others had left.
    """

    victim: int
    process: int
    codes: list[int | None]
    seconds: float


def perform(trial: int, place: Path) -> Trial:
    """Kill one process at a random moment; where it was done by then, one of another run."""
    chance = random.Random(trial)
    mode, size = _mode(trial), 2 + (trial + trial // 30) % 3
    victim, (calm, length) = chance.randrange(size), _calm(trial % len(modes()), size)
    for number in itertools.count():
        folder = place / f"run-{number}"
        killed = _kill(mode, folder, size, victim, chance.uniform(0, length))
        if killed.codes[victim] != 0:
            break
    injected = f"rank {victim} of {size}, {mode.name}; the others left in {killed.seconds:.2f} s"
    lost = _wrong(folder, killed) or finished_as(mode, folder, _finish(mode, folder, size), calm)
    return Trial(injected, 1, lost)


def _mode(trial: int) -> Mode:
    return mode_of(trial).of_length(STEPS, checkpoint_every=EVERY)


@cache
def _calm(number: int, size: int) -> tuple[str, float]:
    """Return the outcome of a run that nothing disturbs, and how many seconds it took."""
    with tempfile.TemporaryDirectory() as place:
        folder, started = Path(place) / "calm", time.perf_counter()
        code = _finish(_mode(number), folder, size)
        assert code == 0, said(words_of(folder, 0))
        return outcome(folder), time.perf_counter() - started


def _finish(mode: Mode, folder: Path, size: int) -> int | None:
    """Train to the end; return the first exit code that is not 0."""
    codes = wait_all(_start(mode, folder, size), PATIENCE)
    return next((code for code in codes if code != 0), 0)


def _start(mode: Mode, folder: Path, size: int, watch: Watch | None = None) -> list[int]:
    def body(rank: int) -> int:
        return train(mode, folder, watch=watch, told=words_of(folder, rank))

    return fork_together(body, size)


def _kill(mode: Mode, folder: Path, size: int, victim: int, seconds: float) -> Killed:
    """Kill one process, so many seconds after all have met."""
    met = SharedNumber()

    def note(event: Progress) -> None:
        met.value = 1

    children = _start(mode, folder, size, note)
    until = time.monotonic() + PATIENCE
    while not met.value and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(seconds)
    os.kill(children[victim], signal.SIGKILL)
    started = time.perf_counter()
    codes = wait_all(children, SECONDS)
    return Killed(victim, children[victim], codes, time.perf_counter() - started)


def _wrong(folder: Path, killed: Killed) -> str:
    """Return what is wrong with how the others ended; nothing if they left and said why."""
    size = len(killed.codes)
    finished = (folder / "result.json").exists()
    name = f"lost process {killed.victim} of {size}, {killed.process} on "
    if killed.victim == 0:
        name = RENDEZVOUS
    for rank in set(range(size)) - {killed.victim}:
        if killed.codes[rank] == 0 and finished:
            continue  # it was killed after the last exchange
        words = said(words_of(folder, rank))
        told = words[-1] if words else ""
        if killed.codes[rank] != LOST or name not in told:
            return f"rank {rank} ended with {killed.codes[rank]}: {words[-1:]}"
    return ""


RANKS = Row(
    number=10,
    fault="SIGKILL of one of 2, 3 or 4 processes of a run, six modes",
    holds="the others leave with 75 within 30 s and name it; started again, as undisturbed",
    ci=5,
    full=200,
    perform=perform,
)
