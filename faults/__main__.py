"""Put faults into runs and print what was lost: one command for all rows, or for some.

``python -m faults`` does the small tier, ``--full`` the one before a release. Results are lines of
a file; a trial that is there is not made again, so the same command goes on after any stop.
Studies are on PostgreSQL as well where CONVERGAN_TEST_POSTGRESQL names a server, see `studies`.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from multiprocessing import Value
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import torch

from .bad_files import BAD_FILES
from .children import STOPPING, fork, run_in_group, wait
from .counting import COUNTING
from .crowds import CROWDS, SERVER_KILLS
from .damage import DAMAGED
from .determinism import DETERMINISM
from .elastic import ELASTIC
from .fuzz import REQUESTS
from .impostors import IMPOSTORS
from .kills import KILLED
from .leaks import LEAK_AUDITS
from .malice import MALICE
from .non_finite import NON_FINITE
from .ranks import RANKS
from .resumes import RESUMES
from .rows import Line, Row, Trial, markdown, read_lines
from .stops import STOPS
from .storage import STORES
from .sweeps import SWEEPS
from .thresholds import THRESHOLDS
from .training import load_all
from .writers import WRITERS

ROWS = (
    KILLED,
    WRITERS,
    RESUMES,
    STOPS,
    DAMAGED,
    MALICE,
    STORES,
    NON_FINITE,
    BAD_FILES,
    RANKS,
    ELASTIC,
    DETERMINISM,
    SERVER_KILLS,
    REQUESTS,
    CROWDS,
    LEAK_AUDITS,
    SWEEPS,
    COUNTING,
    IMPOSTORS,
    THRESHOLDS,
)


def main() -> None:
    """Parse, perform, show."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--rows", help="numbers with commas between them; all by default")
    parser.add_argument("--full", action="store_true", help="the full tier")
    parser.add_argument("--out", type=Path, default=Path("faults.jsonl"), help="file of results")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trials at a time")
    chosen = parser.parse_args()
    numbers = [str(row.number) for row in ROWS]
    wanted = chosen.rows.split(",") if chosen.rows else numbers
    if unknown := [number for number in wanted if number not in numbers]:
        parser.error(f"rows are {', '.join(numbers)}, got {', '.join(map(repr, unknown))}")
    if chosen.jobs < 1:
        parser.error(f"jobs must be at least 1, got {chosen.jobs}")
    try:
        chosen.out.open("ab").close()
    except OSError as error:
        parser.error(f"{chosen.out} cannot be written: {error.strerror}")
    torch.set_num_threads(1)
    rows = [row for row in ROWS if str(row.number) in wanted]
    left = remaining(rows, chosen.full, chosen.out)
    place = Path(tempfile.mkdtemp(prefix="faults-"))
    code = run_in_group(partial(share_out, left, chosen.out, chosen.jobs, place), place)
    lines = [line for line in read_lines(chosen.out) if line.row in {row.number for row in rows}]
    print(markdown(rows, lines))
    if left := remaining(rows, chosen.full, chosen.out):
        print(f"{len(left):,} trials are not made yet; the same command goes on with them.")
    if code or left or any(line.found.lost for line in lines):
        raise SystemExit(max(code, 1))


def remaining(rows: Iterable[Row], full: bool, out: Path) -> list[tuple[Row, int]]:
    """Return the trials that are not in the file of results."""
    done = {(line.row, line.trial) for line in read_lines(out)}
    wanted = ((row, trial) for row in rows for trial in range(row.full if full else row.ci))
    return [(row, trial) for row, trial in wanted if (row.number, trial) not in done]


def share_out(left: Sequence[tuple[Row, int]], out: Path, jobs: int, place: Path) -> int:
    """Make trials in several processes, in a folder for what they leave behind."""
    tempfile.tempdir = str(place)
    load_all()
    taken = Value("q", 0)
    trials = left[::-1]  # those of the last rows are long, and none should be left alone at the end
    children = [fork(partial(perform_all, trials, taken, out)) for _ in range(jobs)]
    return int(any([wait(child) for child in children]))


def perform_all(trials: Sequence[tuple[Row, int]], taken: "Synchronized[int]", out: Path) -> int:
    """Make trials one after the other, of those nobody has taken; append a line for each."""
    for row, trial in turns(trials, taken):
        started = time.perf_counter()
        place = Path(tempfile.mkdtemp(prefix="faults-"))
        try:
            found = row.perform(trial, place)
        except Exception as error:  # of the trial itself, which is a failure as well
            found = Trial("", 1, f"the trial broke: {type(error).__name__}: {error}")
        finally:
            shutil.rmtree(place, ignore_errors=True)
        if STOPPING.value:
            break
        line = Line(row.number, trial, round(time.perf_counter() - started, 3), found)
        with out.open("ab", buffering=0) as file:
            file.write(line.as_json_line())
        if found.lost:
            print(f"row {row.number}, trial {trial}, {found.injected}: {found.lost}", flush=True)
    return 0


def turns(
    trials: Sequence[tuple[Row, int]], taken: "Synchronized[int]"
) -> Iterator[tuple[Row, int]]:
    """Yield the next that no other process has taken, until there is none."""
    while True:
        with taken.get_lock():
            number, taken.value = taken.value, taken.value + 1
        if number >= len(trials):
            return
        yield trials[number]


if __name__ == "__main__":
    main()
