"""Who may take part: from a link or a panel to a session with trials of its own.

A place of the study is taken at consent, in a transaction that locks the study, so that two people
who consent for the last place at once do not both get it.
"""

import secrets
from collections import Counter
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.sql import ColumnElement

from ...web.replies import RefusedError
from ..statistics.staircase import START_MS
from ..statistics.votes import HALF
from . import schema
from .half_plans import plan_half
from .recruitment import Arrival
from .schema import images, invitations, models, sessions, trials
from .study import Study
from .tokens import new_id, person_hash, read_invitation
from .trials import Pool, choose_cell, plan_session

HOLDS_PLACE = or_(
    sessions.c.state == schema.DONE,
    and_(sessions.c.state == schema.OPEN, sessions.c.consented.is_not(None)),
)
"""Who consented holds one; who only opened a link, such as a preview or a scanner, does not."""


def join_by_invitation(study: Study, token: str) -> str:
    """Return the session of an invitation.

    Until consent is given, the link opens its session again, even a timed-out one, so a program
    that scans links beforehand does no harm. After that the session continues at its own address
    only.

    Raises:
        RefusedError: if the link is not genuine, expired or used, or the study takes nobody.
    """
    invitation = read_invitation(study.key, study.id, token, study.clock())
    with study.database.writing() as connection:
        known = select(invitations.c.id).where(invitations.c.id == invitation)
        if connection.execute(known).first() is None:
            raise RefusedError(410, "This invitation is no longer valid.")
        session = Admission(study, connection).admit("invitation", invitation, None)
        consented = select(sessions.c.consented).where(sessions.c.id == session)
        if connection.execute(consented).scalar_one() is not None:
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
        admission = Admission(study, connection)
        session = admission.admit(arrival.adapter, arrival.person, arrival.submit_to)
        # Whoever comes again may do so on another of the panel's sites.
        alive = (sessions.c.id == session, HOLDS_PLACE)
        connection.execute(update(sessions).where(*alive).values(submit_to=arrival.submit_to))
    return session


