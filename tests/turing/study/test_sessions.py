"""The life of a session on both databases, with a clock of our own."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import func, select, update

from convergan.turing.owner import invite, read_design, read_votes, set_state
from convergan.turing.study import schema, sessions
from convergan.turing.study.admission import join_by_invitation
from convergan.turing.study.sessions import Session
from convergan.turing.study.study import Study
from convergan.web.replies import RefusedError
from tests.turing.serving import Make
from tests.turing.session_steps import Hands, begin, come, reply_to, run_through


def truth_of(study: Study, trial: str) -> bool:
    with study.database.reading() as connection:
        query = select(schema.trials.c.generated).where(schema.trials.c.id == trial)
        return bool(connection.execute(query).scalar_one())


@pytest.mark.parametrize("protocol", ["single", "pair", "timed"])
def test_every_protocol_runs_from_consent_to_code_and_its_votes_fit_its_design(
    make: Make, protocol: str
) -> None:
    feedback = "on" if protocol == "timed" else "off"
    study, _ = make(protocol=protocol, feedback=feedback, recruiter="prolific")
    session = come(study)
    assert session.state()["stage"] == "consent"
    found = begin(session)
    blocks = 3 if protocol == "timed" else 1
    assert found["total"] == blocks * 5
    assert len(found["trials"]) == (1 if protocol == "timed" else 2)
    assert len(found["trials"][0]["images"]) == (2 if protocol == "pair" else 1)
    end = run_through(session, "left" if protocol == "pair" else "generated")
    assert end["stage"] == "done" and end["answered"] == end["total"] == blocks * 5
    assert end["completion"]["return"]["fields"] == {"cc": end["completion"]["code"]}
    assert end["completion"]["code"] in ("DONE-C1", "ATTN-C3")
    votes, design = read_votes(study), read_design(study)
    assert len(votes) == design.trials == blocks * 5
    assert votes.attention.sum() == blocks
    assert votes.said_generated.all()
    judged = votes.judged()
    if protocol != "pair":
        assert ((judged.image >= 40) == judged.generated).all()  # 40 real ones come first
    else:
        assert (judged.image >= 40).all()


def test_nothing_is_recorded_before_consent_and_tutorial(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    session = come(study)
    with pytest.raises(RefusedError, match="before consent"):
        session.tutorial()
    with pytest.raises(RefusedError, match="has changed"):
        session.consent("another")
    trials = select(schema.trials).order_by("position")
    with study.database.reading() as connection:
        assert connection.execute(trials).first() is None
    with pytest.raises(RefusedError, match="not the question"):
        session.answer(reply_to({"trial": "t"}))
    session.consent(session.state()["consent"]["version"])
    with study.database.reading() as connection:
        first = connection.execute(trials).first()
    assert first is not None
    assert session.state()["stage"] == "tutorial"
    assert session.state()["trials"] == []
    with pytest.raises(RefusedError, match="not the question"):
        session.answer(reply_to({"trial": first.id}))
    with pytest.raises(RefusedError):
        session.image(first.first_view)
    assert len(read_votes(study)) == 0


def test_the_first_answer_wins_and_a_repeated_one_gets_the_same_reply(make: Make) -> None:
    study, _ = make(recruiter="prolific", feedback="on")
    session = come(study)
    trial, following = begin(session)["trials"]
    first = session.answer(reply_to(trial, "generated"))
    for other in ("generated", "real", "real"):
        assert session.answer(reply_to(trial, other)) == first
    votes = read_votes(study)
    assert votes.said_generated.tolist() == [True]
    end = run_through(session)
    assert session.answer(reply_to(trial, "real")) == first  # even when done
    assert following["trial"] != trial["trial"]
    assert len(read_votes(study)) == end["total"]


def test_one_answer_from_many_tabs_at_once_is_one_vote(make: Make) -> None:
    study, _ = make(recruiter="prolific", feedback="on", trials=20, attention=0)
    session = come(study)
    found, together = begin(session), Barrier(8)

    def send(number: int) -> str:
        word = ("generated", "real")[number % 2]
        together.wait()
        return session.answer(reply_to(found["trials"][0], word))

    with ThreadPoolExecutor(8) as pool:
        while found["stage"] == "trials":
            assert len(set(pool.map(send, range(8)))) == 1
            found = session.state()
    assert len(read_votes(study)) == 20


def test_a_question_that_is_not_open_takes_no_answer(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    session, other = come(study), come(study, "ben")
    trials = begin(session)["trials"]
    begin(other)
    for who, trial in ((session, trials[1]), (other, trials[0])):
        with pytest.raises(RefusedError, match="not the question") as refused:
            who.answer(reply_to(trial))
        assert refused.value.status == 409
    with pytest.raises(RefusedError, match="neither of the two answers"):
        session.answer(reply_to(trials[0], "left"))
    assert len(read_votes(study)) == 0


@pytest.mark.parametrize("feedback", ["off", "on", "split"])
def test_only_arms_with_feedback_are_told_the_truth(make: Make, feedback: str) -> None:
    study, _ = make(recruiter="prolific", feedback=feedback, annotators_wanted=8)
    told = []
    for person in range(8):
        session = come(study, f"p{person}")
        state = begin(session)
        trial = state["trials"][0]
        reply = session.answer(reply_to(trial, "real"))
        told.append(state["feedback"])
        if not state["feedback"]:
            assert '"feedback":null' in reply
            continue
        truth = "generated" if truth_of(study, trial["trial"]) else "real"
        correct = str(truth == "real").lower()
        assert f'"feedback":{{"correct":{correct},"truth":"{truth}"}}' in reply
    assert sum(told) == {"off": 0, "on": 8, "split": 4}[feedback]


def test_the_staircase_sets_the_exposure_of_every_block(make: Make) -> None:
    study, _ = make(protocol="timed", feedback="on", trials=6, attention=1, recruiter="prolific")
    session = come(study)
    found = begin(session)
    expected, seen = 500.0, 0
    with study.database.reading() as connection:
        rows = {row.id: row for row in connection.execute(select(schema.trials))}
    while found["stage"] == "trials":
        trial = found["trials"][0]
        row = rows[trial["trial"]]
        if seen % 7 == 0:
            expected = 500.0
        assert trial["exposure_ms"] == expected
        correct = seen % 3 != 0
        answer = "generated" if row.generated == correct else "real"
        session.answer(reply_to(trial, answer))
        if not row.attention:
            expected += -10 if correct else 30
        seen += 1
        found = session.state()
    assert seen == 21
    assert read_votes(study).exposure_ms.max() < 1000


def test_losses_end_somewhere(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_LOSSES", 3)
    study, _ = make(recruiter="prolific")
    session = come(study)
    found = begin(session)
    for _ in range(3):
        found = session.report_loss(found["trials"][0]["trial"], "offline")
    with pytest.raises(RefusedError, match="Too many"):
        session.report_loss(found["trials"][0]["trial"], "offline")


def test_who_withdraws_leaves_no_vote_and_frees_the_place(make: Make) -> None:
    study, _ = make(recruiter="prolific", annotators_wanted=1)
    session = come(study)
    trial = begin(session)["trials"][0]
    session.answer(reply_to(trial))
    assert session.withdraw()["stage"] == "closed"
    assert session.withdraw()["stage"] == "closed"
    with study.database.reading() as connection:
        for table in (schema.answers, schema.trials):
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 0
    with pytest.raises(RefusedError, match="closed"):
        session.answer(reply_to(trial))
    assert come(study) == session  # the same person gets no second try
    assert come(study, "ben") != session


def test_who_withdraws_after_the_end_keeps_the_code(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    session = come(study)
    begin(session)
    end = run_through(session)
    found = session.withdraw()
    assert (found["stage"], found["completion"]) == ("closed", end["completion"])
    assert len(read_votes(study)) == 0


def test_an_invitation_opens_its_session_whenever_its_person_comes_again(make: Make) -> None:
    hands = Hands(make()[0])
    study = hands.study
    token = invite(study, "", 1, 2)[0].rsplit("/")[-1]
    session = Session(study, join_by_invitation(study, token))
    assert join_by_invitation(study, token) == session.id
    begin(session)
    assert join_by_invitation(study, token) == session.id
    hands.wait(3 * 86400)  # the link no longer begins anything, and still leads back
    assert join_by_invitation(study, token) == session.id
    end = run_through(session)
    assert join_by_invitation(study, token) == session.id
    assert session.state() == end


def test_forged_expired_and_unknown_invitations_are_refused(make: Make) -> None:
    study, _ = make()
    token = invite(study, "", 1, 1)[0].rsplit("/")[-1]
    for forged in ("", "x", token[:-1], token + "A", token.split(".")[0], "a.b", "é"):
        with pytest.raises(RefusedError) as refused:
            join_by_invitation(study, forged)
        assert refused.value.status == 404
    with pytest.raises(RefusedError):
        join_by_invitation(replace(study, key=b"another"), token)
    with pytest.raises(RefusedError):
        join_by_invitation(replace(study, id="another"), token)
    now = study.clock()
    with pytest.raises(RefusedError, match="expired"):
        join_by_invitation(replace(study, clock=lambda: now + 2 * 86400), token)
    with study.database.writing() as connection:
        connection.execute(schema.invitations.delete())
    with pytest.raises(RefusedError, match="no longer valid"):
        join_by_invitation(study, token)


def test_a_stopped_study_takes_nobody_new_but_lets_people_finish(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    session = come(study)
    begin(session)
    set_state(study, schema.STOPPED)
    with pytest.raises(RefusedError, match="has ended"):
        come(study, "ben")
    assert come(study) == session
    assert run_through(session)["stage"] == "done"
    set_state(study, schema.RUNNING)
    come(study, "ben")


def test_a_panel_that_the_study_is_not_for_sends_nobody(make: Make) -> None:
    study, _ = make()
    with pytest.raises(RefusedError, match="invitation alone"):
        come(study)


def test_replies_without_feedback_are_the_same_bytes_for_right_and_wrong(make: Make) -> None:
    study, _ = make(recruiter="prolific", trials=10)
    session = come(study)
    trial = begin(session)["trials"][0]
    replies = []
    for word in ("generated", "real"):
        replies.append(session.answer(reply_to(trial, word)))
        with study.database.writing() as connection:  # as if it had not been
            connection.execute(schema.answers.delete())
            values = {"state": schema.WAITING}
            of = schema.trials.c.id == trial["trial"]
            connection.execute(update(schema.trials).where(of).values(values))
    assert replies[0] == replies[1]
