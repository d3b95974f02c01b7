"""Row 4: SIGTERM, SIGINT and SIGUSR1 at random times."""

import os
import random
import signal
import time
from functools import partial
from pathlib import Path

from convergan.core.progress import Progress

from .children import SharedNumber, code_of, fork, wait
from .modes import mode_of
from .rows import Row, Trial
from .training import finished_as, newest, reference, train

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
SECONDS = 5
"""In which a run must be gone."""


def perform(trial: int, place: Path) -> Trial:
    """Send one signal after a random step and a random while, then go on to the end."""
    chance = random.Random(trial)
    mode, number = mode_of(trial // len(SIGNALS)), SIGNALS[trial % len(SIGNALS)]
    calm, folder, step = reference(mode), place / "run", SharedNumber()

    def note(event: Progress) -> None:
        step.value = event.step

    child = fork(partial(train, mode, folder, watch=note))
    after = chance.randrange(1, mode.settings.steps - 20)
    while step.value < after:
        time.sleep(0.0005)
    time.sleep(chance.random() / 500)
    asked = step.value
    os.kill(child, number)
    started = time.perf_counter()
    injected = f"{number.name} at step {asked}, {mode.name}"
    if number == signal.SIGUSR1:
        while (found := newest(folder)) < asked and time.perf_counter() < started + SECONDS:
            time.sleep(0.01)
        lost = "" if found >= asked else f"no checkpoint of step {asked} within {SECONDS} seconds"
        return Trial(injected, 1, finished_as(mode, folder, wait(child), calm) or lost)
    code, took = wait(child), time.perf_counter() - started
    found = newest(folder)
    if code != 128 + number or took > SECONDS or not asked <= found <= asked + 2:
        lost = f"exit code {code} after {took:.1f} s, checkpoint of step {found}"
        return Trial(injected, 1, lost)
    code = code_of(partial(train, mode, folder))
    return Trial(injected, 1, finished_as(mode, folder, code, calm))


STOPS = Row(
    number=4,
    fault="SIGTERM, SIGINT, SIGUSR1 at random times",
    holds="checkpoint at the next step, exit 143 / 130 within 5 s, then as undisturbed",
    ci=15,
    full=300,
    perform=perform,
)
