"""Answers to the owner's own questions: whether they are open, their storing, and their export."""

from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from ...core.files import csv_lines
from ..languages.words import words_of
from . import schema
from .questions import COLUMNS, Field, check_answers
from .schema import responses, sessions

FORMULA = ("=", "+", "-", "@")
"""With which spreadsheets take a text for a formula; the export puts an apostrophe before it."""


def fields_of(design: Row[Any], stage: str) -> list[Field]:
    """Return the fields of ``before`` or ``after``, none where the owner asks nothing."""
    found: list[Field] = (design.questions or {}).get(stage, [])
    return found


def is_due(connection: Connection, design: Row[Any], session: str, stage: str) -> bool:
    """Whether a session still has to answer the questions of a stage."""
    fields = fields_of(design, stage)
    if not fields:
        return False
    first = (responses.c.session == session, responses.c.name == fields[0]["name"])
    return connection.execute(select(func.count()).where(*first)).scalar_one() == 0


def store(
    connection: Connection,
    design: Row[Any],
    session: str,
    stage: str,
    values: dict[str, Any],
    at: float,
) -> None:
    """Check and store the answers of a stage, one row a field.

    Args:
        connection: in a transaction that writes.
        design: row of the table ``study``.
        session: identifier.
        stage: ``before`` or ``after``.
        values: answers by the names of the fields.
        at: the time.

    Raises:
        RefusedError: if an answer is missing or does not fit.
    """
    words = words_of(design.language or "en")
    found = check_answers(fields_of(design, stage), values, words)
    rows = [
        {"session": session, "name": name, "value": value, "at": at}
        for name, value in found.items()
    ]
    connection.execute(insert(responses), rows)


def responses_csv(connection: Connection, states: tuple[str, ...], names: dict[str, str]) -> str:
    """Return a line for each person who answered, with a column for each field.

    Args:
        connection: to read from.
        states: of the sessions that are in the table.
        names: what people are called, by their pseudonyms; who lacks a name is left out.
    """
    design = connection.execute(select(schema.study)).one()
    fields = [field["name"] for stage in ("before", "after") for field in fields_of(design, stage)]
    query = (
        select(sessions.c.alias, sessions.c.state, responses)
        .join(sessions, sessions.c.id == responses.c.session)
        .where(sessions.c.state.in_(states))
        .order_by(sessions.c.number)
    )
    people: dict[tuple[str, str], dict[str, object]] = {}
    for row in connection.execute(query):
        people.setdefault((row.alias, row.state), {})[row.name] = row.value
    lines: list[tuple[object, ...]] = [(*COLUMNS, *fields)]
    for (alias, state), values in people.items():
        shown = (_shown(values.get(name)) for name in fields)
        lines.append((names[alias], state, *shown))
    return csv_lines(lines)


def _shown(value: object) -> object:
    if isinstance(value, float) and value.is_integer():  # as some databases return whole numbers
        return int(value)
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value
