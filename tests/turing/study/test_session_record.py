"""A session's row and trials, and what the browser gets of them."""

import pytest
from sqlalchemy import select, update

from convergan.turing.owner import close_person, invite, people, read_votes
from convergan.turing.study import schema
from convergan.turing.study.admission import join_by_invitation
from convergan.turing.study.session_record import NO_SESSION, SessionRecord, image_of
from convergan.turing.study.sessions import Session
from convergan.web.replies import RefusedError
from tests.turing.serving import Make
from tests.turing.session_steps import begin, come, reply_to, run_through


@pytest.mark.parametrize("protocol", ["single", "timed"])
def test_a_picture_that_was_not_shown_comes_again_and_is_no_vote(make: Make, protocol: str) -> None:
    feedback = "on" if protocol == "timed" else "off"
    study, _ = make(recruiter="prolific", protocol=protocol, feedback=feedback)
    session = come(study)
    before = begin(session)
    lost = before["trials"][0]
    after = session.report_loss(lost["trial"], "decode\0failed")
    assert after["total"] == before["total"] and after["answered"] == 0
    assert lost["images"][0] not in [trial["images"][0] for trial in after["trials"]]
    assert after["trials"][0]["exposure_ms"] == lost["exposure_ms"]
    with pytest.raises(RefusedError, match="not the question"):
        session.answer(reply_to(lost))
    with pytest.raises(RefusedError):
        session.image(lost["images"][0].rsplit("/")[-1])
    end = run_through(session)
    votes = read_votes(study)
    assert end["stage"] == "done" and len(votes) == before["total"]
    with study.database.reading() as connection:
        query = select(schema.trials.c.loss).where(schema.trials.c.state == schema.LOST)
        assert connection.execute(query).scalars().all() == ["decodefailed"]


def test_the_last_trial_can_be_lost_as_well(make: Make) -> None:
    study, _ = make(recruiter="prolific", protocol="timed", feedback="on", trials=2, attention=0)
    session = come(study)
    found = begin(session)
    while found["total"] - found["answered"] > 1:
        session.answer(reply_to(found["trials"][0]))
        found = session.state()
    exposure = found["trials"][0]["exposure_ms"]
    found = session.report_loss(found["trials"][0]["trial"], "offline")
    assert found["trials"][0]["exposure_ms"] == exposure
    assert run_through(session)["stage"] == "done"


def test_a_session_given_back_frees_its_place(make: Make) -> None:
    study, _ = make(recruiter="prolific", annotators_wanted=1, minutes=30)
    session = come(study)
    trial = begin(session)["trials"][0]
    with pytest.raises(RefusedError, match="all the people"):
        come(study, "ben")
    close_person(study, people(study)[0]["alias"], schema.RETURNED)
    found = session.state()
    assert (found["stage"], found["outcome"], found["completion"]) == ("closed", "returned", None)
    with pytest.raises(RefusedError, match="closed"):
        session.answer(reply_to(trial))
    assert come(study, "ben") != session
    assert session.state()["stage"] == "closed"


def test_the_page_is_told_how_long_a_place_and_a_session_are_kept(make: Make) -> None:
    study, _ = make(recruiter="prolific", minutes=45, resume_days=3, contact="Ann")
    found = come(study).state()
    assert (found["away"], found["contact"]) == ({"minutes": 45, "days": 3}, "Ann")
    assert found["outcome"] is None


def code_of(session: Session) -> str | None:
    completion = session.state()["completion"]
    if completion is None:
        return None
    assert completion["return"]["fields"] == {"cc": completion["code"]}
    return str(completion["code"])


def test_prolific_is_told_by_the_studys_own_codes_what_became_of_somebody(make: Make) -> None:
    study, _ = make(recruiter="prolific", annotators_wanted=3, trials=8, attention=8)
    good, careless, screened = (come(study, person) for person in ("ann", "ben", "cat"))
    for session in (good, careless, screened):
        begin(session)
        assert code_of(session) is None
    run_through(good, "generated")  # attention images are scrambled: generated is right
    run_through(careless, "real")
    close_person(study, people(study)[2]["alias"], schema.SCREENED_OUT)
    assert [code_of(session) for session in (good, careless, screened)] == [
        "DONE-C1",
        "ATTN-C3",
        "OUT-C2",
    ]
    assert [session.state()["outcome"] for session in (good, careless, screened)] == [
        "done",
        "missed checks",
        "screened out",
    ]
    found = people(study)
    assert [person["panel_code"] for person in found] == ["DONE-C1", "ATTN-C3", "OUT-C2"]
    receipts = [person["completion_code"] for person in found]
    assert len({*receipts, "DONE-C1", "ATTN-C3"}) == 5 and receipts[2] is None
    careless.withdraw()
    assert code_of(careless) == "ATTN-C3"  # also when the answers are gone


def test_without_a_code_for_attention_whoever_finishes_gets_that_of_the_study(make: Make) -> None:
    study, _ = make(recruiter="prolific", failed_attention_code=None)
    session = come(study)
    begin(session)
    run_through(session, "real")
    assert code_of(session) == "DONE-C1"


def test_who_is_invited_to_a_study_on_prolific_has_a_receipt_and_no_way_back(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    token = invite(study, "", 1, 7)[0].rsplit("/")[-1]
    session = Session(study, join_by_invitation(study, token))
    begin(session)
    completion = run_through(session)["completion"]
    assert completion["return"] is None
    assert completion["code"] == people(study)[0]["completion_code"]


def test_a_study_of_before_keeps_the_code_of_each_person(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    session = come(study)
    begin(session)
    with study.database.writing() as connection:
        none = {"completion_code": None, "screened_out_code": None, "failed_attention_code": None}
        connection.execute(update(schema.study).values(**none))
    run_through(session)
    assert code_of(session) == people(study)[0]["completion_code"]


def test_there_is_no_session_at_another_address(make: Make) -> None:
    study, _ = make()
    with study.database.reading() as connection:
        with pytest.raises(RefusedError, match=NO_SESSION) as refused:
            SessionRecord(study, connection, "A" * 22)
    assert refused.value.status == 404


def test_images_are_found_by_the_names_that_they_have_in_the_trials_shown(make: Make) -> None:
    study, _ = make(recruiter="prolific", protocol="pair")
    session = come(study)
    begin(session)
    with study.database.reading() as connection:
        first, second = SessionRecord(study, connection, session.id).waiting()
        rows = connection.execute(select(schema.images.c.id, schema.images.c.png))
        pngs = {row.id: row.png for row in rows}
        assert image_of(connection, [first], first.first_view) == pngs[first.first_image]
        assert image_of(connection, [first], first.second_view) == pngs[first.second_image]
        assert image_of(connection, [first], second.first_view) is None
