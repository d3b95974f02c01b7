"""The people of a study, as its owner sees them."""

import csv
import io
from dataclasses import replace

import pytest
from sqlalchemy import select

from convergan.turing.owner import export_csv, read_votes, results, summary
from convergan.turing.people import (
    ListedPerson,
    change_consent,
    close_person,
    close_unlisted,
    consent_versions,
    delete_person,
    invite,
    list_people,
    people,
    people_lines,
    reopen_person,
)
from convergan.turing.study import schema
from convergan.turing.study.admission import join_by_invitation
from convergan.turing.study.sessions import Session
from convergan.turing.study.study import Study
from convergan.web.replies import RefusedError
from tests.turing.serving import Make
from tests.turing.session_steps import Hands, begin, come, reply_to, run_through


def alias(study: Study, number: int = 0) -> str:
    return str(people(study)[number]["alias"])


def invited(study: Study, *, pilot: bool) -> Session:
    link = invite(study, "", 1, 7, pilot=pilot)[0]
    return Session(study, join_by_invitation(study, link.rsplit("/")[-1]))


def test_who_tries_the_study_out_takes_no_place_and_never_counts(make: Make) -> None:
    study, _ = make(annotators_wanted=1)
    pilots = [invited(study, pilot=True) for _ in range(3)]
    for session in pilots:
        begin(session)
    run_through(pilots[0])
    pilots[1].answer(reply_to(pilots[1].state()["trials"][0]))
    lost = pilots[2].state()["trials"][0]["trial"]
    pilots[2].report_loss(lost, "offline")
    found = summary(study)
    assert (found["people"], found["votes"], found["losses"]) == ({}, 0, 0)
    assert len(read_votes(study)) == 0 and results(study)["result"] is None
    person = invited(study, pilot=False)
    begin(person)
    run_through(person)
    late = invited(study, pilot=True)  # the study is full, for pilots it never is
    begin(late)
    assert run_through(late)["stage"] == "done"
    assert summary(study)["people"] == {"done": 1}
    assert len(read_votes(study)) == 5
    assert [one["pilot"] for one in people(study)] == [True] * 3 + [False, True]
    rows = list(csv.DictReader(io.StringIO(export_csv(study))))
    assert sum(row["pilot"] == "1" for row in rows) == 5 + 1 + 5
    assert sum(row["pilot"] == "0" for row in rows) == 5
    assert [version.agreed for version in consent_versions(study)] == [1]


def test_whom_a_panel_sends_to_a_pilot_is_marked_as_such(make: Make) -> None:
    hands = Hands(make(recruiter="prolific", annotators_wanted=1)[0])
    pilot = come(replace(hands.study, pilot=True), "ann")
    begin(pilot)
    begin(come(hands.study, "ben"))
    assert [one["pilot"] for one in people(hands.study)] == [True, False]
    assert run_through(pilot)["completion"]["code"] == "DONE-C1"


def test_votes_are_exported_with_seconds_since_consent(make: Make) -> None:
    hands = Hands(make(recruiter="prolific")[0])
    for person in ("ann", "ben"):
        session = come(hands.study, person)
        found = begin(session)
        while found["stage"] == "trials":
            hands.wait(2.5)
            session.answer(reply_to(found["trials"][0]))
            found = session.state()
        hands.wait(1000)
    rows = list(csv.DictReader(io.StringIO(export_csv(hands.study))))
    assert [float(row["at"]) for row in rows] == [2.5, 5.0, 7.5, 10.0, 12.5] * 2


def test_a_closed_session_is_opened_again_and_goes_on(make: Make) -> None:
    study, _ = make(recruiter="prolific", annotators_wanted=1)
    ann = come(study, "ann")
    trial = begin(ann)["trials"][0]
    ann.answer(reply_to(trial))
    close_person(study, alias(study), schema.RETURNED)
    begin(come(study, "ben"))
    assert reopen_person(study, alias(study), "https://x/deep/") == f"https://x/deep/s/{ann.id}"
    assert ann.state()["answered"] == 1
    assert summary(study)["people"] == {"open": 2}  # one more than wanted, as the owner asked for
    assert run_through(ann)["stage"] == "done"


