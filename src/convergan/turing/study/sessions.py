"""What one person's session does, from the first click to the completion code.

A session begins in `admission` and goes from stage to stage: consent, tutorial, trials, done; or
closed, where it was withdrawn, given back, or timed out. Each function is one transaction and
raises `RefusedError` for what the browser asked and does not get. Writers lock the session.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ..errors import RefusedError
from ..statistics.staircase import next_exposure
from . import schema
from .recruitment import NO_PANEL, Panel, return_to_mturk, return_to_prolific
from .schema import answers, images, sessions, trials
from .study import Study
from .tokens import new_code, new_id

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


def state(study: Study, session: str) -> dict[str, Any]:
    """Return what the page needs to go on, wherever it was left."""
    with study.database.reading() as connection:
        return _state(study, connection, find(connection, session))


def panel(study: Study, session: str) -> Panel:
    """Return whose frame the session's page may stand in."""
    with study.database.reading() as connection:
        row = find(connection, session)
    return study.panel if row.adapter == "mturk" else NO_PANEL


def consent(study: Study, session: str, version: str) -> dict[str, Any]:
    """Note that the person agrees to the text of a version; repeating it changes nothing."""
    with study.database.writing() as connection:
        row = _open(study, connection, session)
        current = connection.execute(select(schema.study.c.consent_version)).scalar_one()
        if version != current:
            raise RefusedError(409, "The consent text has changed; reload the page.")
        if row.consented is None:
            _change(study, connection, row, consented=study.clock(), consent_version=version)
        return _state(study, connection, find(connection, session))


def tutorial(study: Study, session: str) -> dict[str, Any]:
    """Note that the person has read how it works."""
    with study.database.writing() as connection:
        row = _open(study, connection, session)
        if row.consented is None:
            raise RefusedError(409, "Nothing begins before consent.")
        if row.instructed is None:
            _change(study, connection, row, instructed=study.clock())
        return _state(study, connection, find(connection, session))


def answer(study: Study, session: str, given: Answer) -> str:
    """Record the first answer to the open trial; return the reply, to a repeated one the same.

    Without feedback the reply is the same for right and wrong.

    Raises:
        RefusedError: if the trial is not the open one, or the session has none.
    """
    with study.database.writing() as connection:
        row = find(connection, session, lock=True)
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
        return _state(study, connection, find(connection, session))


def withdraw(study: Study, session: str) -> dict[str, Any]:
    """End a session at the person's wish and remove what it holds, but for that it was there."""
    with study.database.writing() as connection:
        row = find(connection, session, lock=True)
        remove_votes(connection, session)
        if row.state != schema.WITHDRAWN:
            _change(study, connection, row, state=schema.WITHDRAWN)
        found = _state(study, connection, find(connection, session))
    study.database.empty_log()
    return found


def picture(study: Study, session: str, view: str) -> bytes:
    """Return the PNG file of an image of a trial that is open or next.

    Raises:
        RefusedError: if it is neither; a session of another is no different from none.
    """
    with study.database.reading() as connection:
        row = find(connection, session)
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
    reply: dict[str, Any] = {
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
        "completion": _completion(study, row),
    }


def _completion(study: Study, row: Row[Any]) -> dict[str, Any] | None:
    """Return the code, which who withdraws afterwards keeps, and the way back if there is one."""
    code, back = row.completion_code, None
    if code is None:
        return None
    if row.adapter == "prolific":
        back = return_to_prolific(code)
    elif row.adapter == "mturk":
        back = return_to_mturk(row.submit_to, code, study.panel)
    return {"code": code, "return": None if back is None else back.as_json()}


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


def find(connection: Connection, session: str, *, lock: bool = False) -> Row[Any]:
    """Return a session's row, locked for a writer if asked for.

    Raises:
        RefusedError: if there is none.
    """
    query = select(sessions).where(sessions.c.id == session)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise RefusedError(404, NO_SESSION)
    return row


def _open(study: Study, connection: Connection, session: str) -> Row[Any]:
    """Lock a session that has not ended."""
    row = find(connection, session, lock=True)
    _require_open(study, connection, row)
    return row


def _require_open(study: Study, connection: Connection, row: Row[Any]) -> None:
    if not _is_open(study, connection, row):
        raise RefusedError(409, CLOSED)


def _is_open(study: Study, connection: Connection, row: Row[Any]) -> bool:
    """Whether a session goes on; one without an answer for too long does not."""
    minutes = connection.execute(select(schema.study.c.minutes)).scalar_one()
    return bool(row.state == schema.OPEN and row.seen >= study.clock() - minutes * 60)


def _change(study: Study, connection: Connection, row: Row[Any], **values: Any) -> None:
    """Set columns of a session that is seen now."""
    connection.execute(
        update(sessions).where(sessions.c.id == row.id).values(seen=study.clock(), **values)
    )
