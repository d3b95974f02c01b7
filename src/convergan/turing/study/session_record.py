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

NO_SESSION = "There is no session at this address. Please open the link by which you came again."

ENDED = {
    "paused": "This session is paused.",
    "done": "This session is done.",
    "closed": "This session is closed.",
}
"""How to refuse to go on, by the stage of a session that has ended."""


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
    def is_late(self) -> bool:
        """Whether the person who began it has been away for longer than the study waits."""
        away = self.study.progress() - self.row.seen
        return self.row.consented is not None and away > self.design.resume_days * 86400

    @property
    def stage(self) -> str:
        """What the page shows: consent, before, tutorial, trials, after, paused, done or closed.

        Questions after the trials are asked of sessions that are done: who leaves them out has
        finished nevertheless, and keeps their place. A session is paused when somebody else got its
        place: it goes on if there is another one.
        """
        row = self.row
        if row.state == schema.DONE:
            return "after" if self._asked("after") else "done"
        if row.state not in (schema.OPEN, schema.TIMED_OUT):
            return "closed"
        if row.consented is None:  # holds no place, so there is nothing to lose
            return "consent"
        if self.is_late:
            return "closed"
        if row.state == schema.TIMED_OUT:
            return "paused"
        if row.instructed is not None:
            return "trials"
        return "before" if self._asked("before") else "tutorial"

    def _asked(self, stage: str) -> bool:
        return responses.is_due(self.connection, self.design, self.row.id, stage)

    @property
    def outcome(self) -> str | None:
        """What became of the session, None while it goes on.

        A state, or: declined, before consent; late; missed checks, done with a vote on too many
        attention trials that is wrong.
        """
        row = self.row
        if self.stage not in ("done", "closed"):
            return None
        if row.state in (schema.OPEN, schema.TIMED_OUT):
            return "late"
        if row.state == schema.WITHDRAWN and row.consented is None:
            return "declined"
        return "missed checks" if row.state == schema.DONE and row.failed_attention else row.state

    @property
    def lookahead(self) -> int:
        """How many trials a browser may know: the next timed one depends on the open answer."""
        return 1 if self.study.protocol == "timed" else 2

    def require_open(self) -> None:
        """Refuse to go on with a session that has ended.

        Raises:
            RefusedError: if it has.
        """
        if (stage := self.stage) in ENDED:
            raise RefusedError(409, ENDED[stage])

    def change(self, values: Mapping[str, Any] | None = None) -> None:
        """Set columns of the session, and note that its person has gone on now."""
        changed = update(sessions).where(sessions.c.id == self.row.id)
        self.connection.execute(changed.values(seen=self.study.progress(), **(values or {})))
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

    def fails_attention(self) -> bool:
        """Whether the study's rule of attention excludes this person, see `exclusion`."""
        pairs = self.design.protocol == "pair"
        scrambled = trials.c.attention.is_(True) & (trials.c.generated.is_(True) | pairs)
        right = trials.c.generated == answers.c.said_generated
        query = select(right).join(answers, answers.c.trial == trials.c.id)
        mine = query.where(trials.c.session == self.row.id, scrambled)
        found = [bool(each) for each in self.connection.execute(mine).scalars()]
        rules = self.design.exclusion
        if found.count(False) <= rules.get("allowed_slips", 0):
            return False
        return found.count(True) / len(found) < float(rules["min_attention"])

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
        text = {
            "version": design.consent_version,
            "text": design.consent_text,
            "contact": design.contact,
            "links": design.links or [],
        }
        return {
            "stage": stage,
            "protocol": design.protocol,
            "feedback": self.row.feedback,
            "answered": answered,
            "total": answered + self.count(schema.WAITING),
            "image": {"width": design.width, "height": design.height, "scale": design.scale},
            "trials": self.trials_json(waiting, answered),
            "consent": text if stage == "consent" else None,
            "outcome": self.outcome,
            "contact": design.contact,
            "away": {"minutes": design.minutes, "days": design.resume_days},
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
        row, back = self.row, None
        code = self.panel_code() if row.adapter == "prolific" else row.completion_code
        if code is None:
            return None
        if row.adapter == "prolific":
            back = return_to_prolific(code)
        elif row.adapter == "mturk":
            back = return_to_mturk(row.submit_to, code, self.study.panel)
        return {"code": code, "return": back and back._asdict()}

    def panel_code(self) -> str | None:
        """Return the code that Prolific knows for what became of the session, if it has ended.

        Studies of before have none of their own: there, each person's receipt is the code.
        """
        row, design = self.row, self.design
        code: str | None = row.completion_code
        if row.state == schema.SCREENED_OUT:
            code = design.screened_out_code
        elif code is not None and design.completion_code is not None:
            code = design.completion_code
            if row.failed_attention and design.failed_attention_code is not None:
                code = design.failed_attention_code
        return code


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
