"""People who leave the page and come back, and what they are told."""

import pytest
from playwright.sync_api import BrowserContext, expect

from convergan.turing.owner import close_person, people
from tests.turing.browser.person import Visit
from tests.turing.serving import Make, Serve, served
from tests.turing.serving import Person as Annotator
from tests.turing.session_steps import Hands

pytestmark = pytest.mark.slow


def test_an_invitation_leads_back_after_its_tab_was_closed(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    link, client = server.link(), server.client()
    before = Annotator(client, client.get(link).headers["location"])
    before.answer(before.begin()["trials"][0], "real")
    again = visit(context, link)
    again.is_asked()
    assert again.reads("progress-label") == "2 of 5"
    again.finishes(["left"] * 4)
    assert server.owner().get("/owner/api/summary").json()["people"] == {"done": 1}


def test_who_was_away_is_welcomed_back_and_goes_on_if_there_is_a_place(
    make: Make, context: BrowserContext, visit: Visit
) -> None:
    study, token = make(annotators_wanted=1, minutes=10, scale=8, contact="Ann, ann@lab.example")
    hands = Hands(study)
    with served(hands.study, token) as server:
        before = server.join()
        before.answer(before.begin()["trials"][0], "real")
        hands.wait(601)
        other = server.join()
        other.begin()
        person = visit(context, f"{server.url}{before.place}")
        person.sees("paused")
        text = person.reads("paused-text")
        assert "away for more than 10 minutes" in text and "answers that you gave (1)" in text
        person.click("resume")
        expect(person.page.locator("#paused-hint")).to_contain_text("all the people it needs")
        expect(person.page.locator("#paused-hint")).to_contain_text("ann@lab.example")
        other.post("withdraw", {})
        person.click("resume")
        person.is_asked()
        person.finishes(["left"] * 4)


def test_who_is_screened_out_on_prolific_gets_that_code_and_the_way_back(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(recruiter="prolific", scale=8)
    link = "/prolific?PROLIFIC_PID=5f1e&STUDY_ID=60aa&SESSION_ID=60ab"
    client = server.client()
    Annotator(client, client.get(link).headers["location"]).begin()
    close_person(server.study, people(server.study)[0]["alias"], "screened out")
    person = visit(context, f"{server.url}{link}")
    person.sees("thanks")
    assert person.reads("code") == "OUT-C2"
    back = person.page.locator("#return a")
    assert back.get_attribute("href") == "https://app.prolific.com/submissions/complete?cc=OUT-C2"
    assert "do not belong" in person.reads("thanks-text")


def test_contact_and_links_stand_with_the_consent_text(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    links = ("https://lab.example/data?a=1&b=2", "mailto:ann@lab.example")
    server = serve(contact="Ann <ann@lab.example>", links=links)
    person = visit(context, server.link())
    person.sees("consent")
    assert person.reads("contact-text") == "Ann <ann@lab.example>"
    found = person.page.locator("#links-list a")
    assert [one.get_attribute("href") for one in found.all()] == list(links)
    assert {one.get_attribute("rel") for one in found.all()} == {"noopener noreferrer"}
