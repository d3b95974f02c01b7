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
from ..languages.words import ASK
from ..statistics.staircase import START_MS
from ..statistics.votes import HALF
from . import schema
from .half_plans import plan_half
from .recruitment import Arrival
from .schema import images, invitations, listed_people, models, sessions, trials
from .study import Study
from .tokens import new_id, person_hash, read_invitation, visit_hash
from .trials import Pool, choose_cell, plan_session

HOLDS_PLACE = and_(
    sessions.c.pilot.is_(False),
    or_(
        sessions.c.state == schema.DONE,
        and_(sessions.c.state == schema.OPEN, sessions.c.consented.is_not(None)),
    ),
)
"""Who consented holds one; who only opened a link, such as a preview or a scanner, does not, nor
who tries the study out."""

MAX_WRONG_VISITS = 10
"""Tries to come by somebody's id with another visit, after which that id opens nothing."""

FULL = "This study has all the people it needs. Thank you."
BEGUN = (
    "Somebody has begun this study under this id already. If that was you, please go on where you "
    "began: in the same browser, at the address that the study showed there, or from the same page "
    "of the panel as the first time."
)
UNLISTED = (
    "This study expects only people whom the panel has sent, and your id is not among them. Please "
    "open the study from the panel's own page."
)


def join_by_invitation(study: Study, token: str) -> str:
    """Return the session of an invitation, a new one or the one that was begun by it.

    The link is one person's secret, so it opens their session whenever they come again, also after
    the day until which it can be used to begin.

    Raises:
        RefusedError: if the link is not genuine or expired, or the study takes nobody.
    """
    invitation, expires = read_invitation(study.key, study.id, token)
    with study.database.writing() as connection:
        known = select(invitations).where(invitations.c.id == invitation)
        row = connection.execute(known).first()
        if row is None:
            raise RefusedError(410, "This invitation is no longer valid.")
        admission = Admission(study, connection)
        begun = admission.find("invitation", invitation)
        if begun is not None and begun.consented is not None:
            return str(begun.id)
        if study.clock() > expires:
            raise RefusedError(410, "This invitation has expired.")
        if begun is not None:
            return str(begun.id)
        return admission.admit("invitation", invitation, pilot=row.pilot)


def join_from_panel(study: Study, arrival: Arrival) -> str:
    """Return the session of whoever a panel sends, a new one or the one that they began.

    Anybody may know a person's id and write it into a link, so it alone opens nothing that
    somebody has agreed to begin: that needs the same visit as well. Who comes by another one
    before consent gets a new address, so whoever opened the link first has none of theirs.

    Raises:
        RefusedError: if the study is not for that panel, takes nobody more, or was begun under
            that id in another visit.
    """
    visit = visit_hash(study.key, arrival.adapter, arrival.visit)
    with study.database.writing() as connection:
        admission = Admission(study, connection)
        if admission.design.recruiter != arrival.adapter:
            raise RefusedError(403, "This study takes people by invitation alone.")
        known = admission.find(arrival.adapter, arrival.person)
        if known is None:
            return admission.admit(
                arrival.adapter,
                arrival.person,
                visit=visit,
                submit_to=arrival.submit_to,
                pilot=study.pilot,
            )
        session, ask = admission.come_again(known, visit), admission.whom_to_ask()
        # Whoever comes again may do so on another of the panel's sites.
        mine = update(sessions).where(sessions.c.id == session)
        connection.execute(mine.values(submit_to=arrival.submit_to))
    if session is None:  # only now, so that the try is counted
        raise RefusedError(403, BEGUN + ask)
    return session


