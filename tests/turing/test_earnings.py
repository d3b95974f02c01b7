"""Who earned which bonus."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from convergan.turing.earnings import Earning, earned_bonuses
from convergan.turing.people import ListedPerson
from convergan.turing.study import schema
from convergan.turing.study.sessions import Session
from tests.turing.serving import Make
from tests.turing.session_steps import begin, come, reply_to


def truth(session: Session, trial: str) -> tuple[bool, bool]:
    query = select(schema.trials).where(schema.trials.c.id == trial)
    with session.study.database.reading() as connection:
        row = connection.execute(query).one()
    return row.generated, row.attention


def judge(session: Session, right: int, *, careful: bool = True) -> None:
    """Answer so many trials right, the others wrong; attention trials right if careful."""
    found, given = begin(session), 0
    while found["stage"] == "trials":
        trial = found["trials"][0]
        generated, attention = truth(session, trial["trial"])
        correct = careful if attention else given < right
        given += not attention
        session.answer(reply_to(trial, "generated" if generated == correct else "real"))
        found = session.state()


def test_whoever_finished_earns_what_the_rule_says(make: Make) -> None:
    study, _ = make(recruiter="prolific", trials=10, attention=8, bonus="0.02 per correct")
    judge(come(study, "all", visit="v1"), 10)
    judge(come(study, "some", visit="v2"), 3)
    judge(come(study, "none", visit="v3"), 0)
    judge(come(study, "careless", visit="v4"), 10, careful=False)
    begin(come(study, "left"))
    judge(come(study, "false", visit="guess"), 10)
    listed = [
        *(ListedPerson("some", "v2"), ListedPerson("stranger"), ListedPerson("all")),
        *(ListedPerson("none"), ListedPerson("careless"), ListedPerson("left")),
        ListedPerson("false", "v6"),  # somebody else used this id
    ]
    assert earned_bonuses(study, listed) == [
        Earning("some", Decimal("0.06")),
        Earning("all", Decimal("0.20")),
    ]


def test_a_study_without_a_rule_pays_none(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    with pytest.raises(ValueError, match="has no bonus"):
        earned_bonuses(study, [ListedPerson("ann")])
