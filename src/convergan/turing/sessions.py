"""What one person's session does, from the first click to the completion code.

A session is in one stage after the other: consent, tutorial, trials, done; or closed, where it was
withdrawn, given back, or timed out. Each function is one transaction and raises `RefusedError` for
what the browser asked and does not get. Writers lock the session, and to admit somebody the study.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.sql import ColumnElement

from . import schema
from .errors import RefusedError
from .recruitment import WayBack
from .schema import answers, images, invitations, models, sessions, trials
from .study import Study
from .tokens import new_code, new_id, person_hash, read_invitation
from .trials import Pool, choose_cell, plan_session

FIRST_EXPOSURE, LEAST_EXPOSURE, MOST_EXPOSURE = 500.0, 100.0, 1000.0
LONGER, SHORTER = 30.0, 10.0
"""Milliseconds of the staircase: right answers rest at 30 / (30 + 10) = 75 %."""
MOST_LOSSES = 100
"""Pictures that one session may report as not shown; each comes again later."""

WORDS = {"single": ("generated", "real"), "timed": ("generated", "real"), "pair": ("left", "right")}
"""Of each protocol, the answer that says the first image is generated, and the other."""

NO_SESSION = "There is no session at this address."
CLOSED = "This session is closed."


@dataclass(frozen=True)
class Answer:
    """What a browser sends about one trial.

    Attributes:
        trial: its identifier.
        answer: one of the protocol's `WORDS`.
        reaction_ms: from display to answer.
        shown_ms: how long the image was really shown.
        ignored: key presses before the display and after the first.
        screen: width, height, ratio of pixels, side at which the image was shown.
    """

    trial: str
    answer: str
    reaction_ms: float
    shown_ms: float
    ignored: int
    screen: Mapping[str, float]


def next_exposure(exposure: float, correct: bool) -> float:
    """Return the exposure after an answer, in ms."""
    moved = exposure - SHORTER if correct else exposure + LONGER
    return min(MOST_EXPOSURE, max(LEAST_EXPOSURE, moved))


def join_by_invitation(study: Study, token: str) -> str:
    """Return the session of an invitation.

    Until its consent is given, a link opens its session again, so that a program that looks at
    links beforehand does no harm. From then on the session goes on at its own address alone.

    Raises:
        RefusedError: if the link is not genuine, expired or used, or the study takes nobody.
    """
    invitation = read_invitation(study.key, study.id, token, study.clock())
    with study.database.writing() as connection:
        known = select(invitations.c.id).where(invitations.c.id == invitation)
        if connection.execute(known).first() is None:
            raise RefusedError(410, "This invitation is no longer valid.")
        session = _admit(study, connection, "invitation", invitation, None)
        if _find(connection, session).consented is not None:
            raise RefusedError(
                409,
                "This invitation has been used. Go on in the browser that you began in, at the "
                "address that it shows.",
            )
    return session


def join(
    study: Study, adapter: str, external_id: str, return_to: Mapping[str, Any] | None = None
) -> str:
    """Return the session of whoever a recruiter sends, the same one every time.

    Args:
        study: to take part in.
        adapter: the recruiter.
        external_id: what it calls the person; stored as a keyed hash alone.
        return_to: what the way back needs, checked by the caller.

    Raises:
        RefusedError: if the study takes nobody more.
    """
    with study.database.writing() as connection:
        session = _admit(study, connection, adapter, external_id, return_to)
        # Whoever comes again may come by another assignment, whose way back is another.
        values = {"return_to": None if return_to is None else dict(return_to)}
        mine = (sessions.c.id == session, sessions.c.state.in_((schema.OPEN, schema.DONE)))
        connection.execute(update(sessions).where(*mine).values(values))
    return session


def adapter_of(study: Study, session: str) -> str:
    """Return by which adapter the person of a session came.

    Raises:
        RefusedError: if there is no such session.
    """
    with study.database.reading() as connection:
        return str(_find(connection, session).adapter)


def state(study: Study, session: str) -> dict[str, Any]:
    """Return what the page needs to go on, wherever it was left."""
    with study.database.reading() as connection:
        return _state(study, connection, _find(connection, session))


def consent(study: Study, session: str, version: str) -> dict[str, Any]:
    """Note that the person agrees to the text of a version; repeating it changes nothing."""
    with study.database.writing() as connection:
        row = _open(study, connection, session)
        current = connection.execute(select(schema.study.c.consent_version)).scalar_one()
        if version != current:
            raise RefusedError(409, "The consent text has changed; reload the page.")
        if row.consented is None:
            _change(study, connection, row, consented=study.clock(), consent_version=version)
        return _state(study, connection, _find(connection, session))


def tutorial(study: Study, session: str) -> dict[str, Any]:
    """Note that the person has read how it works."""
    with study.database.writing() as connection:
        row = _open(study, connection, session)
        if row.consented is None:
            raise RefusedError(409, "Nothing begins before consent.")
        if row.instructed is None:
            _change(study, connection, row, instructed=study.clock())
        return _state(study, connection, _find(connection, session))


def answer(study: Study, session: str, given: Answer) -> str:
    """Record the first answer to the open trial; return the reply, to a repeated one the same.

    Without feedback the reply is the same for right and wrong.

    Raises:
        RefusedError: if the trial is not the open one, or the session has none.
    """
    with study.database.writing() as connection:
        row = _find(connection, session, lock=True)
        before = select(answers.c.reply).where(
            answers.c.trial == given.trial, answers.c.session == session
        )
        if (reply := connection.execute(before).scalar()) is not None:
            return str(reply)
        _require_open(study, connection, row)
        waiting = _waiting(connection, row, 1)
        if row.instructed is None or not waiting or waiting[0].id != given.trial:
            raise RefusedError(409, "This is not the question that is open; reload the page.")
        first, other = WORDS[study.protocol]
        if given.answer not in (first, other):
            raise RefusedError(422, f"An answer is {first} or {other}.")
        return _record(study, connection, row, waiting[0], given)


def technical(study: Study, session: str, trial: str, what: str) -> dict[str, Any]:
    """Note that an open trial's picture could not be shown, and put another trial in its place.

    The same images come again at the end of the block under other names, so nobody can pick what
    to judge.

    Raises:
        RefusedError: if the trial is not open, or too many were lost.
    """
    with study.database.writing() as connection:
        row = _open(study, connection, session)
        lost = next((t for t in _waiting(connection, row, _ahead(study)) if t.id == trial), None)
        if row.instructed is None or lost is None:
            raise RefusedError(409, "This is not the question that is open; reload the page.")
        mine = trials.c.session == row.id
        losses = select(func.count()).where(mine, trials.c.state == schema.LOST)
        if connection.execute(losses).scalar_one() >= MOST_LOSSES:
            raise RefusedError(409, "Too many pictures could not be shown; please tell the owner.")
        last = connection.execute(select(func.max(trials.c.position)).where(mine)).scalar_one()
        text = "".join(letter for letter in what if letter.isprintable())[:200]
        connection.execute(
            update(trials).where(trials.c.id == trial).values(state=schema.LOST, loss=text)
        )
        again = {
            **lost._asdict(),
            "id": new_id(),
            "position": last + 1,
            "first_view": new_id(),
            "second_view": None if lost.second_view is None else new_id(),
            "exposure_ms": None,
        }
        connection.execute(insert(trials), again)
        if lost.exposure_ms is not None:
            _expose(connection, row, lost.block, lost.exposure_ms)
        _change(study, connection, row)
        return _state(study, connection, _find(connection, session))


def withdraw(study: Study, session: str) -> dict[str, Any]:
    """End a session at the person's wish and remove what it holds, but for that it was there."""
    with study.database.writing() as connection:
        row = _find(connection, session, lock=True)
        remove_votes(connection, session)
        if row.state != schema.WITHDRAWN:
            _change(study, connection, row, state=schema.WITHDRAWN, return_to=None)
        return _state(study, connection, _find(connection, session))