class Admission:
    """A transaction that holds the lock on the study, in which somebody is admitted."""

    def __init__(self, study: Study, connection: Connection) -> None:
        self.study, self.connection = study, connection
        self.design = connection.execute(select(schema.study).with_for_update()).one()

    def admit(self, adapter: str, external_id: str, submit_to: str | None) -> str:
        """Return the session of a person, an old one or a new one.

        Raises:
            RefusedError: if they have none and the study takes nobody.
        """
        connection, now = self.connection, self.study.clock()
        person = person_hash(self.study.key, adapter, external_id)
        idle = sessions.c.seen < now - self.design.minutes * 60
        connection.execute(
            update(sessions)
            .where(sessions.c.state == schema.OPEN, idle)
            .values(state=schema.TIMED_OUT)
        )
        mine = select(sessions).where(sessions.c.adapter == adapter, sessions.c.person == person)
        known = connection.execute(mine).first()
        if known is not None and (known.state != schema.TIMED_OUT or known.consented is not None):
            return str(known.id)
        self.require_place()
        if known is not None:  # opened the first page and has begun nothing
            again = update(sessions).where(sessions.c.id == known.id)
            connection.execute(again.values(state=schema.OPEN, seen=now))
            return str(known.id)
        largest = connection.execute(select(func.coalesce(func.max(sessions.c.number), -1)))
        number = largest.scalar_one() + 1
        model, feedback = self._choose_cell(number)
        session = new_id()
        row = {
            "id": session,
            "number": number,
            "alias": f"P-{secrets.token_hex(4)}",
            "adapter": adapter,
            "person": person,
            "submit_to": submit_to,
            "model": model,
            "feedback": feedback,
            "state": schema.OPEN,
            "created": now,
            "seen": now,
        }
        connection.execute(insert(sessions), row)
        connection.execute(insert(trials), self._trials(session, number, model))
        return session

    def take_place(self, session: Row[Any]) -> None:
        """Give somebody who consents a place, of the model and arm that now have fewest people.

        Args:
            session: their row, not consented so far.

        Raises:
            RefusedError: if the study takes nobody more.
        """
        self.require_place()
        model, feedback = self._choose_cell(session.number)
        mine = update(sessions).where(sessions.c.id == session.id)
        self.connection.execute(mine.values(model=model, feedback=feedback))
        if model != session.model:
            self.connection.execute(delete(trials).where(trials.c.session == session.id))
            rows = self._trials(session.id, session.number, model)
            self.connection.execute(insert(trials), rows)

    def require_place(self) -> None:
        """Require that the study takes somebody more.

        Raises:
            RefusedError: if it does not.
        """
        if self.design.state != schema.RUNNING:
            raise RefusedError(403, "This study has ended and takes nobody new.")
        taken = self.connection.execute(select(func.count()).where(HOLDS_PLACE)).scalar_one()
        if taken >= self.design.annotators_wanted:
            raise RefusedError(403, "This study has all the people it needs. Thank you.")

    def _choose_cell(self, number: int) -> tuple[int, bool]:
        """Return the model and the feedback of a new session: those that the fewest people have."""
        arms = {"off": (False,), "on": (True,), "split": (False, True)}[self.design.feedback]
        made = self.connection.execute(select(models.c.id).order_by(models.c.id)).scalars()
        cells = [(model, arm) for model in made for arm in arms]
        columns = (sessions.c.model, sessions.c.feedback)
        grouped = select(*columns, func.count()).where(HOLDS_PLACE).group_by(*columns)
        counts = {(model, arm): count for model, arm, count in self.connection.execute(grouped)}
        return cells[choose_cell([counts.get(cell, 0) for cell in cells], self.study.seed, number)]

    def _trials(self, session: str, number: int, model: int) -> list[dict[str, Any]]:
        shown, timed = images.c.attention.is_(False), self.study.protocol == "timed"
        plan = plan_half if self.design.truth == HALF else plan_session
        planned = plan(
            self.study.protocol,
            Pool(
                real=self._images(shown, images.c.model.is_(None)),
                generated=self._images(shown, images.c.model == model),
                attention=self._images(images.c.attention.is_(True)),
                shown=self._shown(),
            ),
            trials=self.design.trials,
            attention=self.design.attention,
            seed=self.study.seed,
            number=number,
        )
        rows, block = [], -1
        for position, trial in enumerate(planned):
            first, *second = trial.images
            rows.append(
                {
                    "id": new_id(),
                    "session": session,
                    "block": trial.block,
                    "position": position,
                    "state": schema.WAITING,
                    "first_image": first,
                    "first_view": new_id(),
                    "second_image": second[0] if second else None,
                    "second_view": new_id() if second else None,
                    "generated": trial.generated,
                    "attention": trial.attention,
                    # exposures of a block's later trials depend on answers
                    "exposure_ms": START_MS if timed and trial.block != block else None,
                }
            )
            block = trial.block
        return rows

    def _shown(self) -> Counter[int]:
        """Return how often each image was shown, or will be in sessions that are open."""
        alive = and_(trials.c.state == schema.WAITING, sessions.c.state == schema.OPEN)
        counts: Counter[int] = Counter()
        for column in (trials.c.first_image, trials.c.second_image):
            query = (
                select(column, func.count())
                .join(sessions, sessions.c.id == trials.c.session)
                .where(column.is_not(None), or_(trials.c.state == schema.ANSWERED, alive))
                .group_by(column)
            )
            counts.update({image: count for image, count in self.connection.execute(query)})
        return counts

    def _images(self, *conditions: ColumnElement[bool]) -> list[int]:
        chosen = select(images.c.id).where(*conditions).order_by(images.c.id)
        return list(self.connection.execute(chosen).scalars())
