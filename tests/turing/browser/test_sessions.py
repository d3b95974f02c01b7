"""Whole sessions of all protocols, by keyboard, mouse and touch."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from convergan.turing.owner import read_votes
from convergan.turing.study.schema import answers, responses, trials
from convergan.turing.study.study import Study
from tests.turing.browser.person import QUESTIONS, Visit, recorded
from tests.turing.serving import Serve

pytestmark = pytest.mark.slow


def tab_to(page: Page, name: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(20):
        if page.evaluate("document.activeElement?.id") == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {name}")


def test_a_session_needs_the_keyboard_alone(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    person = visit(context, server.link())
    page = person.page

    def enter(name: str) -> None:
        tab_to(page, name)
        page.keyboard.press("Enter")

    def go_on() -> None:
        person.sees("feedback")
        page.wait_for_selector("#go-on[aria-disabled=false]")
        page.keyboard.press("Enter")  # the focus is where one goes on

    person.sees("consent")
    enter("agree")
    person.sees("intro")
    enter("practise")
    for key in ("f", "j"):
        person.is_asked()
        page.keyboard.press(key)
        go_on()
    person.is_asked()
    page.keyboard.press("f")
    person.sees("feedback")
    wrong = page.locator("#feedback.wrong").count() == 1
    go_on()
    if wrong:
        person.is_asked()
        page.keyboard.press("j")
        go_on()
    person.sees("ready")
    enter("begin")
    for key in "fjFJf":
        person.is_asked()
        person.keep(page, "trial")
        page.keyboard.press(key)
    person.sees("thanks")
    assert [row.said_generated for row in recorded(server.study)] == [0, 1, 0, 1, 0]
    assert len(person.reads("code")) == 10


def test_a_session_goes_by_touch_on_a_phone(
    serve: Serve, phone: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=64)
    person = visit(phone, server.link())

    def tap(side: str) -> None:
        person.page.locator(f"#{side}").tap()

    person.begins(tap)
    page = person.page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = page.locator("#right").bounding_box()
    assert box is not None and box["height"] >= 44 and box["y"] + box["height"] <= 780
    person.finishes(["left", "right", "left", "right", "left"], tap)
    screens = [row.screen for row in recorded(server.study)]
    assert {(screen["width"], screen["height"], screen["ratio"]) for screen in screens} == {
        (390, 780, 2)
    }
    assert all(screen["shown_px"] < 390 for screen in screens)
    assert all((2 * screen["shown_px"]) % 8 == 0 for screen in screens)  # whole device pixels


@pytest.mark.nightly
def test_of_a_pair_one_is_chosen_by_arrow_keys(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(protocol="pair", scale=8)
    person = visit(context, server.link())

    def arrow(side: str) -> None:
        person.page.keyboard.press({"left": "ArrowLeft", "right": "ArrowRight"}[side])

    person.begins(arrow)
    assert person.page.locator("#surround img").count() == 2
    assert person.page.locator("#surround img").evaluate_all(
        "them => them.map(one => one.alt)"
    ) == [
        "image to judge",
        "image to judge",
    ]
    person.keep(person.page, "trial")
    person.finishes(["left", "right", "right", "left", "left"], arrow)
    assert [row.said_generated for row in recorded(server.study)] == [1, 0, 0, 1, 1]


def test_a_pair_is_stacked_on_a_phone(serve: Serve, phone: BrowserContext, visit: Visit) -> None:
    server = serve(protocol="pair", scale=40)
    person = visit(phone, server.link())
    person.begins()
    person.keep(person.page, "trial")
    above, below = (image.bounding_box() for image in person.page.locator("#surround img").all())
    assert above is not None and below is not None
    assert above["y"] + above["height"] <= below["y"]
    box = person.page.locator("#right").bounding_box()
    assert box is not None and box["y"] + box["height"] <= 780


def test_a_timed_image_is_seen_for_its_exposure_and_then_masked(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(protocol="timed", feedback="on", trials=2, attention=0, scale=8)
    person = visit(context, server.link())
    page = person.page
    person.sees("consent")
    person.click("agree")  # without a word on flicker
    expect(page.locator("#consent-hint")).to_contain_text("flicker")
    person.agrees()
    person.practises()
    # What the grey area holds, from now on, in its order.
    page.evaluate("""() => {
        window.seen = [];
        new MutationObserver(() => {
            const first = document.querySelector("#surround :is(p, img, canvas)");
            const text = first?.tagName === "P" ? first.textContent : "";
            window.seen.push(first === null ? "-" : first.tagName + text);
        }).observe(document.querySelector("#surround"), { childList: true });
    }""")
    expect(page.locator("#surround .count")).to_have_count(1)
    person.keep(page, "countdown")
    for _ in range(6):
        person.answers("left")
        person.sees("feedback")
        person.click("go-on")
    person.sees("thanks")
    once = ["P3", "P2", "P1", "-", "IMG", "CANVAS", "CANVAS", "CANVAS", "CANVAS", "-"]
    seen = page.evaluate("window.seen")
    assert seen[seen.index("P3", 1) :][: len(once)] == once
    rows = recorded(server.study)
    assert len(rows) == 6
    for row, asked in zip(rows, exposures(server.study), strict=True):
        assert asked - 20 < row.shown_ms < asked + 200  # a busy machine drops frames
        assert row.reaction_ms >= row.shown_ms + 120 - 20  # not before the masks are over


def exposures(study: Study) -> list[float]:
    """Return what was asked of each answered trial, in ms."""
    query = select(trials.c.exposure_ms).join(answers, answers.c.trial == trials.c.id)
    with study.database.reading() as connection:
        return list(connection.execute(query.order_by(answers.c.at)).scalars())


def test_with_feedback_people_are_told_and_see_their_mistakes(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(feedback="on", attention=0, scale=8)
    person = visit(context, server.link())
    person.begins()
    told = []
    for _ in range(4):
        person.answers("left")
        person.sees("feedback")
        told.append(person.reads("feedback-text"))
        assert person.reads("live") == told[-1]
        person.click("go-on")
    person.sees("thanks")
    expect(person.page.locator("#mistakes")).to_be_visible()
    person.keep(person.page, "mistakes")
    # Whoever always says real errs on the generated images.
    truths = read_votes(server.study).generated.tolist()
    wrong = sum(truths)
    verdicts = {0: "Right. This image is real.", 1: "Wrong. This image is generated."}
    assert told == [verdicts[truth] for truth in truths] and 0 < wrong < 4
    pictures = person.page.locator("#mistakes-list img")
    assert pictures.count() == wrong
    decoded = "them => Promise.all(them.map(one => one.decode().then(() => one.naturalWidth)))"
    assert pictures.evaluate_all(decoded) == [8] * wrong
    assert (
        person.page.locator("#mistakes-list figcaption").all_inner_texts() == ["generated"] * wrong
    )


def test_without_feedback_nobody_is_told(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    person = visit(context, server.link())
    person.begins()
    for _ in range(5):
        person.answers("left")
        assert not person.page.locator("#feedback").is_visible()
    person.sees("thanks")
    assert not person.page.locator("#mistakes").is_visible()
    assert person.page.request.get(f"{person.page.url}/mistakes").status == 404


@pytest.mark.nightly
def test_keys_can_be_chosen_and_are_kept(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    person = visit(context, server.link())
    person.begins()
    page = person.page
    person.click("open-settings")
    person.sees("settings")
    person.click("pick-left")
    page.keyboard.press("j")  # which is the other's
    expect(page.locator("#settings-hint")).to_contain_text("differ")
    person.click("pick-left")
    page.keyboard.press("a")
    person.click("close-settings")
    page.keyboard.press("f")  # no more
    page.keyboard.press("a")
    person.is_asked()
    page.reload()
    person.is_asked()
    page.keyboard.press("a")
    person.finishes(["right"] * 3)
    assert [row.said_generated for row in recorded(server.study)] == [0, 0, 1, 1, 1]


def test_whoever_does_not_agree_leaves_no_trial(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    person = visit(context, server.link())
    person.sees("consent")
    person.click("decline")
    person.sees("closed")
    assert person.reads("closed-text").startswith("You do not take part in this study.")
    assert recorded(server.study) == []


def test_whoever_withdraws_takes_the_answers_along(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(scale=8)
    person = visit(context, server.link())
    person.begins()
    person.answers("left")
    person.is_asked()
    person.click("open-withdraw")
    person.sees("withdraw")
    expect(person.page.locator("#withdraw-rest")).to_contain_text("within 7 days")
    expect(person.page.locator("#withdraw-rest")).to_contain_text("After 60 minutes")
    person.click("stay")
    person.answers("right")
    person.is_asked()
    assert len(recorded(server.study)) == 2
    person.click("open-withdraw")
    person.click("leave")
    person.sees("closed")
    assert person.reads("closed-text").startswith("You have withdrawn from this study.")
    assert recorded(server.study) == []


def test_whoever_withdraws_at_the_end_keeps_the_code(
    serve: Serve, context: BrowserContext, visit: Visit
) -> None:
    server = serve(feedback="on", trials=2, attention=0, scale=8)
    annotator = server.join()
    annotator.begin()
    code = annotator.finish("real")["completion"]["code"]
    person = visit(context, f"{server.url}{annotator.place}")
    person.sees("thanks")
    person.click("withdraw-done")
    person.sees("withdraw")
    person.click("leave")
    expect(person.page.locator("#thanks-title")).to_have_text("This study is over for you")
    assert person.reads("code") == code
    assert person.page.locator("#mistakes").is_hidden()
    assert recorded(server.study) == []


def test_questions_are_answered_by_keyboard_and_by_touch(
    serve: Serve, phone: BrowserContext, visit: Visit
) -> None:
    server = serve(questions=QUESTIONS, trials=2, attention=0, scale=8, language="de")
    person = visit(phone, server.link())
    page = person.page
    person.agrees()
    person.sees("questions")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Absenden").tap()  # nothing is sent without an age
    assert page.evaluate("document.activeElement.name") == "age"
    page.keyboard.type("17.5")
    page.evaluate("document.querySelector('[name=age]').min = 0")  # only the server knows better
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")  # the second one
    page.keyboard.press("Tab")
    page.locator("input[name=seen][value='4']").tap()
    page.select_option("select[name=land]", "m")
    page.get_by_role("button", name="Absenden").tap()
    expect(page.locator("#questions-hint")).to_have_text("Diese Antwort passt nicht: Your age")
    page.fill("[name=age]", "30")  # all else is still there
    page.get_by_role("button", name="Absenden").tap()
    person.practises()
    for _ in range(2):
        person.answers("left")
    person.sees("questions")
    assert page.get_by_text("(freiwillig)").is_visible()
    page.reload()
    person.sees("questions")
    page.get_by_role("button", name="Absenden").tap()
    person.sees("thanks")
    assert len(person.reads("code")) == 10
    with server.study.database.reading() as connection:
        found = {row.name: row.value for row in connection.execute(select(responses))}
    assert found == {"age": 30, "work": "texts", "seen": 4, "land": "m", "remarks": None}
