"""Row 2: SIGKILL before, within and after every operation on a file that a run makes."""

import os
import signal
import tempfile
from functools import cache, partial
from pathlib import Path

from .children import SharedNumber, code_of
from .modes import Mode, modes
from .operations import Observe, Operation, Phase, at_point, observed
from .rows import Row, Trial
from .training import finished_as, newest, outcome, train

SAVES = 6
"""Of one run, so that every point inside a save is met as often."""
CI = 150
FULL = 5000


@cache
def _mode(saves: int) -> Mode:
    return modes()[5].of_length(2 * saves, checkpoint_every=2)


@cache
def _calm(saves: int) -> tuple[str, tuple[str, ...]]:
    """Return the outcome of a run without a kill, and what its points are."""
    points: list[str] = []

    def note(operation: Operation, phase: Phase) -> None:
        points.append(f"{phase} {operation.kind} of {operation.path.name.split('-')[0]}")

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        code = _train(saves, folder, note)
        assert code == 0
        return outcome(folder), tuple(points)


def _train(saves: int, folder: Path, observe: Observe) -> int:
    with observed(folder, observe):
        return train(_mode(saves), folder, keep=2)


def perform(trial: int, place: Path) -> Trial:
    """Kill a run at one point; trials beyond the last point are of longer runs."""
    saves, point = SAVES, trial
    while point >= len(_calm(saves)[1]):
        point, saves = point - len(_calm(saves)[1]), saves + 1
    calm, points = _calm(saves)
    folder, committed = place / "run", SharedNumber()
    mode = _mode(saves)

    def note(operation: Operation, phase: Phase) -> None:
        """Remember which checkpoint had been committed for good before this point."""
        if operation.kind == "fsync" and phase == "after" and operation.path.name == "checkpoints":
            committed.value += 2

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    killing = at_point(point, kill)

    def observe(operation: Operation, phase: Phase) -> None:
        note(operation, phase)
        killing(operation, phase)

    code = code_of(partial(_train, saves, folder, observe))
    injected = f"SIGKILL {points[point]}"
    if code != -signal.SIGKILL:
        return Trial(injected, 1, f"the run was not killed, it ended with {code}")
    found, due = newest(folder), committed.value
    if not due <= found <= due + 2:
        return Trial(injected, 1, f"step {due} was committed, {found} is the newest that verifies")
    code = code_of(partial(train, mode, folder, keep=2))
    return Trial(injected, 1, finished_as(mode, folder, code, calm))


WRITERS = Row(
    number=2,
    fault="SIGKILL before, in the middle of and after each write, flush, fsync, rename, removal",
    holds="the new or the previous checkpoint loads; final state and log as undisturbed",
    ci=CI,
    full=FULL,
    perform=perform,
)
