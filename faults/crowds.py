"""Rows 13 and 15: many people answer at once; the server is killed meanwhile, or bears it.

Simulated annotators send each answer twice in time and once late, often early as well, in an order
by chance, and again where no reply comes. PostgreSQL itself is left alone.
"""

import random
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from convergan.turing.simulation.participants import Participants
from convergan.turing.simulation.simulator import simulate
from convergan.turing.study.study import StudySettings
from convergan.turing.web.server_process import end_server, start_server

from .rows import Row, Trial
from .studies import disagreements, faults, latencies, make_study, on_both, scratch_database

LONGEST_WAIT = 0.2
"""Seconds by which a kill comes later than the answer that it was drawn for, at most."""
KILLS = 5
"""Of one trial of row 13."""
SMALL = 2
"""Trials of row 15 in which people have few questions, one on each database."""


def crowd(
    folder: Path, server: str | None, *, people: int, trials: int, kills: int = 0, seed: int = 0
) -> Trial:
    """Let people answer, and look at the database after each kill and at the end.

    Args:
        folder: for the study, a new one.
        server: of PostgreSQL, or None for SQLite.
        people: all at once.
        trials: of each.
        kills: of the server, at answers by chance.
        seed: of that chance.
    """
    total, chance, told = people * trials, random.Random(seed), threading.Semaphore(0)
    participants = Participants(people, ["guesser"], ["double-sender"], workers=people)
    with scratch_database(server) as address, kept_port() as port, ThreadPoolExecutor() as pool:
        make_study(
            folder, StudySettings(trials=trials, attention=0, annotators_wanted=people), address
        )
        answered, found = 0, list[str]()
        url = f"http://127.0.0.1:{port}"
        process = start_server(folder, port)
        try:
            work = pool.submit(
                simulate, folder, url, participants, answered=lambda *_: told.release()
            )
            for moment in sorted(chance.sample(range(total), kills)):
                while answered < moment and not work.done():
                    answered += told.acquire(timeout=0.1)
                time.sleep(chance.uniform(0, LONGEST_WAIT))
                process.kill()
                process.wait()
                found += left_behind(folder)
                process = start_server(folder, port)
            visits = work.result()
        finally:
            end_server(process)
        found += disagreements(folder, visits, total)
    figures = {
        "answers": total,
        "sent": sum(visit.statuses.total() for visit in visits),
        "failed requests, sent again": sum(visit.failures.total() for visit in visits),
        **latencies([seconds for visit in visits for seconds in visit.latencies]),
    }
    injected = f"{people} people x {trials} trials, {kills} kills"
    return Trial(injected, kills or total, "; ".join(found), figures)


@contextmanager
def kept_port() -> Iterator[int]:
    """Keep a port for servers one after the other, so that nobody else gets it between two.

    Linux lets servers listen beside a socket that does not.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield int(keeper.getsockname()[1])


def left_behind(folder: Path) -> list[str]:
    """Return the faults of a copy, so that the next server finds what the last one left."""
    with tempfile.TemporaryDirectory() as place:
        return faults(Path(shutil.copytree(folder, Path(place) / "study")))


def _killed(trial: int, folder: Path, server: str | None) -> Trial:
    return crowd(folder, server, people=10, trials=20, kills=KILLS, seed=trial)


def _crowded(trial: int, folder: Path, server: str | None) -> Trial:
    return crowd(folder, server, people=200, trials=2 if trial < SMALL else 100)


SERVER_KILLS = Row(
    number=13,
    fault="SIGKILL of the study's server under load, SQLite and PostgreSQL",
    holds="no acknowledged answer lost or doubled; integrity check passes after each kill",
    ci=2,
    full=200,
    perform=on_both(_killed),
)
CROWDS = Row(
    number=15,
    fault="answers of 200 people at once, each sent three times and out of order",
    holds="as many answers as questions, each as acknowledged; no server error reaches a client",
    ci=SMALL,
    full=SMALL + 20,
    perform=on_both(_crowded),
)
