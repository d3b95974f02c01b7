"""Pages in windows of all sizes: what fits, and how large the pictures are."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.turing.browser.person import Visit, begun
from tests.turing.serving import Serve

pytestmark = pytest.mark.slow

DESK: tuple[Any, float] = ({"width": 1280, "height": 800}, 1)
PHONE: tuple[Any, float] = ({"width": 390, "height": 844}, 3)
PHONE_ON_ITS_SIDE: tuple[Any, float] = ({"width": 844, "height": 390}, 3)
DOUBLE_ZOOM: tuple[Any, float] = ({"width": 640, "height": 400}, 2)
INSIDE = """them => them.every(one => {
    const box = one.getBoundingClientRect();
    return box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
})"""


def wider_than_window(page: Page, window: dict[str, int]) -> float:
    width: float = page.evaluate("document.documentElement.scrollWidth")
    return width - window["width"]


@pytest.mark.parametrize(
    ("protocol", "screen", "least"),
    [
        ("single", DESK, 512),
        ("single", PHONE, 340),
        ("single", PHONE_ON_ITS_SIDE, 290),
        ("pair", DESK, 500),
        ("pair", PHONE, 280),
        ("pair", PHONE_ON_ITS_SIDE, 250),
        ("pair", DOUBLE_ZOOM, 170),
    ],
)
def test_pictures_fill_the_window_and_nothing_is_cut(
    protocol: str, screen: Any, least: float, serve: Serve, browser: Browser, visit: Visit
) -> None:
    window, ratio = screen
    server = serve(protocol=protocol, trials=2, attention=0, scale=64, feedback="on")
    context = browser.new_context(viewport=window, device_scale_factor=ratio)
    page = visit(context, begun(server)).page
    page.wait_for_selector("#left[aria-disabled=false]")
    pictures = page.locator("#surround img")
    sides = pictures.evaluate_all("them => them.map(one => one.getBoundingClientRect().width)")
    assert min(sides) >= least
    assert all(abs(side * ratio / 8 - round(side * ratio / 8)) < 1e-2 for side in sides)
    shown = page.locator("#task button:visible, #task h1, #surround img, #progress")
    assert shown.evaluate_all(INSIDE)
    page.locator("#left").click()
    expect(page.locator("#feedback")).to_be_visible()
    assert shown.evaluate_all(INSIDE)
    assert (
        pictures.evaluate_all(  # the same size, in the same place
            "them => them.map(one => one.getBoundingClientRect().width)"
        )
        == sides
    )
    assert wider_than_window(page, window) <= 0
    context.close()


def test_an_image_larger_than_the_window_is_shrunk_to_fit_it(
    serve: Serve, browser: Browser, visit: Visit
) -> None:
    server = serve(trials=2, attention=0, scale=1, side=600)
    context = browser.new_context(viewport=PHONE[0])
    page = visit(context, begun(server)).page
    page.wait_for_selector("#left[aria-disabled=false]")
    (side,) = page.locator("#surround img").evaluate_all("them => them.map(one => one.width)")
    assert 340 <= side <= 390
    context.close()


def test_the_owners_page_is_no_wider_than_a_phone(
    serve: Serve, browser: Browser, visit: Visit
) -> None:
    server = serve(models=("a model with a name that is rather long", "another"))
    for _ in range(2):
        server.join().begin()
    context = browser.new_context(viewport=PHONE[0], is_mobile=True, has_touch=True)
    page = visit(context, f"{server.url}/owner").page
    page.fill("#token", server.token)
    page.keyboard.press("Enter")
    expect(page.locator("#people tr")).to_have_count(2)
    page.get_by_role("button", name="Make links").tap()
    expect(page.locator("#links")).to_be_visible()
    assert wider_than_window(page, PHONE[0]) <= 0
    context.close()
