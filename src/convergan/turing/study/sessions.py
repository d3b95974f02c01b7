"""One person's session, from the first click to the completion code.

A session begins in `admission` and goes from stage to stage: consent, questions before, tutorial,
trials, questions after, done. It is paused while somebody else has its place, and closed when the
person withdraws, the owner closes it, or the person was away for longer than the study waits.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from ...web.replies import RefusedError
from ..statistics.staircase import next_exposure
from . import responses, schema
from .admission import Admission
from .recruitment import NO_PANEL, Panel
from .schema import DONE, answers, sessions, trials
from .session_record import SessionRecord, image_of, remove_votes, views
from .study import Study
from .tokens import new_code

MAX_LOSSES = 100
"""Images that one session may report as not shown; each comes again later."""

CHOICES = {
    "single": ("generated", "real"),
    "timed": ("generated", "real"),
    "pair": ("left", "right"),
}
"""Of each protocol, the answer "the first image is generated", and the other."""

NO_MISTAKES = "There are no mistakes to show."


@dataclass(frozen=True)
class Answer:
    """What a browser sends about one trial.

    Attributes:
        trial: its identifier.
        answer: one of the protocol's `CHOICES`.
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


@dataclass(frozen=True)
class Session:
    """A person's session, by the id in its address; each method is one transaction.

    Every method raises `RefusedError` if there is no such session, or it is not at the stage that
    the method needs.
    """

    study: Study
    id: str

    def state(self) -> dict[str, Any]:
        """Return what the page needs to go on, wherever it was left."""
        with self._reading() as record:
            return record.state()

    def panel(self) -> Panel:
        """Return whose frame may show the session's page."""
        with self._reading() as record:
            return self.study.panel if record.row.adapter == "mturk" else NO_PANEL

    def consent(self, version: str) -> dict[str, Any]:
        """Record that the person agrees to a version of the text; a repeat changes nothing.

        Raises:
            RefusedError: if the text is another, the study takes nobody more, or it takes those
                whom the panel's list names, and this is somebody else.
        """
        with self.study.database.writing() as connection:
            admission = Admission(self.study, connection)  # locks the study before the session
            record = SessionRecord(self.study, connection, self.id, lock=True)
            record.require_open()
            if version != record.design.consent_version:
                raise RefusedError(409, "The consent text has changed; reload the page.")
            if record.row.consented is None:
                admission.take_place(record.row)
                agreed = {"consented": self.study.clock(), "consent_version": version}
                record.change({"state": schema.OPEN, **agreed})
            return record.state()

    def resume(self) -> dict[str, Any]:
        """Go on with a session whose place somebody else got meanwhile; else change nothing.

        Raises:
            RefusedError: if the study has no place left.
        """
        with self.study.database.writing() as connection:
            admission = Admission(self.study, connection)  # locks the study before the session
            record = SessionRecord(self.study, connection, self.id, lock=True)
            if record.stage == "paused":
                admission.take_place_again(record.row)
                record.change({"state": schema.OPEN})
            return record.state()

    def tutorial(self) -> dict[str, Any]:
        """Record that the person has read how it works."""
        with self._writing() as record:
            record.require_open()
            if record.row.consented is None:
                raise RefusedError(409, "Nothing begins before consent.")
            if record.stage == "before":
                raise RefusedError(409, "Please answer the questions first.")
            if record.row.instructed is None:
                record.change({"instructed": self.study.clock()})
            return record.state()

    def respond(self, stage: str, values: dict[str, Any]) -> dict[str, Any]:
        """Record the answers to the owner's questions before or after the trials.

        Args:
            stage: ``before`` or ``after``.
            values: answers by the names of the fields; None for one that is left out.

        Raises:
            RefusedError: if these questions are not open, or an answer does not fit.
        """
        with self._writing() as record:
            if record.stage != stage:
                raise RefusedError(409, "These questions are not open; reload the page.")
            now = self.study.clock()
            responses.store(record.connection, record.design, self.id, stage, values, now)
            record.change()
            return record.state()

    def answer(self, given: Answer) -> str:
        """Record the first answer to the open trial and return the reply.

        A repeated answer, even a different one, gets the bytes of the first reply again. Without
        feedback the reply is the same for right and wrong.

        Raises:
            RefusedError: if the trial is not the open one.
        """
        with self._writing() as record:
            known = select(answers.c.reply).where(
                answers.c.trial == given.trial, answers.c.session == self.id
            )
            if (reply := record.connection.execute(known).scalar()) is not None:
                return str(reply)
            record.require_open()
            trial = record.require_waiting(given.trial, 1)
            if given.answer not in CHOICES[self.study.protocol]:
                raise RefusedError(422, "This is neither of the two answers; reload the page.")
            return _record_answer(record, trial, given)

    def report_loss(self, trial: str, cause: str) -> dict[str, Any]:
        """Record that an open trial's image could not be shown; another trial takes its place.

        The same images come again at the end of the block under other names, so nobody can pick
        what to judge. Of the cause, the first 200 printable letters are stored.

        Raises:
            RefusedError: if the trial is not open, or too many were lost.
        """
        with self._writing() as record:
            record.require_open()
            lost = record.require_waiting(trial)
            if record.count(schema.LOST) >= MAX_LOSSES:
                raise RefusedError(
                    409, "Too many pictures could not be shown; please tell the owner."
                )
            text = "".join(letter for letter in cause if letter.isprintable())[:200]
            record.set_trial(lost, {"state": schema.LOST, "loss": text})
            record.repeat_trial(lost)
            if lost.exposure_ms is not None:
                record.set_exposure(lost.block, lost.exposure_ms)
            record.change()
            return record.state()

    def withdraw(self) -> dict[str, Any]:
        """End the session and remove all that it holds, except that there was one."""
        with self._writing() as record:
            remove_votes(record.connection, self.id)
            if record.row.state != schema.WITHDRAWN:
                record.change({"state": schema.WITHDRAWN})
            found = record.state()
        self.study.database.empty_log()
        return found

    def image(self, view: str) -> bytes:
        """Return the file of an image of a trial that is open or next.

        Raises:
            RefusedError: if it is neither; another session's image is refused as an unknown one.
        """
        with self._reading() as record:
            if record.stage == "trials":
                found = image_of(record.connection, record.waiting(), view)
                if found is not None:
                    return found
        raise RefusedError(404, "There is no such image.")

    def mistakes(self) -> list[dict[str, Any]]:
        """Return the wrong answers in their order, without attention trials (section 6, figure 2).

        Each has ``images``, addresses of one or two, and ``generated``, whether the first one is.

        Raises:
            RefusedError: if the session has no feedback or is not done.
        """
        with self.study.database.reading() as connection:
            return [
                {
                    "images": [f"/s/{self.id}/mistakes/{view}" for view in views(trial)],
                    "generated": trial.generated,
                }
                for trial in self._wrong_trials(connection)
            ]

    def mistake_image(self, view: str) -> bytes:
        """Return the file of an image that was judged wrong, or shown beside one.

        Raises:
            RefusedError: if `mistakes` does not list it.
        """
        with self.study.database.reading() as connection:
            found = image_of(connection, self._wrong_trials(connection), view)
        if found is None:
            raise RefusedError(404, NO_MISTAKES)
        return found

    def _wrong_trials(self, connection: Connection) -> list[Row[Any]]:
        """Return the trials answered wrong, once nothing can be answered any more."""
        shown = (sessions.c.id == self.id, sessions.c.state == DONE, sessions.c.feedback.is_(True))
        if connection.execute(select(sessions.c.id).where(*shown)).first() is None:
            raise RefusedError(404, NO_MISTAKES)
        query = (
            select(trials)
            .join(answers, answers.c.trial == trials.c.id)
            .where(
                trials.c.session == self.id,
                trials.c.attention.is_(False),
                trials.c.generated != answers.c.said_generated,
            )
            .order_by(answers.c.number)
        )
        return list(connection.execute(query))

    @contextmanager
    def _reading(self) -> Iterator[SessionRecord]:
        with self.study.database.reading() as connection:
            yield SessionRecord(self.study, connection, self.id)

    @contextmanager
    def _writing(self) -> Iterator[SessionRecord]:
        with self.study.database.writing() as connection:
            yield SessionRecord(self.study, connection, self.id, lock=True)


