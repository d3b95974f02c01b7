"""Many annotators at once, each answer sent three times and out of order: how many are stored?

``python -m bench.turing_load`` lets 200 simulated annotators answer 100 trials each on a server of
their own, with SQLite, and with PostgreSQL where ``--database postgresql+psycopg://...`` names a
server that may make databases. Every answer is sent twice in time and once late, and often early
as well. Prints a table, and
ends with 1 unless exactly one answer a trial is stored, each as it was acknowledged, and no reply
was a server's error.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import Progress

from bench.turing_studies import faults, make_study, recorded, scratch_database
from convergan.console import errors, print_line
from convergan.turing.cast import Cast
from convergan.turing.server_process import serving
from convergan.turing.simulator import simulate
from convergan.turing.study import Plan


@dataclass(frozen=True)
class Load:
    """What came of a run.

    Attributes:
        sent: answers that were sent.
        stored: answers in the database.
        expected: trials.
        unlike: acknowledged answers that are not stored with the reply that came, or replies to
            a repeated answer unlike the first.
        statuses: of the replies to answers.
        failures: requests that had to be sent again, by what came: a 5xx, or the kind of broken
            connection. A server closes connections that were idle for a while, just when a client
            may use one again.
        faults: of the database.
        middle_ms: of the time to a reply to an answer; worst_ms: of one in a hundred.
        seconds: of it all.
    """

    sent: int
    stored: int
    expected: int
    unlike: int
    statuses: Counter[int]
    failures: Counter[str]
    faults: list[str]
    middle_ms: float
    worst_ms: float
    seconds: float

    @property
    def server_errors(self) -> int:
        """Replies of a broken server."""
        return sum(count for kind, count in self.failures.items() if kind.isdigit())

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled, or refused by mistake."""
        clean = not (self.unlike or self.server_errors or self.faults)
        return clean and self.stored == self.expected and set(self.statuses) <= {200, 409}


def measure(server: str | None, annotators: int, trials: int, folder: Path) -> Load:
    """Run a study.

    Args:
        server: of PostgreSQL, or None for SQLite.
        annotators: people, all at once.
        trials: of each.
        folder: for the study, a new one.
    """
    plan = Plan(trials=trials, attention=0, annotators_wanted=annotators)
    cast = Cast(annotators, ["guesser"], ["double-sender"], workers=annotators)
    started = time.perf_counter()
    with scratch_database(server) as address, Progress(console=errors, transient=True) as progress:
        make_study(folder, plan, address)
        task = progress.add_task("PostgreSQL" if server else "SQLite")
        with serving(folder) as url:
            visits = simulate(
                folder,
                url,
                cast,
                answered=lambda done, total: progress.update(task, completed=done, total=total),
            )
        stored = recorded(folder)
        found = faults(folder)
    replies = {trial: reply for visit in visits for trial, reply in visit.replies.items()}
    unlike = sum(stored.get(trial, "").encode() != reply for trial, reply in replies.items())
    middle, worst = np.percentile([s for visit in visits for s in visit.latencies], (50, 99)) * 1000
    statuses = sum((visit.statuses for visit in visits), Counter[int]())
    return Load(
        sent=statuses.total(),
        stored=len(stored),
        expected=annotators * trials,
        unlike=unlike + sum(visit.differing for visit in visits),
        statuses=statuses,
        failures=sum((visit.failures for visit in visits), Counter[str]()),
        faults=found,
        middle_ms=middle,
        worst_ms=worst,
        seconds=time.perf_counter() - started,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotators", type=int, default=200)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--database", help="a PostgreSQL server: SQLite first, then it")
    parser.add_argument("--no-sqlite", action="store_true")
    chosen = parser.parse_args()
    servers = [] if chosen.no_sqlite else [None]
    servers += [chosen.database] if chosen.database else []
    print_line(
        "database    sent     stored  of      409    5xx    again  unlike  p50 ms  p99 ms  s"
    )
    holds = True
    for server in servers:
        with tempfile.TemporaryDirectory() as place:
            load = measure(server, chosen.annotators, chosen.trials, Path(place) / "study")
        print_line(
            f"{'PostgreSQL' if server else 'SQLite':10}  {load.sent:<7,}  {load.stored:<6,}  "
            f"{load.expected:<6,}  {load.statuses[409]:<5,}  {load.server_errors:<5}  "
            f"{load.failures.total() - load.server_errors:<5}  {load.unlike:<6}  "
            f"{load.middle_ms:<6.0f}  {load.worst_ms:<6.0f}  {load.seconds:.0f}"
        )
        for fault in [*load.faults, *(f"{count} {kind}" for kind, count in load.failures.items())]:
            print_line(fault)
        holds &= load.holds
    print_line(f"load average of the machine: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    if not holds:
        raise SystemExit("answers were lost, doubled or refused")


if __name__ == "__main__":
    main()
