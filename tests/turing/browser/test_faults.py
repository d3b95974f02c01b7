"""Pictures that do not come, lines that break, pages that are loaded again, hands that are fast."""

from collections import Counter
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from sqlalchemy import func, select

from convergan.turing.study import schema
from convergan.turing.study.study import Study
from tests.turing.browser.person import Person, Visit, begun, recorded
from tests.turing.serving import Serve

pytestmark = pytest.mark.slow

PICTURES = "**/image/*"


def losses(study: Study) -> int:
    """Return how many trials were given up as technical losses."""
    lost = schema.trials.c.state == schema.LOST
    with study.database.reading() as connection:
        return connection.execute(select(func.count()).where(lost)).scalar_one()


def first_time(fault: Callable[[Route], None], asked: Counter[str]) -> Callable[[Route], None]:
    """Spoil the first reply of each address, pass the others on, and count them."""

    def handle(route: Route) -> None:
        asked[route.request.url] += 1
        if asked[route.request.url] == 1:
            fault(route)
        else:
            route.continue_()

    return handle


def cut_off(route: Route) -> None:
    reply = route.fetch()
    route.fulfill(status=200, content_type="image/webp", body=reply.body()[:-40])


def all_but_its_end(route: Route) -> None:
    """What browsers show as if it were whole."""
    reply = route.fetch()
    route.fulfill(status=200, content_type="image/webp", body=reply.body()[:-12])


def fails(route: Route) -> None:
    route.fulfill(status=500, body="")


def breaks(route: Route) -> None:
    route.abort("connectionreset")


def other_size(route: Route) -> None:
    """A whole PNG of 1 x 1 pixels."""
    route.fulfill(
        status=200,
        content_type="image/png",
        body=bytes.fromhex(
            "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
            "0000000a49444154789c63680000000082008177cd72b60000000049454e44ae426082"
        ),
    )


