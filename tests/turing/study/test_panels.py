"""People who come from Prolific and Mechanical Turk, over HTTP."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest
from sqlalchemy import select

from convergan.turing.owner import close_person, people
from convergan.turing.study.recruitment import MTURK, PREVIEW
from convergan.turing.study.schema import sessions
from tests.turing.serving import Make, Person, Serve, Server, served

pytestmark = pytest.mark.slow

ADAPTERS = ("prolific", "mturk")


def address(adapter: str, who: str, visit: str = "V1") -> str:
    """Return the link by which a panel sends somebody."""
    parameters = {
        "prolific": {"PROLIFIC_PID": who, "STUDY_ID": "S1", "SESSION_ID": visit},
        "mturk": {
            "assignmentId": visit,
            "hitId": "H1",
            "workerId": who,
            "turkSubmitTo": "https://www.mturk.com",
        },
    }[adapter]
    return f"/{adapter}?{urlencode(parameters)}"


def arrive(server: Server, adapter: str, who: str, visit: str = "V1") -> Person:
    client = server.client()
    reply = client.get(address(adapter, who, visit))
    assert reply.status_code == 303, reply.text
    return Person(client, reply.headers["location"].partition("#")[0])


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_whoever_comes_again_goes_on_and_gets_one_code(adapter: str, serve: Serve) -> None:
    server = serve(recruiter=adapter)
    first = arrive(server, adapter, "ANN")
    found = first.begin()
    first.answer(found["trials"][0], "real")
    again = arrive(server, adapter, "ANN")
    assert (again.place, again.state()["answered"]) == (first.place, 1)
    end = again.finish()
    assert first.state() == arrive(server, adapter, "ANN").state() == end
    assert arrive(server, adapter, "BOB").place != first.place
    people = server.owner().get("/owner/api/people").json()["people"]
    assert people[0]["completion_code"] == end["completion"]["code"]


def test_the_way_back_to_prolific_is_there_when_all_is_done(serve: Serve) -> None:
    server = serve(recruiter="prolific")
    person = arrive(server, "prolific", "ANN")
    assert person.begin()["completion"] is None
    completion = person.finish()["completion"]
    assert completion["return"] == {
        "method": "GET",
        "url": "https://app.prolific.com/submissions/complete",
        "fields": {"cc": completion["code"]},
    }


def test_the_assignment_of_mturk_is_in_the_address_alone(make: Make, tmp_path: Path) -> None:
    study, token = make(recruiter="mturk")
    with served(study, token) as server:
        person = arrive(server, "mturk", "ANN", "FIRST-VISIT")
        person.begin()
        again = server.client().get(address("mturk", "ANN", "LAST-VISIT"))
        assert again.headers["location"] == f"{person.place}#LAST-VISIT"
        completion = person.finish()["completion"]
    assert completion["return"] == {
        "method": "POST",
        "url": "https://www.mturk.com/mturk/externalSubmit",
        "fields": {"code": completion["code"]},
    }
    with study.database.reading() as connection:
        (row,) = connection.execute(select(sessions)).all()
    assert "VISIT" not in repr(row)
    assert not any(b"-VISIT" in file.read_bytes() for file in (tmp_path / "study").iterdir())


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_whoever_returned_has_no_session_and_no_code(adapter: str, serve: Serve) -> None:
    server = serve(recruiter=adapter, annotators_wanted=1)
    person = arrive(server, adapter, "ANN")
    trial = person.begin()["trials"][0]
    full = server.client().get(address(adapter, "BOB"))
    assert (full.status_code, "all the people" in full.text) == (403, True)
    close_person(server.study, people(server.study)[0]["alias"], "returned")
    assert person.answer(trial, "real").status_code == 409
    assert arrive(server, adapter, "ANN").state()["stage"] == "closed"
    assert arrive(server, adapter, "BOB").begin()["stage"] == "trials"


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_answer_after_the_time_is_refused_and_the_place_is_free(
    adapter: str, make: Make
) -> None:
    study, token = make(recruiter=adapter, annotators_wanted=1, minutes=10)
    late = 0.0
    before = study.clock
    with served(replace(study, clock=lambda: before() + late), token) as server:
        person = arrive(server, adapter, "ANN")
        trial = person.begin()["trials"][0]
        late = 601.0
        assert person.answer(trial, "real").status_code == 409
        assert arrive(server, adapter, "BOB").begin()["stage"] == "trials"
        assert person.state()["stage"] == "closed"


def test_a_preview_shows_the_task_and_makes_no_session(serve: Serve) -> None:
    server = serve(recruiter="mturk")
    reply = server.client().get(f"/mturk?assignmentId={PREVIEW}&hitId=H1")
    assert (reply.status_code, 'name="preview" content="single"' in reply.text) == (200, True)
    assert server.owner().get("/owner/api/people").json() == {"people": []}


@pytest.mark.parametrize(
    "link",
    [
        "/prolific",
        "/prolific?PROLIFIC_PID=ANN&STUDY_ID=S1",
        "/prolific?PROLIFIC_PID={{%25PROLIFIC_PID%25}}&STUDY_ID=S1&SESSION_ID=V1",
        "/mturk?assignmentId=V1&hitId=H1&workerId=ANN",
        "/mturk?assignmentId=V1&hitId=H1&workerId=ANN&turkSubmitTo=https://evil.example",
    ],
)
def test_a_wrong_link_is_a_page_that_repeats_nothing_of_it(link: str, serve: Serve) -> None:
    adapter = link.removeprefix("/").split("?")[0]
    server = serve(recruiter=adapter)
    reply = server.client().get(link)
    assert (reply.status_code, reply.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "This link is not complete." in reply.text
    assert not any(part in reply.text for part in ("evil", "ANN", "PROLIFIC_PID"))
    assert server.owner().get("/owner/api/people").json() == {"people": []}


def directives(reply: httpx2.Response) -> dict[str, str]:
    """Return the values of the page's policy by name."""
    policy = reply.headers["content-security-policy"]
    return dict(directive.split(" ", 1) for directive in policy.split("; "))


def test_only_pages_for_mturk_may_be_framed(serve: Serve) -> None:
    server = serve(recruiter="mturk")
    client = server.client()
    framed = " ".join(MTURK.frames)
    place = arrive(server, "mturk", "ANN").place
    for link in (place, f"/mturk?assignmentId={PREVIEW}", "/mturk"):
        assert directives(client.get(link))["frame-ancestors"] == framed
    for link in ("/owner", "/join/x", "/prolific", "/nowhere", f"{place}/state"):
        assert directives(client.get(link))["frame-ancestors"] == "'none'"
    assert directives(client.get(place))["form-action"] == f"'self' {' '.join(MTURK.forms)}"
