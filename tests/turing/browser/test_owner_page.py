"""The owner before the dashboard."""

import csv
import json
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.turing.browser.person import Person, Visit
from tests.turing.serving import Serve, Server

pytestmark = pytest.mark.slow


def enter(server: Server, context: BrowserContext, visit: Visit) -> Person:
    person = visit(context, f"{server.url}/owner")
    person.sees("enter")
    person.page.fill("#token", server.token)
    person.page.keyboard.press("Enter")
    expect(person.page.locator("#dashboard")).to_be_visible()
    return person


def figure(page: Page, name: str) -> str:
    """Return the value that stands under a name."""
    return page.locator("#figures > div", has_text=name).locator("dd").first.inner_text()


def test_only_the_token_opens_the_dashboard(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve()
    person = visit(context, f"{server.url}/owner")
    person.sees("enter")
    person.page.fill("#token", "wrong")
    person.page.keyboard.press("Enter")
    expect(person.page.locator("#token-hint")).to_contain_text("not that of this study")
    assert person.page.locator("#dashboard").is_hidden()
    person.page.fill("#token", server.token)
    person.page.keyboard.press("Enter")
    expect(person.page.locator("#dashboard")).to_be_visible()
    assert server.token not in person.page.url
    person.page.reload()
    expect(person.page.locator("#dashboard")).to_be_visible()
    person.click("sign-out")
    person.page.reload()
    person.sees("enter")


def test_the_dashboard_follows_the_study(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(trials=20, feedback="split", annotators_wanted=4)
    person = enter(server, context, visit)
    page = person.page
    assert figure(page, "Finished") == "0 of 4"
    assert page.locator("#nobody").is_visible()
    annotators = [server.join() for _ in range(4)]
    for number, annotator in enumerate(annotators[:3]):
        annotator.begin()
        annotator.finish("real" if number else "generated")
    expect(page.locator("#people tr")).to_have_count(4, timeout=10000)
    expect(page.locator("#figures")).to_contain_text("3 of 4", timeout=10000)
    assert figure(page, "Votes") == "60"
    assert figure(page, "Error") == "–"  # who always answers the same does not count
    assert page.locator("#curve circle").count() > 0
    assert page.locator("#curve rect").count() > 0  # the arm with feedback
    assert (
        page.locator("#curve-table tr").count()
        == 1 + page.locator("#curve circle, #curve rect").count()
    )
    person.keep(page, "dashboard")


def test_a_person_is_deleted_after_a_question(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve()
    for _ in range(2):
        annotator = server.join()
        annotator.begin()
        annotator.finish()
    person = enter(server, context, visit)
    page = person.page
    rows = page.locator("#people tr")
    expect(rows).to_have_count(2)
    gone = rows.first.locator("th").inner_text()
    rows.first.get_by_role("button", name="Delete").click()
    person.sees("confirm")
    person.click("confirm-no")
    expect(rows).to_have_count(2)
    rows.first.get_by_role("button", name="Delete").click()
    page.locator("#confirm-actions button").click()
    expect(rows).to_have_count(1)
    assert rows.first.locator("th").inner_text() != gone
    assert person.reads("live") == f"{gone} was deleted."
    people = server.owner().get("/owner/api/people").json()["people"]
    assert [one["alias"] for one in people] == [rows.first.locator("th").inner_text()]


def test_a_session_under_way_is_closed(serve: Serve, context: BrowserContext, visit: Visit) -> None:
    server = serve()
    begun = server.join()
    begun.begin()
    finished = server.join()
    finished.begin()
    finished.finish()
    person = enter(server, context, visit)
    rows = person.page.locator("#people tr")
    expect(rows).to_have_count(2)
    assert rows.nth(1).get_by_role("button").all_inner_texts() == ["Delete"]
    assert rows.first.get_by_role("button").all_inner_texts() == ["Close", "Reopen", "Delete"]
    rows.first.get_by_role("button", name="Close").click()
    person.sees("confirm")
    person.page.get_by_role("button", name="Returned").click()
    expect(rows.first).to_contain_text("returned")
    states = [one["state"] for one in server.owner().get("/owner/api/people").json()["people"]]
    assert states == ["returned", "done"]
    rows.first.get_by_role("button", name="Reopen").click()
    expect(person.page.locator("#confirm-text")).to_contain_text(f"{server.url}{begun.place}")
    person.sees("confirm")
    person.page.locator("#confirm-no").click()
    expect(rows.first).to_contain_text("open")
    assert begun.finish()["stage"] == "done"


def test_a_study_is_stopped_and_started(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve()
    person = enter(server, context, visit)
    person.click("stop")
    expect(person.page.locator("#state")).to_have_text("stopped")
    link = server.link()
    assert server.client().get(link).status_code == 403
    person.click("start")
    expect(person.page.locator("#state")).to_have_text("takes people")
    assert server.client().get(link).status_code == 303


def test_links_are_made_and_copied(serve: Serve, context: BrowserContext, visit: Visit) -> None:
    server = serve()
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    person = enter(server, context, visit)
    page = person.page
    page.fill("#count", "3")
    page.check("#pilot")
    page.get_by_role("button", name="Make links").click()
    expect(page.locator("#link-list li")).to_have_count(3)
    person.click("copy-all")
    expect(page.locator("#copied")).to_have_text("Copied.")
    person.keep(page, "links")
    links = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert links == page.locator("#link-list li").all_inner_texts()
    assert [server.client().get(link).status_code for link in links] == [303] * 3
    found = server.owner().get("/owner/api/people").json()["people"]
    assert [one["pilot"] for one in found] == [True] * 3


def test_votes_and_results_are_saved_as_files(
    serve: Serve, context: BrowserContext, visit: Visit, tmp_path: Path
) -> None:
    server = serve()
    annotator = server.join()
    annotator.begin()
    annotator.finish()
    person = enter(server, context, visit)
    for button, name in (("export", "votes.csv"), ("results", "results.json")):
        with person.page.expect_download() as download:
            person.click(button)
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
    with (tmp_path / "votes.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5
    assert json.loads((tmp_path / "results.json").read_text())
