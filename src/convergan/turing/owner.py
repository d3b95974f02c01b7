"""What the owner of a study can read and do."""

import datetime
import secrets
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ..core.files import csv_lines
from ..web.replies import RefusedError
from .checks import check
from .results.analysis import analyse, to_json
from .results.estimates import estimate
from .statistics.votes import Design, Exclusion, Votes
from .study import schema
from .study.responses import responses_csv
from .study.schema import answers, invitations, models, sessions, trials
from .study.session_record import remove_votes
from .study.study import Study
from .study.tokens import new_id, person_hash, sign_invitation

LIVE_DRAWS = 1000
"""Resampled studies of the interval that the owner's page shows while votes come in."""
COUNTED_STATES = (schema.OPEN, schema.DONE, schema.TIMED_OUT)
"""States of sessions whose votes are in the analysis; the others were returned or withdrawn."""
PERSONAL_TABLES = (schema.responses, answers, trials, sessions, invitations)
"""Tables of what people said; tables that refer to others come first."""
EXPORTED_STATES = (*COUNTED_STATES, schema.RETURNED, schema.SCREENED_OUT)

EXPORT_COLUMNS = (
    *("annotator", "state", "model", "feedback", "number", "block", "attention", "generated"),
    *("said_generated", "correct", "image", "exposure_ms", "shown_ms", "reaction_ms", "ignored"),
    *("screen_width", "screen_height", "pixel_ratio", "shown_px"),
)
"""Of the exported table. ``generated`` and ``said_generated`` are of the left image in pairs."""


def token_hash(study: Study) -> str:
    """Return the hash of the owner's token."""
    with study.database.reading() as connection:
        return str(connection.execute(select(schema.study.c.owner_token_sha256)).scalar_one())


def set_state(study: Study, state: str) -> dict[str, Any]:
    """Start or stop taking people; those who have begun may finish in either case."""
    with study.database.writing() as connection:
        connection.execute(update(schema.study).values(state=state))
    return {"state": state}


def invite(study: Study, public_url: str, count: int, days: float) -> list[str]:
    """Make so many invitation links, each for one person, that can be opened for some days.

    Raises:
        ValueError: if ``days`` is not above 0 and at most 365.
    """
    check({"days": days}, (0 < days <= 365, "days", "above 0 and at most 365"))
    now = study.clock()
    expires = now + days * 86400
    rows = [{"id": new_id(), "created": now, "expires": expires} for _ in range(count)]
    with study.database.writing() as connection:
        connection.execute(insert(invitations), rows)
    tokens = [sign_invitation(study.key, study.id, str(row["id"]), expires) for row in rows]
    return [f"{public_url.rstrip('/')}/join/{token}" for token in tokens]


def summary(study: Study) -> dict[str, Any]:
    """Return the state of the study: people by state, votes, the error, and the error by trial.

    Who opened a link and did not consent is not counted.
    """
    with study.database.reading() as connection:
        design = connection.execute(select(schema.study)).one()
        only_looked = sessions.c.consented.is_(None) & sessions.c.state.in_(
            (schema.OPEN, schema.TIMED_OUT)
        )
        states = select(sessions.c.state, func.count()).where(~only_looked)
        states = states.group_by(sessions.c.state)
        people = {state: count for state, count in connection.execute(states)}
        lost = select(func.count()).where(trials.c.state == schema.LOST)
        losses = connection.execute(lost).scalar_one()
        votes = _votes(connection).judged()
    return {
        "name": design.name,
        "state": design.state,
        "protocol": design.protocol,
        "wanted": design.annotators_wanted,
        "people": people,
        "votes": len(votes),
        "losses": losses,
        "error": _error(votes, _design(design)),
        "curve": _curve(votes),
    }


def people(study: Study) -> list[dict[str, Any]]:
    """Return everybody by pseudonym, in the order in which they came."""
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


