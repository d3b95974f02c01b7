"""Kill the study's server with SIGKILL while people answer, start it again, and count.

``python -m bench.turing_kills`` kills it 30 times at random moments, with SQLite, and with
PostgreSQL where ``--database postgresql+psycopg://...`` names a server that may make databases
(PostgreSQL itself is left alone). Simulated annotators send each answer several times and, where
no reply comes, again. After each kill the database is looked at as it was left. Prints a table, and
ends with 1 unless every acknowledged answer is stored as it was acknowledged, no trial has two, and
everybody got the code that is stored.
"""

import argparse
import os
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.turing_studies import codes, faults, make_study, recorded, scratch_database
from convergan.console import errors, print_line
from convergan.turing.cast import Cast
from convergan.turing.server_process import end_server, free_port, start_server
from convergan.turing.simulator import simulate
from convergan.turing.study import Plan

LONGEST_WAIT = 0.2
"""Seconds by which a kill comes later than the answer that it was drawn for, at most."""


@dataclass(frozen=True)
class Kills:
    """What came of a run.

    Attributes:
        kills: of the server.
        acknowledged: answers.
        lost: acknowledged answers that are not stored, or stored with another reply.
        stored: answers in the database.
        expected: trials.
        unlike: repeated answers with another reply than the first.
        codes_differ: people whose code is not the one that is stored.
        failures: requests that had to be sent again.
        faults: of the database after any of the kills, or at the end.
        seconds: of it all.
    """

    kills: int
    acknowledged: int
    lost: int
    stored: int
    expected: int
    unlike: int
    codes_differ: int
    failures: int
    faults: list[str]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether nothing was lost or doubled."""
        clean = not (self.lost or self.unlike or self.codes_differ or self.faults)
        return clean and self.stored == self.expected


def measure(
    server: str | None, folder: Path, *, kills: int, annotators: int, trials: int, seed: int
) -> Kills:
    """Run a study through kills.

    Args:
        server: of PostgreSQL, or None for SQLite.
        folder: for the study, a new one.
        kills: how many.
        annotators: people, all at once.
        trials: of each.
        seed: of the moments.
    """
    started = time.perf_counter()
    total, done = annotators * trials, threading.Semaphore(0)
    plan = Plan(trials=trials, attention=0, annotators_wanted=annotators)
    cast = Cast(annotators, ["guesser"], ["double-sender"], workers=annotators)
    with scratch_database(server) as address, ThreadPoolExecutor() as pool:
        make_study(folder, plan, address)
        port = free_port()
        process = start_server(folder, port)
        work = pool.submit(
            simulate,
            folder,
            f"http://127.0.0.1:{port}",
            cast,
            answered=lambda *_: done.release(),
        )
        found: list[str] = []
        chance = random.Random(seed)
        answered = 0
        try:
            for moment in sorted(chance.sample(range(total), kills)):
                while answered < moment and not work.done():
                    answered += done.acquire(timeout=0.1)
                time.sleep(chance.uniform(0, LONGEST_WAIT))
                process.kill()
                process.wait()
                found += left_behind(folder)
                process = start_server(folder, port)
            visits = work.result()
        finally:
            end_server(process)
        stored, code_of = recorded(folder), codes(folder)
        found += faults(folder)
    replies = {trial: reply for visit in visits for trial, reply in visit.replies.items()}
    return Kills(
        kills=kills,
        acknowledged=len(replies),
        lost=sum(stored.get(trial, "").encode() != reply for trial, reply in replies.items()),
        stored=len(stored),
        expected=total,
        unlike=sum(visit.differing for visit in visits),
        codes_differ=sum(visit.code != code_of[visit.session] for visit in visits),
        failures=sum((visit.failures for visit in visits), Counter[str]()).total(),
        faults=found,
        seconds=time.perf_counter() - started,
    )


def left_behind(folder: Path) -> list[str]:
    """Return the faults of a copy, so that the next server finds what the last one left."""
    with tempfile.TemporaryDirectory() as place:
        return faults(Path(shutil.copytree(folder, Path(place) / "study")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--annotators", type=int, default=20)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--database", help="a PostgreSQL server: SQLite first, then it")
    chosen = parser.parse_args()
    print_line("database    kills  acknowledged  lost  stored  of      sent again  faults  s")
    holds = True
    for server in [None, chosen.database] if chosen.database else [None]:
        with tempfile.TemporaryDirectory() as place, errors.status("killing"):
            run = measure(
                server,
                Path(place) / "study",
                kills=chosen.kills,
                annotators=chosen.annotators,
                trials=chosen.trials,
                seed=chosen.seed,
            )
        print_line(
            f"{'PostgreSQL' if server else 'SQLite':10}  {run.kills:<5}  {run.acknowledged:<12,}  "
            f"{run.lost:<4}  {run.stored:<6,}  {run.expected:<6,}  {run.failures:<10,}  "
            f"{len(run.faults):<6}  {run.seconds:.0f}"
        )
        for fault in run.faults:
            print_line(fault)
        holds &= run.holds
    print_line(f"load average of the machine: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    if not holds:
        raise SystemExit("answers were lost or doubled, or a database was damaged")


if __name__ == "__main__":
    main()