@pytest.mark.parametrize("fault", [cut_off, all_but_its_end, fails, breaks, other_size])
def test_a_picture_that_fails_once_is_loaded_again(
    fault: Callable[[Route], None], serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(trials=2, scale=8)
    asked: Counter[str] = Counter()
    context.route(PICTURES, first_time(fault, asked))
    person = visit(context, begun(server))
    whole = "them => them.every(one => one.naturalWidth === 8 && one.naturalHeight === 8)"
    for _ in range(3):
        person.is_asked()
        assert person.page.locator("#surround img").evaluate_all(whole)
        person.answers("left")
    person.sees("thanks")
    assert (len(recorded(server.study)), losses(server.study)) == (3, 0)
    assert list(asked.values()) == [2, 2, 2]


def test_a_picture_that_never_comes_is_a_technical_loss_and_no_vote(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(trials=2, attention=0, scale=8)
    spoilt: list[str] = []

    def spoil(route: Route) -> None:
        spoilt[:] = spoilt or [route.request.url]
        cut_off(route) if route.request.url == spoilt[0] else route.continue_()

    context.route(PICTURES, spoil)
    person = visit(context, begun(server))
    person.finishes(["left", "left"])
    assert (len(recorded(server.study)), losses(server.study)) == (2, 1)
    assert person.page.locator("#banner").is_hidden()


def test_the_next_picture_comes_while_the_first_is_judged(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    person = visit(context, begun(server))

    def pictures(wanted: int) -> list[str]:
        """Return the pictures asked for, once there are as many as wanted."""
        for _ in range(200):
            found = [url for url in asked if "/image/" in url]
            if len(found) >= wanted:
                break
            person.page.wait_for_timeout(50)
        return found

    person.is_asked()
    first = pictures(2)
    person.answers("left")
    person.is_asked()
    both = pictures(3)
    assert (len(first), len(both), len(set(both))) == (2, 3, 3)


def test_a_page_on_which_no_picture_can_be_shown_says_so(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    context.route(PICTURES, fails)
    refusal = '{"error":"Too many pictures could not be shown; please tell the owner."}'
    context.route(
        "**/technical",
        lambda route: route.fulfill(status=409, body=refusal, content_type="application/json"),
    )
    person = visit(context, begun(server))
    person.sees("closed")
    assert person.reads("closed-text").startswith("Too many pictures")


def test_on_a_slow_line_the_clock_waits_for_the_picture(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(trials=2, attention=0, scale=8)
    person = visit(context, server.link())
    person.agrees()
    line = context.new_cdp_session(person.page)
    speed = {"downloadThroughput": 20_000, "uploadThroughput": 20_000}
    line.send("Network.emulateNetworkConditions", {"offline": False, "latency": 1500, **speed})
    person.practises()
    person.sees("task")
    assert person.page.locator("#left").get_attribute("aria-disabled") == "true"
    person.page.keyboard.press("f")  # before there is anything to see
    person.finishes(["left", "right"])
    first, second = recorded(server.study)
    assert (first.ignored, second.ignored) == (1, 0)
    assert first.reaction_ms < 1500  # less than the picture took


def test_while_a_picture_is_loaded_the_panel_says_so(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(trials=4, attention=0, scale=8)
    held: list[Route] = []
    asked = Counter[str]()

    def hold(route: Route) -> None:
        asked[route.request.url] += 1
        held.append(route) if len(asked) > 1 else route.continue_()

    context.route(PICTURES, hold)
    person = visit(context, begun(server))
    person.answers("left")
    expect(person.page.locator("#progress-label")).to_have_text("2 of 4")
    expect(person.page.locator("#surround .loading")).to_be_visible()
    person.keep(person.page, "loading")
    assert person.page.locator("#surround img").count() == 0
    assert person.page.locator("#left").get_attribute("aria-disabled") == "true"
    held[0].continue_()
    person.is_asked()
    assert person.page.locator("#surround img").count() == 1
    assert person.page.locator("#surround .loading").count() == 0


@pytest.mark.nightly
def test_a_loaded_page_goes_on_where_it_was(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    person = visit(context, server.link())
    page = person.page
    person.sees("consent")
    page.reload()
    person.agrees()
    person.sees("intro")
    page.reload()
    person.practises()
    person.answers("left")
    person.is_asked()
    page.reload()
    person.is_asked()
    assert person.reads("progress-label") == "2 of 5"
    page.goto("about:blank")
    page.go_back()
    person.is_asked()
    assert person.reads("progress-label") == "2 of 5"
    person.finishes(["left"] * 4)
    code = person.reads("code")
    page.reload()
    person.sees("thanks")
    assert person.reads("code") == code
    assert len(recorded(server.study)) == 5


def test_of_two_tabs_the_first_answer_counts(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    first = visit(context, begun(server))
    second = visit(context, first.page.url)
    second.is_asked()
    first.answers("left")
    first.answers("left")
    first.is_asked()
    second.answers("right")  # to the first trial, which has its answer
    second.is_asked()
    assert second.reads("progress-label") in ("2 of 5", "3 of 5")
    finish(second, "right")
    rows = recorded(server.study)
    assert [row.said_generated for row in rows] == [0, 0, 1, 1, 1]
    finish(first, "left")  # with trials that it had loaded; they have their answers
    assert recorded(server.study) == rows
    assert first.reads("code") == second.reads("code")


def test_a_tab_that_is_seen_again_goes_on_where_the_other_is(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    first = visit(context, begun(server))
    first.is_asked()
    second = visit(context, first.page.url)
    second.answers("left")
    second.answers("left")
    second.is_asked()
    first.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(first.page.locator("#progress-label")).to_have_text("3 of 5")


def test_a_page_with_another_form_token_says_so(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    person = visit(context, begun(server))
    person.is_asked()
    person.page.evaluate("document.querySelector('meta[name=form-token]').content = 'other'")
    person.click("left")
    person.sees("closed")
    assert "reload" in person.reads("closed-text")
    assert recorded(server.study) == []


def finish(person: Person, side: str) -> None:
    """Answer whatever a tab still asks."""
    there = person.page.locator("#thanks, #left[aria-disabled=false]")
    while not person.page.locator("#thanks").is_visible():
        expect(there.first).to_be_visible()
        if not person.page.locator("#thanks").is_visible():
            person.click(side)


def test_without_a_line_the_answer_is_kept_and_sent_later(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(trials=2, attention=0, scale=8)
    person = visit(context, begun(server))
    person.answers("left")
    person.is_asked()
    context.set_offline(True)
    person.answers("right")
    expect(person.page.locator("#banner")).to_contain_text("Your answer is kept")
    person.keep(person.page, "offline")
    assert len(recorded(server.study)) == 1
    context.set_offline(False)
    person.sees("thanks")
    assert person.page.locator("#banner").is_hidden()
    assert [row.said_generated for row in recorded(server.study)] == [0, 1]


def test_an_answer_on_its_way_outlives_the_page(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(trials=2, attention=0, scale=8)
    person = visit(context, begun(server))
    context.route("**/answers", lambda route: route.abort("connectionreset"))
    person.answers("right")
    expect(person.page.locator("#banner")).to_be_visible()
    context.unroute("**/answers")
    context.route("**/answers", lambda route: route.abort("connectionreset"), times=1)
    person.page.reload()
    person.is_asked()
    assert person.reads("progress-label") == "2 of 2"
    assert [row.said_generated for row in recorded(server.study)] == [1]


def test_presses_too_many_are_ignored_and_counted(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(trials=2, attention=0, scale=8)
    person = visit(context, begun(server))
    page = person.page
    page.locator("#left").dblclick()
    person.is_asked()
    page.keyboard.press("Control+f")  # which is the browser's
    hammer(page)  # presses that come before the reply
    person.sees("thanks")
    first, second = recorded(server.study)
    assert (first.ignored, second.ignored) == (0, 1 + 4)
    assert (first.said_generated, second.said_generated) == (False, True)


def hammer(page: Page) -> None:
    """Press a key so often that some presses come before the reply."""
    page.evaluate("""() => {
        for (let time = 0; time < 5; time++)
            dispatchEvent(new KeyboardEvent("keydown", { key: "j", code: "KeyJ" }));
    }""")


def test_feedback_stays_until_a_second_deliberate_press(
    serve: Serve, phone: BrowserContext, visit: Visit
) -> None:
    server = serve(feedback="on", trials=4, attention=0, scale=8)
    person = visit(phone, begun(server))
    page, feedback, go_on = person.page, person.page.locator("#feedback"), "#go-on"

    def stays() -> None:
        page.wait_for_timeout(50)
        expect(feedback).to_be_visible()

    person.is_asked()
    page.tap("#right")
    expect(feedback).to_be_visible()
    page.tap(go_on, force=True)  # the second of a double tap
    stays()
    page.wait_for_timeout(400)
    page.tap(go_on)
    page.tap("#left", force=True)  # the second of another
    expect(person.page.locator("#progress-label")).to_have_text("2 of 4")
    person.is_asked()
    page.keyboard.press("f")
    expect(feedback).to_be_visible()
    page.keyboard.down("Enter")
    stays()
    page.wait_for_timeout(400)
    page.keyboard.down("Enter")  # is still held, and repeats
    stays()
    page.keyboard.up("Enter")
    page.keyboard.press("Enter")
    person.is_asked()
    assert [row.ignored for row in recorded(server.study)] == [0, 1]