def delete_person(study: Study, alias: str) -> None:
    """Remove everything that is stored of a person, the invitation as well.

    Raises:
        RefusedError: if there is nobody of that pseudonym.
    """
    with study.database.writing() as connection:
        row = _person(connection, alias)
        remove_votes(connection, row.id)
        connection.execute(delete(sessions).where(sessions.c.id == row.id))
        for invitation in connection.execute(select(invitations.c.id)).scalars().all():
            if person_hash(study.key, "invitation", invitation) == row.person:
                connection.execute(delete(invitations).where(invitations.c.id == invitation))
    study.database.empty_log()


def new_names(study: Study) -> dict[str, str]:
    """Return a new name for everybody, by pseudonym, for exports that belong together."""
    with study.database.reading() as connection:
        aliases = connection.execute(select(sessions.c.alias)).scalars()
        return {alias: f"A-{secrets.token_hex(4)}" for alias in aliases}


def export_responses(study: Study, people: dict[str, str] | None = None) -> str:
    """Return the answers to the owner's own questions, a line for each person.

    Args:
        study: whose.
        people: what they are called, of `new_names`; None for names of this export alone.
    """
    people = new_names(study) if people is None else people
    with study.database.reading() as connection:
        return responses_csv(connection, EXPORTED_STATES, people)


def export_csv(study: Study, people: dict[str, str] | None = None) -> str:
    """Return every vote as a line.

    Args:
        study: whose.
        people: what they are called, of `new_names`; None for names of this export alone.
    """
    fresh = new_names(study) if people is None else people
    with study.database.reading() as connection:
        rows = _vote_rows(connection, EXPORTED_STATES)
        names = [row.name for row in _models(connection)]
    lines: list[tuple[object, ...]] = [EXPORT_COLUMNS]
    for row in rows:
        name = fresh[row.alias]
        screen = row.screen
        lines.append(
            (
                *(name, row.session_state, names[row.model], int(row.feedback), row.number),
                *(row.block, int(row.attention), int(row.generated), int(row.said_generated)),
                *(int(row.generated == row.said_generated), _judged(row), row.exposure_ms),
                *(row.shown_ms, row.reaction_ms, row.ignored, screen["width"], screen["height"]),
                *(screen["ratio"], screen["shown_px"]),
            )
        )
    return csv_lines(lines)


def results(study: Study) -> dict[str, object]:
    """Return the whole analysis as plain values."""
    return to_json(analyse(read_votes(study), read_design(study)))


def read_votes(study: Study) -> Votes:
    """Return the votes of all sessions that were neither returned nor withdrawn."""
    with study.database.reading() as connection:
        return _votes(connection)


def read_design(study: Study) -> Design:
    """Return what was fixed before the first vote."""
    with study.database.reading() as connection:
        return _design(connection.execute(select(schema.study)).one())


def purge(study: Study, *, early: bool = False) -> int:
    """Remove everybody's sessions, votes and invitations, and what SQLite keeps of them on disk.

    The study takes nobody from then on.

    Args:
        study: to purge.
        early: even if the date of retention is not reached, or there is none.

    Returns:
        How many sessions there were.

    Raises:
        ValueError: if it is too early.
    """
    with study.database.writing() as connection:
        until = connection.execute(select(schema.study.c.retain_until)).scalar_one()
        if not early and (until is None or study.clock() < until):
            kept = "without a date" if until is None else f"until {iso_time(until)}"
            raise ValueError(f"what people said is kept {kept}; --early removes it nevertheless")
        count = connection.execute(select(func.count()).select_from(sessions)).scalar_one()
        for table in PERSONAL_TABLES:
            connection.execute(delete(table))
        connection.execute(update(schema.study).values(state=schema.STOPPED))
    study.database.shrink([table.name for table in PERSONAL_TABLES])
    return count


