"""A session's row and trials, and what the browser gets of them."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from convergan.turing.owner import close_person, people, read_votes
from convergan.turing.study import schema
from convergan.turing.study.session_record import NO_SESSION, SessionRecord, image_of
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


@pytest.mark.parametrize("how", ["returned", "timed out"])
def test_a_session_given_back_or_timed_out_frees_its_place(make: Make, how: str) -> None:
    study, _ = make(recruiter="prolific", annotators_wanted=1, minutes=30)
    session = come(study)
    trial = begin(session)["trials"][0]
    with pytest.raises(RefusedError, match="all the people"):
        come(study, "ben")
    if how == "returned":
        close_person(study, people(study)[0]["alias"], schema.RETURNED)
    else:
        now = study.clock()
        study = replace(study, clock=lambda: now + 31 * 60)
        session = replace(session, study=study)
    assert session.state()["stage"] == "closed"
    with pytest.raises(RefusedError, match="closed"):
        session.answer(reply_to(trial))
    assert come(study, "ben") != session
    assert session.state()["stage"] == "closed"


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
