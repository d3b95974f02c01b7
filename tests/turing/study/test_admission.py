"""Who gets a place, and how people are shared out."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import func, select, update

from convergan.turing.owner import invite, people, summary
from convergan.turing.study import schema
from convergan.turing.study.admission import Admission, join_by_invitation, join_from_panel
from convergan.turing.study.recruitment import Arrival
from convergan.turing.study.schema import sessions, trials
from convergan.turing.study.sessions import Session
from convergan.web.replies import RefusedError
from tests.turing.serving import Make
from tests.turing.session_steps import begin, come


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


def test_who_only_looked_and_comes_back_after_the_time_out_can_begin(make: Make) -> None:
    study, _ = make(annotators_wanted=1, minutes=30)
    first, second = (link.rsplit("/")[-1] for link in invite(study, "", 2, 7))
    session = join_by_invitation(study, first)
    later = replace(study, clock=lambda: study.clock() + 3600)
    assert Session(later, session).state()["stage"] == "closed"
    assert join_by_invitation(later, first) == session
    begin(Session(later, session))
    with pytest.raises(RefusedError, match="all the people"):
        join_by_invitation(later, second)
    latest = replace(study, clock=lambda: study.clock() + 7200)
    begin(Session(latest, join_by_invitation(latest, second)))
    with pytest.raises(RefusedError, match="has been used"):
        join_by_invitation(latest, first)


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
    planned = Session(study, came[0]).state()["total"]
    for session in came:
        begin(Session(study, session))
        assert Session(study, session).state()["total"] == planned
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
    join_from_panel(study, arrival("ann"))

    def plan() -> tuple[list[int], set[str]]:
        with study.database.reading() as connection:
            rows = connection.execute(select(schema.trials).order_by("position")).all()
        return [row.first_image for row in rows], {row.first_view for row in rows}

    images, views = plan()
    with study.database.writing() as connection:
        connection.execute(schema.trials.delete())
        connection.execute(schema.sessions.delete())
    join_from_panel(study, arrival("ben"))
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
