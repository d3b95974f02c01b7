"""Studies of people for rows 13 to 16: made of noise, and looked at when all is over."""

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, make_url, select, text

from convergan.turing.simulation.simulated_person import Visit
from convergan.turing.study.database import Database
from convergan.turing.study.image_import import Source, source_from_array
from convergan.turing.study.schema import answers, sessions
from convergan.turing.study.study import StudySettings, create_study, database_url

from .rows import Trial

POSTGRESQL = os.environ.get("CONVERGAN_TEST_POSTGRESQL")
"""Address of a server on which databases may be made, postgresql+psycopg://USER@HOST:PORT/NAME."""
REPLIES = select(answers.c.trial, answers.c.reply)
CODES = select(sessions.c.id, sessions.c.completion_code)
HALF_DONE = {
    "answers to trials that are not answered": (
        "SELECT count(*) FROM answers JOIN trials ON trials.id = answers.trial "
        "WHERE trials.state <> 'answered'"
    ),
    "answered trials without an answer": (
        "SELECT count(*) FROM trials LEFT JOIN answers ON trials.id = answers.trial "
        "WHERE trials.state = 'answered' AND answers.trial IS NULL"
    ),
    "sessions with a gap in their answers": (
        "SELECT count(*) FROM (SELECT session FROM answers GROUP BY session "
        "HAVING max(number) + 1 <> count(*)) AS gaps"
    ),
    "sessions that are done without a code, or not with one": (
        "SELECT count(*) FROM sessions WHERE (state = 'done') <> (completion_code IS NOT NULL)"
    ),
    "sessions that are done with trials left": (
        "SELECT count(*) FROM sessions JOIN trials ON trials.session = sessions.id "
        "WHERE sessions.state = 'done' AND trials.state = 'waiting'"
    ),
}
"""What a transaction that was written in part would leave behind."""


def noise(name: str, count: int, side: int = 28) -> Source:
    """Return grey images of noise, which depend on their name."""
    rng = np.random.default_rng([*name.encode()])
    return source_from_array(name, rng.integers(0, 256, (count, 1, side, side), dtype=np.uint8))


def make_study(
    folder: Path, settings: StudySettings, address: str | None = None, images: int = 0
) -> str:
    """Make a study of noise with as many images as it needs or more; return the owner's token."""
    count = max(images, 2 * settings.trials, 20)
    return create_study(folder, settings, noise("real", count), [noise("made", count)], address)


def on_both(
    perform: Callable[[int, Path, str | None], Trial],
) -> Callable[[int, Path], Trial]:
    """Return what makes even trials on SQLite and odd ones on PostgreSQL, where there is a server.

    Args:
        perform: from a trial's number, a new folder and a server, None for SQLite, to its trial.
    """

    def performed(trial: int, place: Path) -> Trial:
        name, server = ("PostgreSQL", POSTGRESQL) if trial % 2 else ("SQLite", None)
        if trial % 2 and server is None:
            return Trial("CONVERGAN_TEST_POSTGRESQL names no server", 0)
        found = perform(trial, place / "study", server)
        figures = {f"{figure}, {name}": value for figure, value in found.figures.items()}
        return found._replace(injected=f"{found.injected}, {name}", figures=figures)

    return performed


@contextmanager
def scratch_database(server: str | None) -> Iterator[str | None]:
    """Make an empty database for as long as the block lasts; None stays None, for SQLite.

    Args:
        server: ``postgresql+psycopg://USER@HOST:PORT/NAME``, which may make databases.
    """
    if server is None:
        yield None
        return
    import psycopg
    from psycopg import sql

    name = f"turing_{secrets.token_hex(6)}"
    administration = server.replace("+psycopg", "", 1)
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} (FORCE)").format(sql.Identifier(name)))


@contextmanager
def database_of(folder: Path) -> Iterator[Connection]:
    """Read a study's database, without its key."""
    database = Database(database_url(folder))
    try:
        with database.reading() as connection:
            yield connection
    finally:
        database.close()


def recorded(folder: Path) -> dict[str, str]:
    """Return the reply that is stored with each answer, by trial."""
    with database_of(folder) as connection:
        return {trial: reply for trial, reply in connection.execute(REPLIES)}


def codes(folder: Path) -> dict[str, str | None]:
    """Return the completion code of each session."""
    with database_of(folder) as connection:
        return {session: code for session, code in connection.execute(CODES)}


def disagreements(folder: Path, visits: Sequence[Visit], expected: int) -> list[str]:
    """Return where a database is not what people were told: nowhere, if all is well.

    Args:
        folder: of the study.
        visits: of everybody; they answered everything.
        expected: answers.
    """
    stored, code_of = recorded(folder), codes(folder)
    replies = {trial: reply for visit in visits for trial, reply in visit.replies.items()}
    failures = sum((visit.failures for visit in visits), Counter[str]())
    statuses = sum((visit.statuses for visit in visits), Counter[int]())
    counts = {
        f"answers fewer than {expected:,}": expected - len(stored),
        "acknowledged answers that are not stored as they were acknowledged": sum(
            stored.get(trial, "").encode() != reply for trial, reply in replies.items()
        ),
        "repeated answers with another reply": sum(visit.differing for visit in visits),
        "people with another code than is stored": sum(
            visit.code is None or visit.code != code_of[visit.session] for visit in visits
        ),
        "replies of a broken server": sum(failures[kind] for kind in failures if kind.isdigit()),
        "answers refused by mistake": statuses.total() - statuses[200] - statuses[409],
    }
    return [f"{count:,} {name}" for name, count in counts.items() if count] + faults(folder)


def latencies(seconds: Sequence[float]) -> dict[str, float]:
    """Return the middle one and one in a hundred, in milliseconds."""
    middle, worst = np.percentile(seconds, (50, 99)) * 1000
    return {"p50 ms": round(float(middle), 1), "p99 ms": round(float(worst), 1)}


def faults(folder: Path) -> list[str]:
    """Return what is wrong with a study's database: nothing, whenever its server was killed."""
    found = []
    with database_of(folder) as connection:
        for name, query in HALF_DONE.items():
            if count := connection.execute(text(query)).scalar_one():
                found.append(f"{count} {name}")
        if connection.dialect.name == "sqlite":
            found += [f"{row}" for row in connection.execute(text("PRAGMA foreign_key_check"))]
            lines = connection.execute(text("PRAGMA integrity_check")).scalars()
            found += [line for line in lines if line != "ok"]
    return found
