"""A panel's frame: another site, which may only frame us, and to which the last form goes."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode

import pytest
from playwright.sync_api import BrowserContext, Frame, expect

from convergan.turing.study.recruitment import PREVIEW, Panel
from tests.turing.browser.person import Visit, recorded
from tests.turing.serving import Serve, Server

pytestmark = pytest.mark.slow

SANDBOX = "allow-scripts allow-same-origin allow-forms allow-popups"
TURK = {"assignmentId": "3ABCD", "hitId": "3HIT", "workerId": "A1WORKER"}


class LocalPanel(ThreadingHTTPServer):
    """A site that shows what it is told to in a frame and notes the forms that come back."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.framed = ""
        self.forms: list[tuple[str, dict[str, list[str]]]] = []

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: LocalPanel

    def do_GET(self) -> None:  # noqa: N802 - the base's name
        source = self.server.framed.replace("&", "&amp;")
        page = f'<title>panel</title><iframe sandbox="{SANDBOX}" src="{source}"></iframe>'
        self._say(page.replace("<iframe", '<iframe width="1000" height="700"'))

    def do_POST(self) -> None:  # noqa: N802 - the base's name
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.forms.append((self.path, parse_qs(body)))
        self._say("<p>submitted</p>")

    def _say(self, page: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def panel() -> Iterator[LocalPanel]:
    """A panel on another host than ours and on another port."""
    with LocalPanel() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(serve: Serve, panel: LocalPanel) -> Server:
    allowed = Panel(frames=(panel.origin,), forms=(panel.origin,))
    return serve(allowed, recruiter="mturk", trials=2, attention=0, scale=8)


def address(server: Server, panel: LocalPanel, **others: str) -> str:
    return f"{server.url}/mturk?{urlencode({**TURK, 'turkSubmitTo': panel.origin, **others})}"


def test_a_session_in_a_frame_needs_no_cookies_and_no_storage(
    server: Server, panel: LocalPanel, context: BrowserContext, visit: Visit
) -> None:
    # What a browser does that blocks all storage of third parties.
    context.add_init_script("""
        const blocked = { get() { throw new DOMException("blocked", "SecurityError") } };
        for (const name of self === top ? [] : ["sessionStorage", "localStorage"])
            Object.defineProperty(self, name, blocked);
    """)
    panel.framed = address(server, panel)
    person = visit(context, panel.origin)
    inside = the_frame(person.page.frames)
    inside.locator("#agree").click()
    inside.locator("#practise").click()
    for side in ("left", "right"):
        judge(inside, side)
        inside.locator("#go-on").click()
    judge(inside, "left")
    wrong = inside.locator("#feedback.wrong")
    expect(inside.locator("#feedback")).to_be_visible()
    if wrong.count():
        inside.locator("#go-on").click()
        judge(inside, "right")
    inside.locator("#go-on").click()
    inside.locator("#begin").click()
    judge(inside, "left")
    person.page.reload()  # as the panel's page is when its people come back
    inside = the_frame(person.page.frames)
    judge(inside, "right")
    expect(inside.locator("#thanks")).to_be_visible()
    person.keep(person.page, "thanks")
    code = inside.locator("#code").inner_text()
    inside.get_by_role("button", name="Finish and go back").click()
    expect(inside.locator("body")).to_contain_text("submitted")
    assert panel.forms == [
        ("/mturk/externalSubmit", {"assignmentId": ["3ABCD"], "code": [code]}),
    ]
    assert [row.said_generated for row in recorded(server.study)] == [0, 1]
    assert context.cookies() == []


def test_a_preview_shows_the_task_and_makes_no_session(
    server: Server, panel: LocalPanel, context: BrowserContext, visit: Visit
) -> None:
    panel.framed = address(server, panel, assignmentId=PREVIEW)
    person = visit(context, panel.origin)
    inside = the_frame(person.page.frames)
    inside.locator("#practise").click()
    for side in ("left", "right"):
        judge(inside, side)
        inside.locator("#go-on").click()
    person.keep(person.page, "preview")
    judge(inside, "left")
    expect(inside.locator("#feedback")).to_be_visible()
    assert server.owner().get("/owner/api/people").json() == {"people": []}


def test_a_refusal_is_seen_in_the_frame(
    server: Server, panel: LocalPanel, context: BrowserContext, visit: Visit
) -> None:
    panel.framed = address(server, panel, turkSubmitTo="https://evil.example")
    person = visit(context, panel.origin)
    inside = person.page.frame_locator("iframe")
    expect(inside.locator("h1")).to_be_visible()
    expect(inside.locator("body")).to_contain_text("This link is not complete.")
    assert panel.forms == []


def test_no_other_site_can_frame_a_session(
    server: Server, panel: LocalPanel, context: BrowserContext
) -> None:
    with LocalPanel() as stranger:
        threading.Thread(target=stranger.serve_forever).start()
        stranger.framed = address(server, panel)
        page = context.new_page()
        with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
            page.goto(stranger.origin)
        stranger.shutdown()


def the_frame(frames: list[Frame]) -> Frame:
    (inside,) = frames[1:]
    inside.wait_for_selector("section:not([hidden]):not(#waiting)", timeout=20000)
    return inside


def judge(inside: Frame, side: str) -> None:
    inside.wait_for_selector("#left[aria-disabled=false]", timeout=20000)
    inside.locator(f"#{side}").click()
