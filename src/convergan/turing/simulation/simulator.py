"""Simulated annotators, who take part over HTTP as people do.

They follow an invitation, agree, read the tutorial, fetch every image, answer and get a code. The
server reveals to nobody what an image is, so simulated people get the truth from the study's
database, with the owner's rights and read-only.
"""

import asyncio
import itertools
import sqlite3
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, NullPool, create_engine, select

from ..checks import check
from ..owner import invite, read_design
from ..study.schema import trials
from ..study.study import database_url, open_study
from .participants import Participants
from .simulated_person import Person, ReadTruth, SimulationContext, Truth, Visit


@contextmanager
def open_truth(folder: Path) -> Iterator[ReadTruth]:
    """Open the database of a study, read-only, for the truth about its trials.

    Raises:
        StudyError: if there is no study.
    """
    engine = _read_only(folder)

    def of(session: str) -> Mapping[str, Truth]:
        query = select(trials.c.id, trials.c.generated, trials.c.attention)
        with engine.connect() as connection:
            rows = connection.execute(query.where(trials.c.session == session)).all()
        return {row.id: Truth(row.generated, row.attention) for row in rows}

    try:
        yield of
    finally:
        engine.dispose()


def _read_only(folder: Path) -> Engine:
    url = database_url(folder)
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database)).resolve().as_uri()
        return create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(f"{file}?mode=ro", uri=True),
            poolclass=NullPool,
        )
    return create_engine(url, connect_args={"options": "-c default_transaction_read_only=on"})


def simulate(
    folder: Path,
    url: str,
    participants: Participants,
    *,
    expect: bool = False,
    answered: Callable[[int, int], None] = lambda done, total: None,
) -> list[Visit]:
    """Let annotators take part; they join one after the other and answer concurrently.

    Args:
        folder: of the study, which wants as many people or more.
        url: of its server.
        participants: who takes part. The same ones on a new study of the same seed cast the same
            votes, except with two tabs.
        expect: whether to work out `Visit.expected_wrong`.
        answered: is called after each trial with the number of answered trials and the most there
            can be.

    Raises:
        StudyError: if the server refuses what people do, or does not answer in time.
        ValueError: if the address is not one.
    """
    known = url.startswith(("http://", "https://"))
    check({"url": url}, (known, "url", "http://... or https://..."))
    with open_study(folder) as study:
        annotators = participants.annotators(pairs=study.protocol == "pair")
        links = invite(study, url.rstrip("/"), participants.count, 1)
        total = participants.count * read_design(study).trials
    done = itertools.count(1)
    with open_truth(folder) as read_truth:
        context = SimulationContext(
            read_truth,
            participants.seed,
            expect,
            lambda: answered(next(done), total),
            ssl.create_default_context(),  # making one for each person takes too long
        )
        people = [
            Person(context, number, *what)
            for number, what in enumerate(zip(links, annotators, participants.habits, strict=True))
        ]
        try:
            return asyncio.run(_all(people, participants.workers))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None


def summary_lines(visits: Sequence[Visit]) -> list[str]:
    """Return a summary of one visit or more, a few lines."""
    sent = sum(visit.statuses.total() for visit in visits)
    answers = sum(len(visit.replies) for visit in visits)
    codes = sum(visit.code is not None for visit in visits)
    refused = sum(visit.statuses.total() - visit.statuses[200] for visit in visits)
    failures = sum(visit.failures.total() for visit in visits)
    middle, worst = np.percentile([s for visit in visits for s in visit.latencies], (50, 99)) * 1000
    lines = [
        f"{len(visits):,} annotators, {codes:,} with a completion code",
        f"{sent:,} answers sent, {answers:,} recorded, {refused:,} refused, "
        f"{sum(visit.differing for visit in visits):,} repeated with another reply",
        f"{failures:,} requests without a reply or with a server's error",
        f"an answer took {middle:.0f} ms, one in a hundred {worst:.0f} ms or more",
    ]
    judged = sum(visit.judged for visit in visits)
    if judged:
        wrong = sum(visit.wrong for visit in visits) / judged
        lines.append(f"error of what annotators meant to answer: {wrong:.1%}")
    known = [visit.expected_wrong for visit in visits if visit.expected_wrong is not None]
    if judged and known:
        expected = sum(known) / judged
        lines.append(f"error that such annotators have on average: {expected:.1%}")
    return lines


async def _all(people: list[Person], workers: int) -> list[Visit]:
    for person in people:
        await person.join()
    turns = asyncio.Semaphore(workers)

    async def one(person: Person) -> Visit:
        async with turns:
            return await person.take_part()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(person)) for person in people]
    return [task.result() for task in tasks]
