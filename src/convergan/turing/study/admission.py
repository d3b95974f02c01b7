"""Who may take part: from a link or a recruiter to a session with a plan of its own.

Everybody is admitted in a transaction that holds the study, so that two people who come for the
last place at once do not both get it.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.sql import ColumnElement

from ..errors import RefusedError
from ..statistics.staircase import START_MS
from . import schema
from .recruitment import Arrival
from .schema import images, invitations, models, sessions, trials
from .sessions import find
from .study import Study
from .tokens import new_id, person_hash, read_invitation
from .trials import Pool, choose_cell, plan_session


def join_by_invitation(study: Study, token: str) -> str:
    """Return the session of an invitation.

    Until its consent is given, a link opens its session again, also one that has timed out
    meanwhile, so that a program that looks at links beforehand does no harm. From then on the
    session goes on at its own address alone.

    Raises:
        RefusedError: if the link is not genuine, expired or used, or the study takes nobody.
    """
    invitation = read_invitation(study.key, study.id, token, study.clock())
    with study.database.writing() as connection:
        known = select(invitations.c.id).where(invitations.c.id == invitation)
        if connection.execute(known).first() is None:
            raise RefusedError(410, "This invitation is no longer valid.")
        session = _admit(study, connection, "invitation", invitation, None)
        if find(connection, session).consented is not None:
            raise RefusedError(
                409,
                "This invitation has been used. Go on in the browser that you began in, at the "
                "address that it shows.",
            )
    return session


def join_from_panel(study: Study, arrival: Arrival) -> str:
    """Return the session of whoever a panel sends, the same one every time.

    Raises:
        RefusedError: if the study is not for that panel, or takes nobody more.
    """
    with study.database.writing() as connection:
        recruiter = connection.execute(select(schema.study.c.recruiter)).scalar_one()
        if recruiter != arrival.adapter:
            raise RefusedError(403, "This study takes people by invitation alone.")
        session = _admit(study, connection, arrival.adapter, arrival.person, arrival.submit_to)
        # Whoever comes again may do so on another of the panel's sites.
        alive = (sessions.c.id == session, sessions.c.state.in_((schema.OPEN, schema.DONE)))
        connection.execute(update(sessions).where(*alive).values(submit_to=arrival.submit_to))
    return session


def _admit(
    study: Study,
    connection: Connection,
    adapter: str,
    external_id: str,
    submit_to: str | None,
) -> str:
    design = connection.execute(select(schema.study).with_for_update()).one()
    person = person_hash(study.key, adapter, external_id)
    now = study.clock()
    connection.execute(
        update(sessions)
        .where(sessions.c.state == schema.OPEN, sessions.c.seen < now - design.minutes * 60)
        .values(state=schema.TIMED_OUT)
    )
    mine = select(sessions).where(sessions.c.adapter == adapter, sessions.c.person == person)
    known = connection.execute(mine).first()
    if known is not None and (known.state != schema.TIMED_OUT or known.consented is not None):
        return str(known.id)
    holds = sessions.c.state.in_((schema.OPEN, schema.DONE))
    _require_place(connection, design, holds)
    if known is not None:  # looked at the first page and has begun nothing
        again = update(sessions).where(sessions.c.id == known.id)
        connection.execute(again.values(state=schema.OPEN, seen=now))
        return str(known.id)
    number = connection.execute(select(func.coalesce(func.max(sessions.c.number), -1) + 1))
    row: dict[str, Any] = {
        "id": new_id(),
        "number": number.scalar_one(),
        "alias": f"P-{secrets.token_hex(4)}",
        "adapter": adapter,
        "person": person,
        "submit_to": submit_to,
        "state": schema.OPEN,
        "created": now,
        "seen": now,
    }
    model, feedback = _choose_cell(study, connection, design.feedback, row["number"], holds)
    row |= {"model": model, "feedback": feedback}
    connection.execute(insert(sessions), row)
    connection.execute(insert(trials), _plan(study, connection, design, row))
    return str(row["id"])


def _require_place(connection: Connection, design: Row[Any], holds: ColumnElement[bool]) -> None:
    if design.state != schema.RUNNING:
        raise RefusedError(403, "This study has ended and takes nobody new.")
    taken = connection.execute(select(func.count()).where(holds)).scalar_one()
    if taken >= design.annotators_wanted:
        raise RefusedError(403, "This study has all the people it needs. Thank you.")


def _choose_cell(
    study: Study, connection: Connection, feedback: str, number: int, holds: ColumnElement[bool]
) -> tuple[int, bool]:
    """Return the model and the feedback of a new session: those that the fewest people have."""
    arms = {"off": (False,), "on": (True,), "split": (False, True)}[feedback]
    made = connection.execute(select(models.c.id).order_by(models.c.id)).scalars()
    cells = [(model, arm) for model in made for arm in arms]
    columns = (sessions.c.model, sessions.c.feedback)
    grouped = select(*columns, func.count()).where(holds).group_by(*columns)
    counts = {(model, arm): count for model, arm, count in connection.execute(grouped)}
    return cells[choose_cell([counts.get(cell, 0) for cell in cells], study.seed, number)]


def _plan(
    study: Study, connection: Connection, design: Row[Any], session: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the rows of a session's trials."""

    def numbers(*conditions: ColumnElement[bool]) -> list[int]:
        chosen = select(images.c.id).where(*conditions).order_by(images.c.id)
        return list(connection.execute(chosen).scalars())

    shown = images.c.attention.is_(False)
    pool = Pool(
        real=numbers(shown, images.c.model.is_(None)),
        generated=numbers(shown, images.c.model == session["model"]),
        attention=numbers(images.c.attention.is_(True)),
    )
    planned = plan_session(
        study.protocol,
        pool,
        trials=design.trials,
        attention=design.attention,
        seed=study.seed,
        number=session["number"],
    )
    blocks = [trial.block for trial in planned]
    return [
        {
            "id": new_id(),
            "session": session["id"],
            "block": trial.block,
            "position": position,
            "state": schema.WAITING,
            "first_image": trial.images[0],
            "first_view": new_id(),
            "second_image": trial.images[1] if len(trial.images) == 2 else None,
            "second_view": new_id() if len(trial.images) == 2 else None,
            "generated": trial.generated,
            "attention": trial.attention,
            "exposure_ms": _first_exposure(study, blocks, position),
        }
        for position, trial in enumerate(planned)
    ]


def _first_exposure(study: Study, blocks: list[int], position: int) -> float | None:
    """Return the exposure of a block's first trial; those of later ones depend on answers."""
    begins = position == 0 or blocks[position] != blocks[position - 1]
    return START_MS if study.protocol == "timed" and begins else None
