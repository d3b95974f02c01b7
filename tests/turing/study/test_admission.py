"""Who gets a place, and how people are shared out."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import func, select, update

from convergan.turing.owner import invite, people, reopen_person, set_state, summary
from convergan.turing.study import schema
from convergan.turing.study.admission import Admission, join_by_invitation, join_from_panel
from convergan.turing.study.recruitment import Arrival
from convergan.turing.study.schema import sessions, trials
from convergan.turing.study.sessions import Session
from convergan.turing.study.study import Study
from convergan.web.replies import RefusedError
from tests.turing.serving import Make
from tests.turing.session_steps import Hands, begin, come, reply_to, run_through


def arrival(person: str) -> Arrival:
    return Arrival("prolific", person=person, visit="v", task="t")


def test_people_who_come_for_the_last_place_at_once_do_not_all_get_it(make: Make) -> None:
    study, _ = make(recruiter="prolific", annotators_wanted=3)
    together = Barrier(12)

    def come(number: int) -> str | None:
        together.wait()
        session = join_from_panel(study, arrival(f"p{number}"))
        together.wait()
        try:
            begin(Session(study, session))
        except RefusedError as refused:
            assert refused.status == 403
            return None
        return session

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(come, range(12)))
    assert len([session for session in found if session]) == 3
    assert summary(study)["people"] == {"open": 3}


def test_one_person_in_many_tabs_at_once_has_one_session(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    together = Barrier(8)

    def come(_: int) -> str:
        together.wait()
        return join_from_panel(study, arrival("ann"))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(come, range(8)))) == 1


def test_who_only_looked_and_comes_back_much_later_can_begin(make: Make) -> None:
    hands = Hands(make(annotators_wanted=1, minutes=30)[0])
    study = hands.study
    first, second = (link.rsplit("/")[-1] for link in invite(study, "", 2, 7))
    session = Session(study, join_by_invitation(study, first))
    hands.wait(6 * 86400)
    assert session.state()["stage"] == "consent"
    assert join_by_invitation(study, first) == session.id
    begin(session)
    with pytest.raises(RefusedError, match="all the people"):
        join_by_invitation(study, second)


def test_a_place_is_taken_from_whoever_is_away_only_when_somebody_needs_it(make: Make) -> None:
    hands = Hands(make(recruiter="prolific", annotators_wanted=2, minutes=30)[0])
    study = hands.study
    hands.wait(3600)
    ann, ben = come(study, "ann"), come(study, "ben")
    begin(ann)
    hands.wait(60)
    begin(ben)
    hands.wait(29 * 60)
    assert begin_or_full(study, "cat") == "full"  # nobody has been away for 30 minutes
    hands.wait(5 * 3600)
    assert ann.state()["stage"] == ben.state()["stage"] == "trials"  # nobody needed a place
    assert ann.answer(reply_to(ann.state()["trials"][0]))
    cat = come(study, "cat")
    assert ben.state()["stage"] == "trials"  # opening a link takes nothing
    begin(cat)
    assert (ann.state()["stage"], ben.state()["stage"]) == ("trials", "paused")
    assert summary(study)["people"] == {"open": 2, "timed out": 1}
    with pytest.raises(RefusedError, match="paused"):
        ben.answer(reply_to({"trial": "t"}))
    with pytest.raises(RefusedError, match="all the people"):
        ben.resume()
    assert ben.state()["stage"] == "paused"
    ann.withdraw()
    assert ben.resume()["stage"] == "trials"
    assert run_through(ben)["stage"] == "done"


def begin_or_full(study: Study, person: str) -> str:
    try:
        begin(come(study, person))
    except RefusedError as refused:
        assert refused.status == 403
        return "full"
    return "begun"


def test_who_lost_a_place_may_go_on_in_the_place_of_another_who_is_away(make: Make) -> None:
    hands = Hands(make(recruiter="prolific", annotators_wanted=1, minutes=30)[0])
    study = hands.study
    ann, ben = come(study, "ann"), come(study, "ben")
    begin(ann)
    hands.wait(3600)
    begin(ben)
    assert ann.state()["stage"] == "paused"
    hands.wait(3600)
    set_state(study, schema.STOPPED)  # which lets those finish who have begun
    assert ann.resume()["stage"] == "trials"
    assert ben.state()["stage"] == "paused"


@pytest.mark.parametrize("hours", [12, -12])
def test_a_clock_that_jumps_takes_nobodys_place(make: Make, hours: float) -> None:
    hands = Hands(make(recruiter="prolific", annotators_wanted=2, minutes=30)[0])
    study = hands.study
    hands.wait(7200)
    ann, ben = come(study, "ann"), come(study, "ben")
    for session in (ann, ben):
        begin(session)
    hands.wall += hours * 3600
    assert begin_or_full(study, "cat") == "full"
    for session in (ann, ben):
        assert run_through(session)["stage"] == "done"


@pytest.mark.parametrize("hours", [12, -12])
def test_a_server_that_starts_with_another_clock_gives_everybody_the_whole_time(
    make: Make, hours: float
) -> None:
    hands = Hands(make(recruiter="prolific", annotators_wanted=1, minutes=30)[0])
    ann = come(hands.study, "ann")
    begin(ann)
    restarted = Hands(replace(hands.study, clock=lambda: hands.wall + hours * 3600))
    study = restarted.study
    restarted.wait(29 * 60)
    assert begin_or_full(study, "ben") == "full"
    assert replace(ann, study=study).state()["stage"] == "trials"
    restarted.wait(61)
    assert begin_or_full(study, "ben") == "begun"


def test_a_session_goes_on_for_some_days_and_then_no_more(make: Make) -> None:
    hands = Hands(make(recruiter="prolific", resume_days=7)[0])
    ann = come(hands.study)
    trial = begin(ann)["trials"][0]
    hands.wait(7 * 86400 - 1)
    ann.answer(reply_to(trial))
    hands.wait(7 * 86400 - 1)
    assert ann.state()["stage"] == "trials"
    hands.wait(2)
    found = ann.state()
    assert (found["stage"], found["outcome"]) == ("closed", "late")
    with pytest.raises(RefusedError, match="closed"):
        ann.tutorial()
    assert reopen_person(hands.study, people(hands.study)[0]["alias"], "https://x/") == (
        f"https://x/s/{ann.id}"
    )
    assert run_through(ann)["stage"] == "done"


def test_who_only_opened_a_link_takes_nobodys_place(make: Make) -> None:
    study, _ = make(annotators_wanted=1)
    links = [link.rsplit("/")[-1] for link in invite(study, "", 3, 7)]
    previews = [join_by_invitation(study, link) for link in links[:2]]
    assert summary(study)["people"] == {}
    begin(Session(study, join_by_invitation(study, links[2])))
    assert summary(study)["people"] == {"open": 1}
    version = Session(study, previews[0]).state()["consent"]["version"]
    with pytest.raises(RefusedError, match="all the people"):
        Session(study, previews[0]).consent(version)
    assert Session(study, previews[0]).state()["stage"] == "consent"


def test_models_and_arms_get_the_same_number_of_people(make: Make) -> None:
    study, _ = make(
        models=("a", "b", "c"), feedback="split", recruiter="prolific", annotators_wanted=14
    )
    came = [join_from_panel(study, arrival(f"p{number}")) for number in range(14)]
    for session in came:
        assert begin(Session(study, session))["total"] == 5
    cells = Counter((person["model"], person["feedback"]) for person in people(study))
    assert len(cells) == 6
    assert set(cells.values()) == {2, 3}


def test_a_session_shows_images_of_one_model_alone(make: Make) -> None:
    study, _ = make(models=("a", "b"), recruiter="prolific")
    came = [join_from_panel(study, arrival(f"p{number}")) for number in range(4)]
    for session in came:
        begin(Session(study, session))
    trials, images, sessions = schema.trials, schema.images, schema.sessions
    query = (
        select(sessions.c.model, images.c.model.label("shown"), func.count())
        .join(trials, trials.c.session == sessions.c.id)
        .join(images, images.c.id == trials.c.first_image)
        .where(images.c.model.is_not(None))
        .group_by(sessions.c.model, images.c.model)
    )
    with study.database.reading() as connection:
        rows = connection.execute(query).all()
    assert {(row.model, row.shown) for row in rows} == {(0, 0), (1, 1)}


def test_the_same_seed_gives_the_same_plan_under_other_names(make: Make) -> None:
    study, _ = make(recruiter="prolific", seed=7)
    begin(come(study, "ann"))

    def plan() -> tuple[list[int], set[str]]:
        with study.database.reading() as connection:
            rows = connection.execute(select(schema.trials).order_by("position")).all()
        return [row.first_image for row in rows], {row.first_view for row in rows}

    images, views = plan()
    with study.database.writing() as connection:
        connection.execute(schema.trials.delete())
        connection.execute(schema.sessions.delete())
    begin(come(study, "ben"))
    again, other_views = plan()
    assert again == images
    assert not views & other_views


def test_what_a_panel_calls_a_person_is_nowhere_in_the_database(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    join_from_panel(study, arrival("5f1e0c0ffee"))
    with study.database.reading() as connection:
        for table in schema.metadata.sorted_tables:
            assert "5f1e0c0ffee" not in repr(connection.execute(select(table)).all())
            assert study.key.hex() not in repr(connection.execute(select(table)).all())


def test_an_invitation_is_nowhere_in_the_row_of_who_came_by_it(make: Make) -> None:
    study, _ = make()
    link = invite(study, "", 1, 7)[0].rsplit("/")[-1]
    join_by_invitation(study, link)
    with study.database.reading() as connection:
        invitation = connection.execute(select(schema.invitations.c.id)).scalar_one()
        row = connection.execute(select(schema.sessions)).one()
    assert invitation not in [str(value) for value in row]


@pytest.mark.parametrize("wanted", [1, 2])
def test_a_full_study_says_so(make: Make, wanted: int) -> None:
    study, _ = make(recruiter="prolific", annotators_wanted=wanted)
    for number in range(wanted):
        begin(Session(study, join_from_panel(study, arrival(f"p{number}"))))
    with pytest.raises(RefusedError, match="all the people it needs"):
        join_from_panel(study, arrival("late"))


def test_images_are_planned_equally_often_and_lost_or_unseen_ones_come_again(make: Make) -> None:
    study, _ = make(recruiter="prolific", trials=8, attention=0, annotators_wanted=40)

    def counts() -> list[int]:
        with study.database.reading() as connection:
            query = select(trials.c.first_image, func.count()).group_by(trials.c.first_image)
            known = {image: count for image, count in connection.execute(query)}
        return [known.get(image, 0) for image in range(80)]

    for person in range(25):
        begin(come(study, f"p{person}"))
    for kind in (counts()[:40], counts()[40:]):
        assert max(kind) - min(kind) <= 1
    # Who was timed out has seen nothing, so what was planned for them is free for others.
    with study.database.writing() as connection:
        connection.execute(update(sessions).values(state="timed out"))
        assert not Admission(study, connection)._shown()