def iso_time(moment: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC.

    Example:
        >>> iso_time(0)
        '1970-01-01T00:00:00+00:00'
    """
    found = datetime.datetime.fromtimestamp(moment, datetime.UTC)
    return found.isoformat(timespec="seconds")


def _design(row: Row[Any]) -> Design:
    return Design(
        protocol=row.protocol,
        trials=row.blocks * (row.trials + row.attention),
        feedback=row.feedback,
        margin=row.margin,
        annotators_wanted=row.annotators_wanted,
        exclusion=Exclusion(**row.exclusion),
        seed=row.seed,
        consent_version=row.consent_version,
        created=iso_time(row.created),
    )


def _person(connection: Connection, alias: str) -> Row[Any]:
    query = select(sessions).where(sessions.c.alias == alias).with_for_update()
    row = None if "\0" in alias else connection.execute(query).first()  # NUL breaks PostgreSQL
    if row is None:
        raise RefusedError(404, "There is nobody of that name.")
    return row


def _vote_rows(connection: Connection, states: tuple[str, ...]) -> list[Row[Any]]:
    """Return all answers of sessions in some states, by person and number."""
    query = (
        select(
            sessions.c.alias,
            sessions.c.state.label("session_state"),
            sessions.c.model,
            sessions.c.feedback,
            answers,
            *(trials.c[name] for name in ("block", "generated", "attention", "exposure_ms")),
            trials.c.first_image,
            trials.c.second_image,
        )
        .join(sessions, sessions.c.id == answers.c.session)
        .join(trials, trials.c.id == answers.c.trial)
        .where(sessions.c.state.in_(states))
        .order_by(sessions.c.number, answers.c.number)
    )
    return list(connection.execute(query))


def _votes(connection: Connection) -> Votes:
    rows = _vote_rows(connection, COUNTED_STATES)
    names = {row.alias: None for row in rows}
    place = {alias: number for number, alias in enumerate(names)}
    exposures = [np.inf if row.exposure_ms is None else row.exposure_ms for row in rows]

    return Votes(
        annotator=np.array([place[row.alias] for row in rows], np.int64),
        image=np.array([_judged(row) for row in rows], np.int64),
        generated=np.array([row.generated for row in rows], np.bool_),
        said_generated=np.array([row.said_generated for row in rows], np.bool_),
        attention=np.array([row.attention for row in rows], np.bool_),
        trial=np.array([row.number for row in rows], np.int64),
        reaction_ms=np.array([row.reaction_ms for row in rows], np.float64),
        exposure_ms=np.array(exposures, np.float64),
        feedback=np.array([row.feedback for row in rows], np.bool_),
        model=np.array([row.model for row in rows], np.int64),
        annotators=tuple(names),
        models=tuple(row.name for row in _models(connection)),
    )


def _judged(row: Row[Any]) -> int:
    """Return the number of the judged image: of pairs the generated one, of attention -1."""
    if row.attention:
        return -1
    second = row.second_image is not None and not row.generated
    return int(row.second_image if second else row.first_image)


def _models(connection: Connection) -> list[Row[Any]]:
    return list(connection.execute(select(models).order_by(models.c.id)))


def _error(votes: Votes, design: Design) -> dict[str, float] | None:
    """Return the share of wrong votes and its interval over annotators, pooled for a single one."""
    found = estimate(votes, design, draws=LIVE_DRAWS, purpose="live")
    if found is None:
        return None
    low, high = found.error.interval or found.error.pooled
    return {"rate": found.error.error, "low": low, "high": high}


def _curve(votes: Votes) -> list[dict[str, Any]]:
    found = []
    for feedback in (False, True):
        arm = votes.feedback == feedback
        for trial in np.unique(votes.trial[arm]):
            here = arm & (votes.trial == trial)
            error = float((~votes.correct[here]).mean())
            point = {"trial": int(trial), "feedback": feedback, "votes": int(here.sum())}
            found.append({**point, "error": error})
    return found