def _record_answer(record: SessionRecord, trial: Row[Any], given: Answer) -> str:
    """Store an answer, move the staircase, end the session after its last; return the reply."""
    study, row, number = record.study, record.row, record.count(schema.ANSWERED)
    said_generated = given.answer == CHOICES[study.protocol][0]
    correct = said_generated == trial.generated
    record.set_trial(trial, {"state": schema.ANSWERED})
    if trial.exposure_ms is not None:
        exposure = trial.exposure_ms
        moved = exposure if trial.attention else next_exposure(exposure, correct)
        record.set_exposure(trial.block, moved)
    left = record.waiting()
    reply: dict[str, Any] = {
        "recorded": True,
        "answered": number + 1,
        "total": number + 1 + record.count(schema.WAITING),
        "feedback": None,
        "next": record.trials_json(left, number + 1),
        "stage": "trials" if left else "done",
    }
    if row.feedback:
        truth = CHOICES[study.protocol][0 if trial.generated else 1]
        reply["feedback"] = {"correct": correct, "truth": truth}
    text = json.dumps(reply, separators=(",", ":"))
    record.connection.execute(
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
    end = {
        "state": DONE,
        "finished": study.clock(),
        "completion_code": new_code(),
        "failed_attention": record.fails_attention(),
    }
    record.change({} if left else end)
    return text
