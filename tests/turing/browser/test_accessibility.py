"""An automated scan of every stage, in light and dark, and what it cannot see."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text

from tests.turing import serving
from tests.turing.browser.person import QUESTIONS, Visit
from tests.turing.serving import Serve

FOUND = importlib.util.find_spec("axe_playwright_python")
SERIOUS = ("serious", "critical")
LOGO = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63680000000082008177cd72b60000000049454e44ae426082"
)
"""A PNG of one pixel."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FOUND is None, reason="axe-playwright-python is not installed"),
]


def findings(page: Page) -> list[str]:
    """Return the serious findings of a scan of what is shown."""
    assert FOUND is not None and FOUND.origin is not None
    page.evaluate(
        Path(FOUND.origin).with_name("axe.min.js").read_text()
    )  # beside the page's policy
    scan: dict[str, Any] = page.evaluate("axe.run()")
    assert scan["passes"]
    return [
        f"{found['id']}: {node['html']}"
        for found in scan["violations"]
        if found["impact"] in SERIOUS
        for node in found["nodes"]
    ]


def test_the_scan_finds_what_is_wrong(context: BrowserContext) -> None:
    page = context.new_page()
    page.set_content("<title>x</title><main><img src='/x.png'><button></button></main>")
    assert {found.split(":")[0] for found in findings(page)} >= {"image-alt", "button-name"}


@pytest.mark.parametrize(
    ("protocol", "scheme", "language"),
    [
        ("single", "light", "en"),
        ("pair", "dark", "de"),
        pytest.param("timed", "light", "de", marks=pytest.mark.nightly),
        # The schemes differ in colors alone, and a pair's pages show all of these.
        pytest.param("single", "dark", "de", marks=pytest.mark.nightly),
        pytest.param("pair", "light", "en", marks=pytest.mark.nightly),
        pytest.param("timed", "dark", "en", marks=pytest.mark.nightly),
    ],
)
def test_no_stage_of_a_session_has_a_serious_finding(
    protocol: str, scheme: Any, language: str, serve: Serve, browser: Browser, visit: Visit
) -> None:
    feedback = "off" if protocol == "single" else "on"
    fixed = {"language": language, "title": "A study", "logo": LOGO}
    server = serve(protocol=protocol, feedback=feedback, trials=2, attention=0, scale=8, **fixed)
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    person = visit(context, server.link())
    page = person.page
    person.sees("consent")
    assert findings(page) == []
    if protocol == "timed":
        assert page.locator("#reduced").is_visible()
    person.agrees()
    person.sees("intro")
    assert findings(page) == []
    person.practises()
    person.is_asked()
    assert findings(page) == []
    person.click("open-settings")
    assert findings(page) == []
    person.click("close-settings")
    person.click("open-withdraw")
    assert findings(page) == []
    person.click("stay")
    person.answers("left")
    if feedback == "on":
        person.sees("feedback")
        assert findings(page) == []
    rest = serving.Person(server.client(), page.url.removeprefix(server.url))
    rest.finish("left" if protocol == "pair" else "real")
    page.reload()
    person.sees("thanks")
    assert findings(page) == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_owners_page_and_messages_have_no_serious_finding(
    scheme: Any, serve: Serve, browser: Browser, visit: Visit
) -> None:
    server = serve(feedback="split")
    for _ in range(2):
        annotator = server.join()
        annotator.begin()
        annotator.finish()
    context = browser.new_context(color_scheme=scheme)
    person = visit(context, f"{server.url}/owner")
    page = person.page
    person.sees("enter")
    assert findings(page) == []
    page.fill("#token", server.token)
    page.keyboard.press("Enter")
    person.sees("dashboard")
    page.get_by_role("button", name="Make links").click()
    expect(page.locator("#links")).to_be_visible()
    page.locator("summary").click()
    assert findings(page) == []
    page.get_by_role("button", name="Delete").first.click()
    assert findings(page) == []
    page.goto(f"{server.url}/join/forged")
    person.keep(page, "message")
    assert findings(page) == []
    link = server.link()
    with server.study.database.writing() as connection:
        connection.execute(text("ALTER TABLE invitations RENAME TO others"))
    page.goto(link)
    expect(page.get_by_role("link", name="Try again")).to_be_visible()
    person.keep(page, "unavailable")
    assert findings(page) == []
    context.close()


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "de")])
def test_the_owners_questions_have_no_serious_finding(
    scheme: Any, language: str, serve: Serve, browser: Browser, visit: Visit
) -> None:
    server = serve(questions=QUESTIONS, language=language, trials=2, attention=0)
    context = browser.new_context(color_scheme=scheme)
    person = visit(context, server.link())
    person.agrees()
    person.sees("questions")
    assert findings(person.page) == []
    context.close()


def test_a_page_at_double_zoom_needs_no_scrolling_to_the_side(
    serve: Serve, browser: Browser, visit: Visit
) -> None:
    server = serve(protocol="pair", scale=40)
    context = browser.new_context(viewport={"width": 600, "height": 400}, device_scale_factor=2)
    person = visit(context, server.link())
    person.begins()
    assert person.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_focus_is_seen(serve: Serve, context: BrowserContext, visit: Visit) -> None:
    server = serve(scale=8)
    person = visit(context, server.link())
    person.begins()
    person.page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineWidth"
    assert person.page.evaluate("document.activeElement.tagName") == "BUTTON"
    assert person.page.evaluate(outline) == "3px"
