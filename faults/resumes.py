"""Row 3: go on from the checkpoint of every step of a run of 200."""

import os
import shutil
import signal
import tempfile
from functools import cache, partial
from pathlib import Path

from convergan.core.progress import Progress
from convergan.training.checkpoint import folder_of

from .children import code_of
from .modes import STEPS, Mode, mode_of, modes
from .rows import Row, Trial
from .training import finished_as, outcome, train


@cache
def _saved(mode: Mode) -> tuple[tempfile.TemporaryDirectory[str], str]:
    """Train once with a checkpoint of every step; return where they are, and the outcome."""
    place = tempfile.TemporaryDirectory(prefix="faults-")
    folder = Path(place.name) / "run"

    def ask(event: Progress) -> None:
        """Ask for a checkpoint as a scheduler does, and after step 0 for none."""
        os.kill(os.getpid(), signal.SIGUSR1)

    code = train(mode, folder, watch=ask, keep=2 * STEPS)
    assert code == 0
    return place, outcome(folder)


def perform(trial: int, place: Path) -> Trial:
    """Go on from one step, in a process of its own."""
    mode = mode_of(trial)
    step = trial % STEPS + 1 if trial < STEPS else (trial // len(modes())) % STEPS + 1
    kept, calm = _saved(mode)
    source, folder = Path(kept.name) / "run", place / "run"
    steps = range(1, STEPS + 1)
    others = [folder_of(source / "checkpoints", s).name for s in steps if s not in (step - 1, step)]
    aside = shutil.ignore_patterns("result.json", "samples", *others)
    shutil.copytree(source, folder, ignore=aside)
    lost = finished_as(mode, folder, code_of(partial(train, mode, folder)), calm)
    return Trial(f"going on from step {step}, {mode.name}", 1, lost)


RESUMES = Row(
    number=3,
    fault="resume at every step of 200, six modes",
    holds="final state and log as undisturbed, bit for bit",
    ci=30,
    full=1200,
    perform=perform,
)
