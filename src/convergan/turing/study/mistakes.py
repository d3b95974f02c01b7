"""The images that a person judged wrong, shown to those who have feedback (section 6, figure 2).

Only when their session is done, when nothing of it can be answered any more.
"""

from typing import Any

from sqlalchemy import Connection, Row, select

from ..errors import RefusedError
from .schema import DONE, answers, images, sessions, trials
from .study import Study

NONE = "There are no mistakes to show."


def listed(study: Study, session: str) -> list[dict[str, Any]]:
    """Return the wrong answers of a session in their order, without attention trials.

    Each has ``images``, addresses of one or two, and ``generated``, whether the first one is.

    Raises:
        RefusedError: if the session has no feedback or is not done.
    """
    with study.database.reading() as connection:
        return [
            {
                "images": [f"/s/{session}/mistakes/{view}" for view, _ in _views(trial)],
                "generated": trial.generated,
            }
            for trial in _wrong(connection, session)
        ]


def picture(study: Study, session: str, view: str) -> bytes:
    """Return the PNG file of an image that was judged wrong, or stood beside one.

    Raises:
        RefusedError: if it is none of those that `listed` names.
    """
    with study.database.reading() as connection:
        for trial in _wrong(connection, session):
            for name, number in _views(trial):
                if name == view:
                    found = select(images.c.png).where(images.c.id == number)
                    return bytes(connection.execute(found).scalar_one())
    raise RefusedError(404, NONE)


def _wrong(connection: Connection, session: str) -> list[Row[Any]]:
    told = (sessions.c.id == session, sessions.c.state == DONE, sessions.c.feedback.is_(True))
    if connection.execute(select(sessions.c.id).where(*told)).first() is None:
        raise RefusedError(404, NONE)
    query = (
        select(trials)
        .join(answers, answers.c.trial == trials.c.id)
        .where(
            trials.c.session == session,
            trials.c.attention.is_(False),
            trials.c.generated != answers.c.said_generated,
        )
        .order_by(answers.c.number)
    )
    return list(connection.execute(query))


def _views(trial: Row[Any]) -> list[tuple[str, int]]:
    views = [(trial.first_view, trial.first_image)]
    if trial.second_view is not None:
        views.append((trial.second_view, trial.second_image))
    return views
