"""The people of a study, as its owner sees them: who they are, how they leave and come back."""

import datetime
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ..web.replies import RefusedError
from .checks import check
from .study import schema
from .study.consent import ConsentText, change_consent_text
from .study.schema import (
    answers,
    consent_texts,
    invitations,
    listed_people,
    models,
    sessions,
    trials,
)
from .study.session_record import SessionRecord, remove_votes
from .study.study import Study
from .study.tokens import new_id, person_hash, sign_invitation, visit_hash


class ListedPerson(NamedTuple):
    """Somebody in a panel's list.

    Attributes:
        person: their id at the panel.
        visit: the id of their visit, Prolific's submission, or None if the list has none.
    """

    person: str
    visit: str | None = None


class ConsentVersion(NamedTuple):
    """A version of the consent text.

    Attributes:
        number: counted from 1.
        version: a name that changes with the text.
        created: since when, ISO 8601.
        agreed: how many people agreed to it, pilots left out.
        current: whether whoever comes now is shown it.
    """

    number: int
    version: str
    created: str
    agreed: int
    current: bool


def invite(
    study: Study, public_url: str, count: int, days: float, *, pilot: bool = False
) -> list[str]:
    """Make so many invitation links, each for one person.

    Args:
        study: that they are for.
        public_url: where people reach its server.
        count: how many.
        days: for which a link can be used to begin; whoever has begun comes back by it after that.
        pilot: for people who try the study out: they take no place, and their votes never count.

    Raises:
        ValueError: if ``days`` is not above 0 and at most 365.
    """
    check({"days": days}, (0 < days <= 365, "days", "above 0 and at most 365"))
    now = study.clock()
    expires = now + days * 86400
    rows = [
        {"id": new_id(), "created": now, "expires": expires, "pilot": pilot} for _ in range(count)
    ]
    with study.database.writing() as connection:
        connection.execute(insert(invitations), rows)
    tokens = [sign_invitation(study.key, study.id, str(row["id"]), expires) for row in rows]
    return [f"{public_url.rstrip('/')}/join/{token}" for token in tokens]


def people(study: Study) -> list[dict[str, Any]]:
    """Return everybody by pseudonym, in the order in which they came.

    ``completion_code`` is their receipt, ``panel_code`` what a panel was told of them, and
    ``listed`` whether the panel's list names them, None where there is none or they were invited.
    """
    given = select(answers.c.session, func.count()).group_by(answers.c.session)
    left = (
        select(trials.c.session, func.count())
        .where(trials.c.state == schema.WAITING)
        .group_by(trials.c.session)
    )
    with study.database.reading() as connection:
        answered = {session: count for session, count in connection.execute(given)}
        waiting = {session: count for session, count in connection.execute(left)}
        rows = connection.execute(
            select(sessions, models.c.name)
            .join(models, models.c.id == sessions.c.model)
            .order_by(sessions.c.number)
        ).all()
        listed = _read_list(connection)
        codes = {
            row.id: SessionRecord(study, connection, row.id).panel_code()
            for row in rows
            if row.adapter == "prolific"
        }
    return [
        {
            "alias": row.alias,
            "state": row.state,
            "adapter": row.adapter,
            "model": row.name,
            "feedback": row.feedback,
            "answered": answered.get(row.id, 0),
            "total": answered.get(row.id, 0) + waiting.get(row.id, 0),
            "completion_code": row.completion_code,
            "created": iso_time(row.created),
            "finished": None if row.finished is None else iso_time(row.finished),
            "panel_code": codes.get(row.id),
            "consent_version": row.consent_version,
            "failed_attention": row.failed_attention,
            "pilot": row.pilot,
            "listed": _is_listed(row, listed),
        }
        for row in rows
    ]


def close_person(study: Study, alias: str, state: str) -> None:
    """End a session under way as `schema.RETURNED` or `schema.SCREENED_OUT`, and free its place.

    Raises:
        RefusedError: if there is nobody of that pseudonym, or the session has ended.
    """
    with study.database.writing() as connection:
        row = _person(connection, alias)
        if row.state not in (schema.OPEN, schema.TIMED_OUT):
            raise RefusedError(409, f"This session is {row.state}.")
        mine = sessions.c.id == row.id
        connection.execute(update(sessions).where(mine).values(state=state))


def reopen_person(study: Study, alias: str, public_url: str) -> str:
    """Let somebody go on who was away too long, or whose session was closed; return their address.

    They have a place from now on, even where the study is full. The address is theirs alone: send
    it to nobody else.

    Raises:
        RefusedError: if there is nobody of that pseudonym, or the session is done, withdrawn, or
            not begun.
    """
    with study.database.writing() as connection:
        row = _person(connection, alias)
        if row.state in (schema.DONE, schema.WITHDRAWN):
            raise RefusedError(409, f"This session is {row.state} and cannot be opened again.")
        if row.consented is None and row.state in (schema.OPEN, schema.TIMED_OUT):
            raise RefusedError(409, "This session has not begun; its person can open it as before.")
        mine = update(sessions).where(sessions.c.id == row.id)
        opened = {"state": schema.OPEN, "seen": study.progress(), "wrong_visits": 0}
        connection.execute(mine.values(**opened))
    return f"{public_url.rstrip('/')}/s/{row.id}"


def delete_person(study: Study, alias: str) -> None:
    """Remove everything that is stored of a person, the invitation as well.

    Raises:
        RefusedError: if there is nobody of that pseudonym.
    """
    with study.database.writing() as connection:
        row = _person(connection, alias)
        remove_votes(connection, row.id)
        connection.execute(delete(sessions).where(sessions.c.id == row.id))
        connection.execute(delete(listed_people).where(listed_people.c.person == row.person))
        for invitation in connection.execute(select(invitations.c.id)).scalars().all():
            if person_hash(study.key, "invitation", invitation) == row.person:
                connection.execute(delete(invitations).where(invitations.c.id == invitation))
    study.database.empty_log()


