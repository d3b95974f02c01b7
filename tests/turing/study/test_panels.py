"""People who come from Prolific and Mechanical Turk, over HTTP."""

from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest
from sqlalchemy import select

from convergan.turing.owner import close_person, list_people, people
from convergan.turing.people import ListedPerson
from convergan.turing.study.admission import MAX_WRONG_VISITS
from convergan.turing.study.recruitment import MTURK, PREVIEW
from convergan.turing.study.schema import sessions
from tests.turing.serving import Make, Person, Serve, Server, served
from tests.turing.session_steps import Hands

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
def test_whoever_comes_again_in_the_same_visit_goes_on(adapter: str, serve: Serve) -> None:
    server = serve(recruiter=adapter)
    first = arrive(server, adapter, "ANN")
    found = first.begin()
    first.answer(found["trials"][0], "real")
    again = arrive(server, adapter, "ANN")
    assert (again.place, again.state()["answered"]) == (first.place, 1)
    end = again.finish()
    assert first.state() == arrive(server, adapter, "ANN").state() == end
    assert arrive(server, adapter, "BOB").place != first.place
    person = server.owner().get("/owner/api/people").json()["people"][0]
    shown = person["panel_code"] if adapter == "prolific" else person["completion_code"]
    assert shown == end["completion"]["code"]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_somebodys_id_alone_opens_nothing_that_they_have_begun(adapter: str, serve: Serve) -> None:
    server = serve(recruiter=adapter, contact="Ann, ann@lab.example")
    mine = arrive(server, adapter, "ANN", "MINE")
    mine.begin()
    for number in range(MAX_WRONG_VISITS - 1):
        reply = server.client().get(address(adapter, "ANN", f"GUESS-{number}"))
        assert reply.status_code == 403 and "location" not in reply.headers
        assert "begun this study under this id already" in reply.text
        assert "If you have a question: Ann, ann@lab.example" in reply.text
        assert mine.place not in reply.text
    assert arrive(server, adapter, "ANN", "MINE").place == mine.place
    server.client().get(address(adapter, "ANN", "GUESS"))
    # After so many guesses a right one opens nothing either, and the person has their address.
    reply = server.client().get(address(adapter, "ANN", "MINE"))
    assert (reply.status_code, "location" in reply.headers) == (403, False)
    assert mine.finish()["stage"] == "done"


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_whoever_opens_somebodys_link_first_has_nothing_of_theirs(
    adapter: str, serve: Serve
) -> None:
    server = serve(recruiter=adapter)
    impostor = arrive(server, adapter, "ANN", "GUESS")
    mine = arrive(server, adapter, "ANN", "MINE")
    assert impostor.place != mine.place
    mine.begin()
    assert impostor.client.get(f"{impostor.place}/state").status_code == 404
    assert impostor.post("withdraw", {}).status_code == 404
    assert len(server.owner().get("/owner/api/people").json()["people"]) == 1
    assert mine.finish()["stage"] == "done"


def test_the_owner_lets_somebody_go_on_whose_visit_is_another(serve: Serve) -> None:
    server = serve(recruiter="prolific")
    mine = arrive(server, "prolific", "ANN", "FIRST")
    mine.begin()
    assert server.client().get(address("prolific", "ANN", "SECOND")).status_code == 403
    owner = server.owner()
    alias = owner.get("/owner/api/people").json()["people"][0]["alias"]
    link = owner.post(f"/owner/api/people/{alias}/reopen", json={}).json()["link"]
    assert link == f"{server.url}{mine.place}"
    mine.finish()
    again = owner.post(f"/owner/api/people/{alias}/reopen", json={})
    assert (again.status_code, "is done" in again.json()["error"]) == (409, True)


def test_invented_ids_fill_no_place_by_opening_links_nor_with_a_list_by_consent(
    make: Make,
) -> None:
    study, token = make(recruiter="prolific", annotators_wanted=8)
    list_people(study, [ListedPerson(f"REAL{number}") for number in range(8)], allow_only=True)
    with served(study, token) as server:
        invented = [arrive(server, "prolific", f"FALSE{number}") for number in range(8)]
        for person in invented:
            version = person.state()["consent"]["version"]
            refused = person.post("consent", {"version": version})
            assert refused.status_code == 403
            assert "only people whom the panel has sent" in refused.json()["error"]
        for number in range(8):
            assert arrive(server, "prolific", f"REAL{number}").begin()["stage"] == "trials"
        summary = server.owner().get("/owner/api/summary").json()
    assert summary["people"] == {"open": 8}


def test_a_list_with_submissions_lets_nobody_begin_in_another_visit(make: Make) -> None:
    study, token = make(recruiter="prolific")
    list_people(study, [ListedPerson("ANN", "MINE")], allow_only=True)
    with served(study, token) as server:
        impostor = arrive(server, "prolific", "ANN", "GUESS")
        version = impostor.state()["consent"]["version"]
        assert impostor.post("consent", {"version": version}).status_code == 403
        assert arrive(server, "prolific", "ANN", "MINE").begin()["stage"] == "trials"


def test_the_way_back_to_prolific_is_there_when_all_is_done(serve: Serve) -> None:
    server = serve(recruiter="prolific")
    person = arrive(server, "prolific", "ANN")
    assert person.begin()["completion"] is None
    completion = person.finish()["completion"]
    assert completion == {
        "code": "DONE-C1",
        "return": {
            "method": "GET",
            "url": "https://app.prolific.com/submissions/complete",
            "fields": {"cc": "DONE-C1"},
        },
    }


def test_the_assignment_of_mturk_is_in_the_address_alone(make: Make, tmp_path: Path) -> None:
    study, token = make(recruiter="mturk")
    with served(study, token) as server:
        person = arrive(server, "mturk", "ANN", "FIRST-VISIT")
        person.begin()
        again = server.client().get(address("mturk", "ANN", "FIRST-VISIT"))
        assert again.headers["location"] == f"{person.place}#FIRST-VISIT"
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
def test_who_is_away_loses_the_place_to_who_needs_it_and_is_told(adapter: str, make: Make) -> None:
    study, token = make(recruiter=adapter, annotators_wanted=1, minutes=10)
    hands = Hands(study)
    with served(hands.study, token) as server:
        person = arrive(server, adapter, "ANN")
        trial = person.begin()["trials"][0]
        hands.wait(601)
        assert person.state()["stage"] == "trials"
        other = arrive(server, adapter, "BOB")
        assert other.begin()["stage"] == "trials"
        assert person.answer(trial, "real").status_code == 409
        assert person.state()["stage"] == "paused"
        full = person.post("resume", {})
        assert (full.status_code, "all the people" in full.json()["error"]) == (403, True)
        other.post("withdraw", {})
        assert person.post("resume", {}).json()["stage"] == "trials"
        assert person.finish()["stage"] == "done"


def test_previews_take_no_place_however_many_there_are(serve: Serve) -> None:
    server = serve(recruiter="mturk", annotators_wanted=1)
    client = server.client()
    for number in range(5):
        link = f"/mturk?assignmentId={PREVIEW}&hitId=H1&workerId=W{number}"
        assert (client.get(link).status_code, client.head(link).status_code) == (200, 200)
        looked = address("mturk", f"LOOKS{number}")
        assert (client.head(looked).status_code, client.get(looked).status_code) == (200, 303)
    assert server.owner().get("/owner/api/summary").json()["people"] == {}
    assert arrive(server, "mturk", "ANN").begin()["stage"] == "trials"


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