def give_back(study: Study, session: str, how: str = schema.RETURNED) -> None:
    """End an open session that the recruiter says was returned or screened out; free its place."""
    with study.database.writing() as connection:
        row = _find(connection, session, lock=True)
        if row.state == schema.OPEN:
            _change(study, connection, row, state=how)


def picture(study: Study, session: str, view: str) -> bytes:
    """Return the PNG file of an image of a trial that is open or next.

    Raises:
        RefusedError: if it is neither; a session of another is no different from none.
    """
    with study.database.reading() as connection:
        row = _find(connection, session)
        if row.instructed is not None and _is_open(study, connection, row):
            for trial in _waiting(connection, row, _ahead(study)):
                for name, number in _views(trial):
                    if name == view:
                        found = select(images.c.png).where(images.c.id == number)
                        return bytes(connection.execute(found).scalar_one())
    raise RefusedError(404, "There is no such image.")


def remove_votes(connection: Connection, session: str) -> None:
    """Remove a session's answers and its plan."""
    connection.execute(delete(answers).where(answers.c.session == session))
    connection.execute(delete(trials).where(trials.c.session == session))


def _admit(
    study: Study,
    connection: Connection,
    adapter: str,
    external_id: str,
    return_to: Mapping[str, Any] | None,
) -> str:
    design = connection.execute(select(schema.study).with_for_update()).one()
    person = person_hash(study.key, adapter, external_id)
    mine = select(sessions.c.id).where(sessions.c.adapter == adapter, sessions.c.person == person)
    if (session := connection.execute(mine).scalar()) is not None:
        return str(session)
    if design.state != schema.RUNNING:
        raise RefusedError(403, "This study has ended and takes nobody new.")
    now = study.clock()
    connection.execute(
        update(sessions)
        .where(sessions.c.state == schema.OPEN, sessions.c.seen < now - design.minutes * 60)
        .values(state=schema.TIMED_OUT)
    )
    holds = sessions.c.state.in_((schema.OPEN, schema.DONE))
    taken = connection.execute(select(func.count()).where(holds)).scalar_one()
    if taken >= design.annotators_wanted:
        raise RefusedError(403, "This study has all the people it needs. Thank you.")
    number = connection.execute(select(func.coalesce(func.max(sessions.c.number), -1) + 1))
    row: dict[str, Any] = {
        "id": new_id(),
        "number": number.scalar_one(),
        "alias": f"P-{new_id().translate(str.maketrans('', '', '-_'))[:8].lower()}",
        "adapter": adapter,
        "person": person,
        "invitation": external_id if adapter == "invitation" else None,
        "return_to": None if return_to is None else dict(return_to),
        "state": schema.OPEN,
        "created": now,
        "seen": now,
    }
    model, feedback = _choose_cell(study, connection, design.feedback, row["number"], holds)
    row |= {"model": model, "feedback": feedback}
    connection.execute(insert(sessions), row)
    connection.execute(insert(trials), _plan(study, connection, design, row))
    return str(row["id"])


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
    return FIRST_EXPOSURE if study.protocol == "timed" and begins else None