def list_people(study: Study, found: Sequence[ListedPerson], *, allow_only: bool = False) -> int:
    """Store the panel's list as keyed hashes, beside what earlier lists named.

    Args:
        study: that they were sent to.
        found: whom the list names.
        allow_only: from now on nobody else of the panel can begin.

    Returns:
        How many people are listed now.

    Raises:
        ValueError: if the study is for no panel.
    """
    with study.database.writing() as connection:
        design = connection.execute(select(schema.study).with_for_update()).one()
        if design.recruiter == "invitation":
            raise ValueError("a panel's list needs a study with --recruiter prolific or mturk")
        known = _read_list(connection)
        for person, visit in found:
            hashed = person_hash(study.key, design.recruiter, person)
            seen = None if visit is None else visit_hash(study.key, design.recruiter, visit)
            if hashed not in known:
                connection.execute(insert(listed_people), {"person": hashed, "visit": seen})
            elif seen is not None:
                mine = update(listed_people).where(listed_people.c.person == hashed)
                connection.execute(mine.values(visit=seen))
            known[hashed] = seen
        if allow_only:
            connection.execute(update(schema.study).values(allow_list=True))
    return len(known)


def close_unlisted(study: Study) -> list[str]:
    """Close the sessions of whoever came as from the panel and is not in its list, done ones too.

    Their votes count no more, their places are free, and no code of theirs is worth anything.

    Returns:
        Their pseudonyms.

    Raises:
        ValueError: if there is no list.
    """
    with study.database.writing() as connection:
        connection.execute(select(schema.study).with_for_update())
        listed = _read_list(connection)
        if not listed:
            raise ValueError("nobody is listed; --import the panel's own list first")
        states = (schema.OPEN, schema.TIMED_OUT, schema.DONE)
        query = select(sessions).where(sessions.c.state.in_(states)).order_by(sessions.c.number)
        unlisted = [
            row
            for row in connection.execute(query)
            if row.consented is not None and _is_listed(row, listed) is False
        ]
        gone = update(sessions).where(sessions.c.id.in_([row.id for row in unlisted]))
        connection.execute(gone.values(state=schema.RETURNED, completion_code=None))
    return [row.alias for row in unlisted]


def people_lines(everybody: Sequence[dict[str, Any]]) -> list[str]:
    """Return a table of what `people` returned, a line each.

    Example:
        >>> people_lines([])
        ['nobody yet']
    """
    if not everybody:
        return ["nobody yet"]
    head = ("person", "state", "by", "votes", "receipt", "remarks")
    rows = [head]
    for one in everybody:
        remarks = [
            *(["pilot"] if one["pilot"] else []),
            *(["not in the panel's list"] if one["listed"] is False else []),
            *(["failed attention"] if one["failed_attention"] else []),
        ]
        votes, receipt = f"{one['answered']}/{one['total']}", one["completion_code"] or "-"
        named = (one["alias"], one["state"], one["adapter"], votes, receipt)
        rows.append((*named, ", ".join(remarks)))
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def consent_versions(study: Study) -> list[ConsentVersion]:
    """Return the versions of the consent text, oldest first."""
    agreed = select(sessions.c.consent_version, func.count()).where(
        sessions.c.consented.is_not(None), sessions.c.pilot.is_(False)
    )
    query = select(consent_texts).order_by(consent_texts.c.number)
    with study.database.reading() as connection:
        current = connection.execute(select(schema.study.c.consent_version)).scalar_one()
        grouped = connection.execute(agreed.group_by(sessions.c.consent_version))
        counts = {version: count for version, count in grouped}
        rows = connection.execute(query).all()
    return [
        ConsentVersion(
            row.number,
            row.version,
            iso_time(row.created),
            counts.get(row.version, 0),
            row.version == current,
        )
        for row in rows
    ]


def change_consent(
    study: Study, text: str | None, contact: str | None, links: tuple[str, ...] | None
) -> None:
    """Let those who come from now on agree to another text; None leaves a part as it is.

    Args:
        study: whose text changes.
        text: the new one.
        contact: whom people can ask.
        links: addresses shown with it.

    Raises:
        ValueError: if one is none.
    """
    with study.database.writing() as connection:
        now = connection.execute(select(schema.study).with_for_update()).one()
        new = ConsentText(
            now.consent_text if text is None else text,
            now.contact if contact is None else contact,
            tuple(now.links or ()) if links is None else links,
        )
        change_consent_text(connection, new, study.clock())


def iso_time(moment: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC.

    Example:
        >>> iso_time(0)
        '1970-01-01T00:00:00+00:00'
    """
    found = datetime.datetime.fromtimestamp(moment, datetime.UTC)
    return found.isoformat(timespec="seconds")


def _person(connection: Connection, alias: str) -> Row[Any]:
    query = select(sessions).where(sessions.c.alias == alias).with_for_update()
    row = None if "\0" in alias else connection.execute(query).first()  # NUL breaks PostgreSQL
    if row is None:
        raise RefusedError(404, "There is nobody of that name.")
    return row


def _read_list(connection: Connection) -> dict[str, str | None]:
    """Return the panel's list: hashes of visits by those of people."""
    return {row.person: row.visit for row in connection.execute(select(listed_people))}


def _is_listed(row: Row[Any], listed: dict[str, str | None]) -> bool | None:
    if not listed or row.adapter == "invitation":
        return None
    return row.person in listed and listed[row.person] in (None, row.visit)
