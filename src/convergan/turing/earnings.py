"""Who earned which bonus: the panel's list and the study's hashes, held against each other."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Integer, cast, func, select

from .bonus import read_bonus
from .people import ListedPerson
from .study import schema
from .study.schema import answers, sessions, trials
from .study.study import Study
from .study.tokens import person_hash, visit_hash


class Earning(NamedTuple):
    """A bonus.

    Attributes:
        person: their id at the panel.
        amount: above 0, with two decimals, in the currency of the panel's study.
    """

    person: str
    amount: Decimal


def earned_bonuses(study: Study, listed: Sequence[ListedPerson]) -> list[Earning]:
    """Return what the people of a panel's list earned by the study's rule, in the list's order.

    Who did not finish, came in another visit than the list says, tried the study out, or missed
    too many attention trials earns nothing and is left out.

    Args:
        study: with a rule.
        listed: people as the panel calls them; the study has their hashes alone.

    Raises:
        ValueError: if the study has no rule.
    """
    correct = func.sum(cast(trials.c.generated == answers.c.said_generated, Integer))
    query = (
        select(sessions.c.adapter, sessions.c.person, sessions.c.visit, correct, func.count())
        .join(answers, answers.c.session == sessions.c.id)
        .join(trials, trials.c.id == answers.c.trial)
        .where(
            sessions.c.state == schema.DONE,
            sessions.c.pilot.is_(False),
            sessions.c.failed_attention.is_not(True),
            trials.c.attention.is_(False),
        )
        .group_by(sessions.c.id)
    )
    with study.database.reading() as connection:
        design = connection.execute(select(schema.study)).one()
        rows = connection.execute(query).all()
    if design.bonus is None:
        raise ValueError("this study has no bonus; it is fixed with create --bonus RULE")
    rule = read_bonus(design.bonus)
    done = {
        person: (visit, rule.amount(right, count))
        for adapter, person, visit, right, count in rows
        if adapter == design.recruiter
    }
    earned = []
    for person, visit in listed:
        came, amount = done.get(
            person_hash(study.key, design.recruiter, person), (None, Decimal(0))
        )
        seen = None if visit is None else visit_hash(study.key, design.recruiter, visit)
        if amount > 0 and (seen is None or came in (None, seen)):
            earned.append(Earning(person, amount))
    return earned
