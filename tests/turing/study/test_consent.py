"""Versions of what people agree to."""

import pytest
from sqlalchemy import select

from convergan.turing.study import schema
from convergan.turing.study.consent import MAX_LINKS, ConsentText, change_consent_text
from convergan.web.replies import RefusedError
from tests.turing.serving import Make
from tests.turing.session_steps import begin, come


def test_a_version_is_named_by_all_that_people_see() -> None:
    texts = [
        ConsentText("a"),
        ConsentText("b"),
        ConsentText("a", "ann@lab.example"),
        ConsentText("a", "ann@lab.example", ("https://lab.example",)),
        ConsentText("a", None, ("https://lab.example",)),
    ]
    assert len({text.version for text in texts}) == len(texts)
    assert all(len(text.version) == 12 for text in texts)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ConsentText(" "), "consent must be a text"),
        (ConsentText("a", ""), "contact must be"),
        (ConsentText("a", "x" * 501), "contact must be"),
        (ConsentText("a", None, ("lab.example",)), "must begin with https"),
        (ConsentText("a", None, ("javascript:alert(1)",)), "must begin with https"),
        (ConsentText("a", None, ('https://x"onclick=',)), "cannot have the character '\"'"),
        (ConsentText("a", None, ("https://x y",)), "cannot have the character ' ', got 'https"),
        (ConsentText("a", None, ("https://",)), "1 to 2,000 letters after https://"),
        (ConsentText("a", None, ("https://" + "x" * 2001,)), "1 to 2,000 letters after"),
        (ConsentText("a", None, ("https://x",) * (MAX_LINKS + 1)), "there can be 10 links"),
    ],
)
def test_what_is_no_consent_text_is_refused(text: ConsentText, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        text.check()


def test_who_comes_later_agrees_to_the_new_text_and_the_others_keep_theirs(make: Make) -> None:
    study, _ = make(recruiter="prolific", consent="First.")
    early, between = come(study, "ann"), come(study, "ben")
    begin(early)
    old = between.state()["consent"]["version"]
    new = ConsentText("Second.", "Ann, ann@lab.example", ("https://lab.example/data",))
    with study.database.writing() as connection:
        change_consent_text(connection, new, study.clock())
    with pytest.raises(RefusedError, match="has changed"):
        between.consent(old)
    assert between.state()["consent"] == {
        "version": new.version,
        "text": "Second.",
        "contact": "Ann, ann@lab.example",
        "links": ["https://lab.example/data"],
    }
    begin(between)
    with study.database.writing() as connection:  # back to the first, which is no third version
        change_consent_text(connection, ConsentText("First."), study.clock())
        rows = connection.execute(select(schema.consent_texts).order_by("number")).all()
        agreed = select(schema.sessions.c.consent_version).order_by("number")
        versions = list(connection.execute(agreed).scalars())
    assert [(row.number, row.text) for row in rows] == [(1, "First."), (2, "Second.")]
    assert versions == [row.version for row in rows]
