"""Simulated annotators, who take part over HTTP as people do.

They follow an invitation, agree, read the tutorial, fetch every image, answer and get a code. The
server tells nobody what an image is, so what simulated people know of the truth is read from the
study's database, with the owner's rights and for reading only.
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

from ..study.schema import trials
from ..study.study import database_url, opened
from ..web.owner import invite, read_design
from .cast import Cast
from .simulated_person import Person, ReadTruth, Setting, Truth, Visit


@contextmanager
def truths(folder: Path) -> Iterator[ReadTruth]:
    """Open the database of a study to read the truth, and nothing else.

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
    cast: Cast,
    *,
    expect: bool = False,
    answered: Callable[[int, int], None] = lambda done, total: None,
) -> list[Visit]:
    """Let annotators take part; they come one after the other and answer beside each other.

    Args:
        folder: of the study, which wants as many people or more.
        url: of its server.
        cast: who takes part. With the same one on a new study of the same seed, the same votes
            come out, but for two tabs.
        expect: whether to work out `Visit.expected_wrong`.
        answered: is told after each trial how many were answered, and how many there are at most.

    Raises:
        StudyError: if the server refuses what people do, or does not answer in time.
        ValueError: if the address is none.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"url must be http://... or https://..., got {url!r}")
    with opened(folder) as study:
        annotators = cast.annotators(pairs=study.protocol == "pair")
        links = invite(study, url.rstrip("/"), cast.count, 1)
        total = cast.count * read_design(study).trials
    done = itertools.count(1)
    with truths(folder) as read_truth:
        setting = Setting(
            read_truth,
            cast.seed,
            expect,
            lambda: answered(next(done), total),
            ssl.create_default_context(),  # takes too long to make one each
        )
        people = [
            Person(setting, number, *what)
            for number, what in enumerate(zip(links, annotators, cast.habits, strict=True))
        ]
        try:
            return asyncio.run(_all(people, cast.workers))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None


def describe(visits: Sequence[Visit]) -> list[str]:
    """Return in a few lines what people went through.

    Args:
        visits: at least one.
    """
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