class Admission:
    """A transaction that holds the lock on the study, in which somebody is admitted."""

    def __init__(self, study: Study, connection: Connection) -> None:
        self.study, self.connection = study, connection
        self.design = connection.execute(select(schema.study).with_for_update()).one()

    def find(self, adapter: str, external_id: str) -> Row[Any] | None:
        """Return the session of a person, or None if they have none."""
        person = person_hash(self.study.key, adapter, external_id)
        mine = (sessions.c.adapter == adapter, sessions.c.person == person)
        return self.connection.execute(select(sessions).where(*mine)).first()

    def admit(
        self,
        adapter: str,
        external_id: str,
        *,
        visit: str | None = None,
        submit_to: str | None = None,
        pilot: bool = False,
    ) -> str:
        """Return a new session of a person who has none; its trials are drawn at consent.

        Raises:
            RefusedError: if the study takes nobody.
        """
        self.require_running()
        if not pilot:
            self._whom_to_replace()
        largest = select(func.coalesce(func.max(sessions.c.number), -1))
        number = self.connection.execute(largest).scalar_one() + 1
        model, feedback = self._choose_cell(number)
        row = {
            "id": new_id(),
            "number": number,
            "alias": f"P-{secrets.token_hex(4)}",
            "adapter": adapter,
            "person": person_hash(self.study.key, adapter, external_id),
            "visit": visit,
            "submit_to": submit_to,
            "model": model,
            "feedback": feedback,
            "pilot": pilot,
            "state": schema.OPEN,
            "created": self.study.clock(),
            "seen": self.study.progress(),
        }
        self.connection.execute(insert(sessions), row)
        return str(row["id"])

    def come_again(self, known: Row[Any], visit: str) -> str | None:
        """Return the address of somebody's session if the visit shows that it is theirs.

        Args:
            known: their session.
            visit: hash of the visit in which they come now.
        """
        mine = update(sessions).where(sessions.c.id == known.id)
        if known.consented is None:
            if known.visit == visit or known.state not in (schema.OPEN, schema.TIMED_OUT):
                return str(known.id)
            renamed = new_id()
            self.connection.execute(delete(trials).where(trials.c.session == known.id))
            self.connection.execute(mine.values(id=renamed, visit=visit))
            return renamed
        if known.visit == visit and known.wrong_visits < MAX_WRONG_VISITS:
            return str(known.id)
        self.connection.execute(mine.values(wrong_visits=sessions.c.wrong_visits + 1))
        return None

    def take_place(self, session: Row[Any]) -> None:
        """Give somebody who consents a place, of the model and arm that now have fewest people.

        If there is none, it is that of whoever has been away for longest, for `minutes` at least.

        Args:
            session: their row, not consented so far.

        Raises:
            RefusedError: if the study takes nobody more, or not them.
        """
        self.require_running()
        if self.design.allow_list and session.adapter == self.design.recruiter:
            self._require_listed(session)
        if not session.pilot:
            self._free_place()
        model, feedback = self._choose_cell(session.number)
        mine = update(sessions).where(sessions.c.id == session.id)
        self.connection.execute(mine.values(model=model, feedback=feedback))
        # Older versions drew trials as soon as a link was opened.
        self.connection.execute(delete(trials).where(trials.c.session == session.id))
        self.connection.execute(insert(trials), self._trials(session.id, session.number, model))

    def take_place_again(self, session: Row[Any]) -> None:
        """Give a place to somebody who lost theirs while they were away.

        Args:
            session: their row, timed out.

        Raises:
            RefusedError: if none is left.
        """
        if not session.pilot:
            self._free_place()

    def require_running(self) -> None:
        """Require that the study takes people.

        Raises:
            RefusedError: if it does not.
        """
        if self.design.state != schema.RUNNING:
            raise RefusedError(403, "This study has ended and takes nobody new.")

    def whom_to_ask(self) -> str:
        """Return a sentence with the study's contact, to follow another one; or nothing."""
        contact = self.design.contact
        return "" if contact is None else f"{ASK}{contact}"

    def _require_listed(self, session: Row[Any]) -> None:
        """Require that the panel's list names somebody, and their visit where it names visits."""
        found = select(listed_people).where(listed_people.c.person == session.person)
        row = self.connection.execute(found).first()
        if row is None or row.visit not in (None, session.visit):
            raise RefusedError(403, UNLISTED + self.whom_to_ask())

    def _whom_to_replace(self) -> list[str]:
        """Return the sessions that have to make room for one more, longest away first."""
        taken = self.connection.execute(select(func.count()).where(HOLDS_PLACE)).scalar_one()
        lacking = taken + 1 - self.design.annotators_wanted
        if lacking <= 0:
            return []
        wait = self.design.minutes * 60
        left = self.study.progress.left_before(wait)
        away: list[str] = []
        if left is not None:
            # What is written with a time to come was written before the machine's clock was set.
            long_ago = or_(sessions.c.seen < left, sessions.c.seen > left + 2 * wait)
            gone = (HOLDS_PLACE, sessions.c.state == schema.OPEN, long_ago)
            query = select(sessions.c.id).where(*gone).order_by(sessions.c.seen).limit(lacking)
            away = list(self.connection.execute(query.with_for_update()).scalars())
        if len(away) < lacking:
            raise RefusedError(403, FULL)
        return away

    def _free_place(self) -> None:
        """Make room for one more."""
        away = self._whom_to_replace()
        replaced = update(sessions).where(sessions.c.id.in_(away))
        self.connection.execute(replaced.values(state=schema.TIMED_OUT))

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
