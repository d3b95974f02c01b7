"""What the owner of a study asks of it and does to it."""

from typing import Any

from sqlalchemy import func, insert, select

from . import schema
from .schema import answers, invitations, sessions
from .study import Study
from .tokens import new_id, sign_invitation


def token_hash(study: Study) -> str:
    """Return the hash of the owner's token."""
    with study.database.reading() as connection:
        return str(connection.execute(select(schema.study.c.owner_token_sha256)).scalar_one())


def invite(study: Study, public_url: str, count: int, days: float) -> list[str]:
    """Make invitation links, each for one person.

    Args:
        study: that they are for.
        public_url: where people reach it.
        count: how many.
        days: for which they can be opened.
    """
    now = study.clock()
    expires = now + days * 86400
    rows = [{"id": new_id(), "created": now, "expires": expires} for _ in range(count)]
    with study.database.writing() as connection:
        connection.execute(insert(invitations), rows)
    tokens = [sign_invitation(study.key, study.id, row["id"], expires) for row in rows]
    return [f"{public_url}/join/{token}" for token in tokens]


def summary(study: Study) -> dict[str, Any]:
    """Return the counts of people and votes."""
    with study.database.reading() as connection:
        design = connection.execute(select(schema.study)).one()
        states = select(sessions.c.state, func.count()).group_by(sessions.c.state)
        people = {state: count for state, count in connection.execute(states)}
        votes = connection.execute(select(func.count()).select_from(answers)).scalar_one()
    return {
        "name": design.name,
        "state": design.state,
        "wanted": design.annotators_wanted,
        "people": people,
        "votes": votes,
    }
