"""An automated scan of every view, in light and dark."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.labeling.browser.person import DESK, label, shown
from tests.labeling.serving import command, free_port, make_photos

FOUND = importlib.util.find_spec("axe_playwright_python")

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(FOUND is None, reason="axe-playwright-python is not installed"),
]


def findings(page: Page) -> list[str]:
    """Return the serious findings of a scan of what is shown."""
    assert FOUND is not None and FOUND.origin is not None
    page.evaluate(Path(FOUND.origin).with_name("axe.min.js").read_text())
    scan: dict[str, Any] = page.evaluate("axe.run()")
    assert scan["passes"]
    return [
        f"{found['id']}: {node['html']}"
        for found in scan["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_serious_finding(scheme: Any, browser: Browser, tmp_path: Path) -> None:
    make_photos(tmp_path / "photos")
    context = browser.new_context(
        color_scheme=scheme,
        reduced_motion="reduce",
        viewport=DESK,  # type: ignore[arg-type]
    )
    page = context.new_page()
    with command(tmp_path / "photos", free_port()) as (_, url):
        page.goto(url)
        shown(page)
        assert findings(page) == []  # the first class is asked for
        label(page, 12)
        expect(page.locator("#error")).to_contain_text("%", timeout=90000)
        page.locator(".stamp").wait_for(state="detached")
        assert findings(page) == []
        page.keyboard.press("c")
        assert findings(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        assert findings(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("g")
        expect(page.locator("#grid")).to_be_visible()
        page.wait_for_timeout(500)
        assert findings(page) == []
    context.close()