def _record(
    study: Study, connection: Connection, row: Row[Any], trial: Row[Any], given: Answer
) -> str:
    said_generated = given.answer == WORDS[study.protocol][0]
    correct = said_generated == trial.generated
    mine = answers.c.session == row.id
    number = connection.execute(select(func.count()).where(mine)).scalar_one()
    connection.execute(update(trials).where(trials.c.id == trial.id).values(state=schema.ANSWERED))
    if trial.exposure_ms is not None:
        exposure = trial.exposure_ms
        moved = exposure if trial.attention else next_exposure(exposure, correct)
        _expose(connection, row, trial.block, moved)
    left = _waiting(connection, row, _ahead(study))
    total = number + 1 + _count_waiting(connection, row)
    reply = {
        "recorded": True,
        "answered": number + 1,
        "total": total,
        "feedback": None,
        "next": _shown(row, left, number + 1),
        "stage": "trials" if left else "done",
    }
    if row.feedback:
        truth = WORDS[study.protocol][0 if trial.generated else 1]
        reply["feedback"] = {"correct": correct, "truth": truth}
    text = json.dumps(reply, separators=(",", ":"))
    connection.execute(
        insert(answers),
        {
            "trial": trial.id,
            "session": row.id,
            "number": number,
            "said_generated": said_generated,
            "reaction_ms": given.reaction_ms,
            "shown_ms": given.shown_ms,
            "ignored": given.ignored,
            "screen": dict(given.screen),
            "at": study.clock(),
            "reply": text,
        },
    )
    if left:
        _change(study, connection, row)
    else:
        now, code = study.clock(), new_code()
        _change(study, connection, row, state=schema.DONE, finished=now, completion_code=code)
    return text


