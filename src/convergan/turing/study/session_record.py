"""A session as one transaction finds it: its row, its trials, and what the browser gets of them."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ...web.replies import RefusedError
from . import responses, schema
from .recruitment import return_to_mturk, return_to_prolific
from .schema import answers, images, sessions, trials
from .study import Study
from .tokens import new_id

NO_SESSION = "There is no session at this address."


class SessionRecord:
    """A session inside a transaction; ``row`` is its row of the table ``sessions``.

    Raises:
        RefusedError: if there is no such session.
    """

    def __init__(
        self, study: Study, connection: Connection, session: str, *, lock: bool = False
    ) -> None:
        self.study, self.connection = study, connection
        self._query = select(sessions).where(sessions.c.id == session)
        # Writers lock the row first of all: two answers at once come one after the other.
        query = self._query.with_for_update() if lock else self._query
        row = connection.execute(query).first()
        if row is None:
            raise RefusedError(404, NO_SESSION)
        self.row = row

    @cached_property
    def design(self) -> Row[Any]:
        """The row of the table ``study``."""
        return self.connection.execute(select(schema.study)).one()

    @property
    def is_open(self) -> bool:
        """Whether the session can go on; one that was idle for too long cannot."""
        oldest = self.study.clock() - self.design.minutes * 60
        return bool(self.row.state == schema.OPEN and self.row.seen >= oldest)

    @property
    def stage(self) -> str:
        """What the page shows: consent, before, tutorial, trials, after, done or closed.

        Questions after the trials are asked of sessions that are done: who leaves them out has
        finished nevertheless, and keeps their place.
        """
        if self.row.state == schema.DONE:
            return "after" if self._asked("after") else "done"
        if not self.is_open:
            return "closed"
        if self.row.consented is None:
            return "consent"
        if self.row.instructed is not None:
            return "trials"
        return "before" if self._asked("before") else "tutorial"

    def _asked(self, stage: str) -> bool:
        return responses.is_due(self.connection, self.design, self.row.id, stage)

    @property
    def lookahead(self) -> int:
        """How many trials a browser may know: the next timed one depends on the open answer."""
        return 1 if self.study.protocol == "timed" else 2

    def require_open(self) -> None:
        """Refuse to go on with a session that has ended.

        Raises:
            RefusedError: if it has.
        """
        if not self.is_open:
            raise RefusedError(409, "This session is closed.")

    def change(self, values: Mapping[str, Any] | None = None) -> None:
        """Set columns of the session, and note that it was active now."""
        changed = update(sessions).where(sessions.c.id == self.row.id)
        self.connection.execute(changed.values(seen=self.study.clock(), **(values or {})))
        self.row = self.connection.execute(self._query).one()

    def waiting(self, count: int | None = None) -> list[Row[Any]]:
        """Return the next trials; as many as a browser may know if no count is given."""
        mine = (trials.c.session == self.row.id, trials.c.state == schema.WAITING)
        query = select(trials).where(*mine).order_by(trials.c.block, trials.c.position)
        return list(self.connection.execute(query.limit(count or self.lookahead)))

    def require_waiting(self, trial: str, count: int | None = None) -> Row[Any]:
        """Return one of the next trials.

        Raises:
            RefusedError: if it is not one of them, or the trials have not begun.
        """
        found = next((row for row in self.waiting(count) if row.id == trial), None)
        if self.row.instructed is None or found is None:
            raise RefusedError(409, "This is not the question that is open; reload the page.")
        return found

    def count(self, state: str) -> int:
        """Return how many trials are waiting, answered or lost."""
        mine = (trials.c.session == self.row.id, trials.c.state == state)
        return self.connection.execute(select(func.count()).where(*mine)).scalar_one()

    def set_exposure(self, block: int, exposure: float) -> None:
        """Set how long the next trial of a block is shown, in ms, if there is one."""
        waiting = self.waiting(1)
        if waiting and waiting[0].block == block:
            self.set_trial(waiting[0], {"exposure_ms": exposure})

    def set_trial(self, trial: Row[Any], values: Mapping[str, Any]) -> None:
        """Set columns of a trial."""
        self.connection.execute(update(trials).where(trials.c.id == trial.id).values(**values))

    def repeat_trial(self, trial: Row[Any]) -> None:
        """Put a trial with the same images, under new names, at the end of the block."""
        mine = trials.c.session == self.row.id
        last = self.connection.execute(select(func.max(trials.c.position)).where(mine))
        again = {
            **trial._asdict(),
            "id": new_id(),
            "position": last.scalar_one() + 1,
            "first_view": new_id(),
            "second_view": None if trial.second_view is None else new_id(),
            "exposure_ms": None,
        }
        self.connection.execute(insert(trials), again)

    def state(self) -> dict[str, Any]:
        """Return what the page needs to go on, wherever it was left."""
        design, stage, answered = self.design, self.stage, self.count(schema.ANSWERED)
        waiting = self.waiting() if stage == "trials" else []
        text = {"version": design.consent_version, "text": design.consent_text}
        # Studies of before there were such columns have neither.
        text |= {name: design._mapping.get(name) for name in ("contact", "links")}
        return {
            "stage": stage,
            "protocol": design.protocol,
            "feedback": self.row.feedback,
            "answered": answered,
            "total": answered + self.count(schema.WAITING),
            "image": {"width": design.width, "height": design.height, "scale": design.scale},
            "trials": self.trials_json(waiting, answered),
            "consent": text if stage == "consent" else None,
            "instructions": (design.instructions or "") if stage in ("before", "tutorial") else "",
            "questions": responses.fields_of(design, stage),
            "completion": None if stage == "after" else self._completion(),
        }

    def trials_json(self, waiting: list[Row[Any]], answered: int) -> list[dict[str, Any]]:
        """Return what the browser gets of trials; nothing in it depends on the truth."""
        return [
            {
                "trial": trial.id,
                "number": answered + place,
                "images": [f"/s/{self.row.id}/image/{view}" for view in views(trial)],
                "exposure_ms": trial.exposure_ms,
            }
            for place, trial in enumerate(waiting)
        ]

    def _completion(self) -> dict[str, Any] | None:
        """Return the code, which who withdraws afterwards keeps, and the way back to a panel."""
        code, back = self.row.completion_code, None
        if code is None:
            return None
        if self.row.adapter == "prolific":
            back = return_to_prolific(code)
        elif self.row.adapter == "mturk":
            back = return_to_mturk(self.row.submit_to, code, self.study.panel)
        return {"code": code, "return": back and back._asdict()}


def views(trial: Row[Any]) -> dict[str, int]:
    """Return the numbers of a trial's images by the names that the browser has for them."""
    found = {trial.first_view: trial.first_image}
    if trial.second_view is not None:
        found[trial.second_view] = trial.second_image
    return found


def image_of(connection: Connection, shown: list[Row[Any]], view: str) -> bytes | None:
    """Return the file of an image of some trials; None if no trial has that view."""
    for trial in shown:
        if (number := views(trial).get(view)) is not None:
            found = select(images.c.png).where(images.c.id == number)
            return bytes(connection.execute(found).scalar_one())
    return None


def remove_votes(connection: Connection, session: str) -> None:
    """Remove a session's answers, also those to questions, and its trials."""
    connection.execute(delete(schema.responses).where(schema.responses.c.session == session))
    connection.execute(delete(answers).where(answers.c.session == session))
    connection.execute(delete(trials).where(trials.c.session == session))