def test_only_what_can_go_on_is_opened_again(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    ann, ben, _cat = (come(study, person) for person in ("ann", "ben", "cat"))
    begin(ann)
    run_through(ann)
    begin(ben)
    ben.withdraw()
    for number, reason in enumerate(("is done", "is withdrawn", "has not begun")):
        with pytest.raises(RefusedError, match=reason):
            reopen_person(study, alias(study, number), "https://x")
    with pytest.raises(RefusedError, match="nobody"):
        reopen_person(study, "P-none", "https://x")


def test_a_list_is_stored_as_hashes_and_goes_with_the_people(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    assert list_people(study, [ListedPerson("5f1e0coffee-zq", "60coffee-zq")]) == 1
    assert list_people(study, [ListedPerson("5f1e0coffee-zq"), ListedPerson("5f1e0bob-zq")]) == 2
    with study.database.reading() as connection:
        rows = connection.execute(select(schema.listed_people)).all()
        text = "".join(
            repr(connection.execute(select(table)).all()) for table in schema.metadata.sorted_tables
        )
    assert "coffee-zq" not in text and "bob-zq" not in text.split("PNG")[0]
    assert sorted(row.visit is None for row in rows) == [False, True]
    come(study, "5f1e0coffee-zq", visit="60coffee-zq")
    delete_person(study, alias(study))
    assert list_people(study, []) == 1


def test_who_is_not_in_the_panels_list_is_named_and_closed(make: Make) -> None:
    study, _ = make(recruiter="prolific", annotators_wanted=9)
    for person in ("ann", "ben", "cat"):
        begin(come(study, person, visit=f"visit-{person}"))
    run_through(come(study, "ben", visit="visit-ben"))
    begin(invited(study, pilot=False))
    come(study, "looks only")
    assert [one["listed"] for one in people(study)] == [None] * 5
    with pytest.raises(ValueError, match="nobody is listed"):
        close_unlisted(study)
    # Ann is in the list, Ben is not, and somebody else came under Cat's id.
    list_people(study, [ListedPerson("ann"), ListedPerson("cat", "another visit")])
    assert [one["listed"] for one in people(study)] == [True, False, False, None, False]
    assert close_unlisted(study) == [alias(study, 1), alias(study, 2)]
    assert close_unlisted(study) == []
    states = [one["state"] for one in people(study)]
    assert states == ["open", "returned", "returned", "open", "open"]
    assert people(study)[1]["panel_code"] is None
    assert len(read_votes(study)) == 0


def test_only_a_study_of_a_panel_has_its_list(make: Make) -> None:
    study, _ = make()
    with pytest.raises(ValueError, match="needs a study with --recruiter"):
        list_people(study, [ListedPerson("ann")])


def test_versions_of_the_consent_text_are_counted(make: Make) -> None:
    study, _ = make(recruiter="prolific", consent="First.", contact="Ann")
    begin(come(study, "ann"))
    change_consent(study, "Second.", None, None)
    for person in ("ben", "cat"):
        begin(come(study, person))
    first, second = consent_versions(study)
    assert (first.number, first.agreed, first.current) == (1, 1, False)
    assert (second.number, second.agreed, second.current) == (2, 2, True)
    assert come(study, "dan").state()["consent"]["contact"] == "Ann"
    assert [one["consent_version"] for one in people(study)] == [
        *(first.version, second.version, second.version),
        None,
    ]
    with pytest.raises(ValueError, match="contact must be"):
        change_consent(study, None, "", None)


def test_the_list_of_people_is_a_table(make: Make) -> None:
    study, _ = make(recruiter="prolific", trials=8, attention=8)
    session = come(study, "ann")
    begin(session)
    run_through(session, "real")
    list_people(study, [ListedPerson("ben")])
    head, line = people_lines(people(study))
    assert head.split() == ["person", "state", "by", "votes", "receipt", "remarks"]
    receipt = people(study)[0]["completion_code"]
    assert line.split()[:5] == [alias(study), "done", "prolific", "16/16", receipt]
    assert line.endswith("not in the panel's list, failed attention")
