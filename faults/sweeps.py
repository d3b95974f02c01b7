"""Row 17: a sweep by two schedulers at once, runs and schedulers killed at random."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from convergan.runs.folder import is_locked

from .rows import Row, Trial
from .training import final_hash

SMALL, LARGE = 2, 50
"""Seeds of a sweep, each with two label counts: of the first trial, and of the others."""
SHARE = 0.1
"""Of the runs that are killed; of the first trial a third."""
STEPS = 20
ROUNDS = 60


def _command(folder: Path, seeds: int) -> list[str]:
    return [
        *(sys.executable, "-m", "convergan", "sweep", "mnist-table", "--recipe", "digits"),
        *("--data", "digits", "--device", "cpu", "--labels", "20,50", "--seeds", str(seeds)),
        *("--steps", str(STEPS), "--jobs", "2", "--threads", "1", "--out", str(folder)),
    ]


def _start(folder: Path, seeds: int) -> "subprocess.Popen[bytes]":
    with folder.with_suffix(".said").open("ab") as words:
        return subprocess.Popen(_command(folder, seeds), stdout=words, stderr=words)


def _found(folder: Path) -> tuple[str, dict[str, str]]:
    """Return the table without its times, and the state of each run."""
    table = re.sub(r"[0-9.,]+ (hours|minutes|seconds)", "", (folder / "table.md").read_text())
    results = sorted(folder.glob("labels-*/seed-*/result.json"))
    return table, {
        str(file.parent.relative_to(folder)): final_hash(file.parent) for file in results
    }


class _Killer:
    """Looks at which processes hold run folders, and kills a share of them, each once at most."""

    def __init__(self, folder: Path, share: float, chance: random.Random) -> None:
        self.folder, self.share, self.chance = folder, share, chance
        self.seen: set[int] = set()
        self.kills = 0

    def look(self) -> None:
        """Kill, perhaps, each process that was not there at the last look."""
        for holder in self.folder.glob("labels-*/seed-*/.holder"):
            words = holder.read_text().split()
            if len(words) < 2 or not is_locked(holder.parent) or int(words[1]) in self.seen:
                continue
            self.seen.add(int(words[1]))
            if self.chance.random() < self.share:
                time.sleep(self.chance.random() / 4)
                os.kill(int(words[1]), signal.SIGKILL)
                self.kills += 1


def perform(trial: int, place: Path) -> Trial:
    """Let two schedulers make one table, again and again until one of them says it is whole."""
    chance, seeds = random.Random(trial), LARGE if trial else SMALL
    calm, folder = place / "calm", place / "shaken"
    if _start(calm, seeds).wait() != 0:
        return Trial("", 1, f"the calm sweep failed: {calm.with_suffix('.said').read_text()}")
    killer = _Killer(folder, SHARE if trial else 0.34, chance)
    schedulers, codes = 0, [1]
    for turn in range(ROUNDS):
        both = [_start(folder, seeds) for _ in range(2)]
        doomed = both[chance.randrange(2)] if turn == 0 else None
        moment = time.monotonic() + chance.uniform(3, 8)
        while any(process.poll() is None for process in both):
            killer.look()
            if doomed and doomed.poll() is None and time.monotonic() > moment:
                doomed.kill()
                schedulers += 1
                doomed = None
            time.sleep(0.02)
        codes = [process.returncode for process in both]
        if 0 in codes:
            break
    injected = f"{killer.kills} of {2 * seeds} runs and {schedulers} schedulers killed"
    if 0 not in codes:
        said = folder.with_suffix(".said").read_text().splitlines()[-2:]
        return Trial(injected, 2 * seeds, f"not done after {ROUNDS} turns: {said}")
    lost = "" if _found(folder) == _found(calm) else "the table or a state is another"
    if len(_found(folder)[1]) != 2 * seeds:
        lost = f"{len(_found(folder)[1])} runs are done, of {2 * seeds}"
    return Trial(injected, 2 * seeds, lost)


SWEEPS = Row(
    number=17,
    fault="runs of sweeps with two schedulers at once; runs and schedulers killed",
    holds="each run done once; table and states as of the calm sweep",
    ci=1,
    full=11,
    perform=perform,
)