def _expose(connection: Connection, row: Row[Any], block: int, exposure: float) -> None:
    """Give the next trial of a block its exposure, if there is one."""
    waiting = _waiting(connection, row, 1)
    if waiting and waiting[0].block == block:
        connection.execute(
            update(trials).where(trials.c.id == waiting[0].id).values(exposure_ms=exposure)
        )


def _state(study: Study, connection: Connection, row: Row[Any]) -> dict[str, Any]:
    design = connection.execute(select(schema.study)).one()
    stage = _stage(study, connection, row)
    mine = answers.c.session == row.id
    answered = connection.execute(select(func.count()).where(mine)).scalar_one()
    waiting = _waiting(connection, row, _ahead(study)) if stage == "trials" else []
    text = {"version": design.consent_version, "text": design.consent_text}
    return {
        "stage": stage,
        "protocol": design.protocol,
        "feedback": row.feedback,
        "answered": answered,
        "total": answered + _count_waiting(connection, row),
        "image": {"width": design.width, "height": design.height, "scale": design.scale},
        "trials": _shown(row, waiting, answered),
        "consent": text if stage == "consent" else None,
        "completion": _completion(row) if stage == "done" else None,
    }


def _completion(row: Row[Any]) -> dict[str, Any]:
    code = row.completion_code
    back = None if row.return_to is None else WayBack(**row.return_to).with_code(code)
    return {"code": code, "return": back}


def _stage(study: Study, connection: Connection, row: Row[Any]) -> str:
    if row.state == schema.DONE:
        return "done"
    if not _is_open(study, connection, row):
        return "closed"
    if row.consented is None:
        return "consent"
    return "tutorial" if row.instructed is None else "trials"


def _shown(row: Row[Any], waiting: list[Row[Any]], answered: int) -> list[dict[str, Any]]:
    """Return what a browser is told of trials."""
    return [
        {
            "trial": trial.id,
            "number": answered + place,
            "images": [f"/s/{row.id}/image/{view}" for view, _ in _views(trial)],
            "exposure_ms": trial.exposure_ms,
        }
        for place, trial in enumerate(waiting)
    ]


def _views(trial: Row[Any]) -> list[tuple[str, int]]:
    views = [(trial.first_view, trial.first_image)]
    if trial.second_view is not None:
        views.append((trial.second_view, trial.second_image))
    return views


def _ahead(study: Study) -> int:
    """Return how many trials a browser knows: of timed ones the next depends on the answer."""
    return 1 if study.protocol == "timed" else 2


def _waiting(connection: Connection, row: Row[Any], count: int) -> list[Row[Any]]:
    mine = (trials.c.session == row.id, trials.c.state == schema.WAITING)
    order = (trials.c.block, trials.c.position)
    return list(connection.execute(select(trials).where(*mine).order_by(*order).limit(count)))


def _count_waiting(connection: Connection, row: Row[Any]) -> int:
    mine = (trials.c.session == row.id, trials.c.state == schema.WAITING)
    return connection.execute(select(func.count()).where(*mine)).scalar_one()


def _find(connection: Connection, session: str, *, lock: bool = False) -> Row[Any]:
    query = select(sessions).where(sessions.c.id == session)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise RefusedError(404, NO_SESSION)
    return row


def _open(study: Study, connection: Connection, session: str) -> Row[Any]:
    """Lock a session that has not ended."""
    row = _find(connection, session, lock=True)
    _require_open(study, connection, row)
    return row


def _require_open(study: Study, connection: Connection, row: Row[Any]) -> None:
    if not _is_open(study, connection, row):
        raise RefusedError(409, CLOSED)


def _is_open(study: Study, connection: Connection, row: Row[Any]) -> bool:
    """Whether a session goes on; one without an answer for too long does not."""
    minutes = connection.execute(select(schema.study.c.minutes)).scalar_one()
    return row.state == schema.OPEN and row.seen >= study.clock() - minutes * 60


def _change(study: Study, connection: Connection, row: Row[Any], **values: Any) -> None:
    """Set columns of a session that is seen now."""
    connection.execute(
        update(sessions).where(sessions.c.id == row.id).values(seen=study.clock(), **values)
    )
