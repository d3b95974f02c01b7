"""A real browser before the real command; skipped where there is no Chromium."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.labeling.browser.person import DESK, PHONE

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SCREENSHOTS = os.environ.get("CONVERGAN_TEST_SCREENSHOTS")
"""Folder in which a picture of the end of every test is kept."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a file."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium or google-chrome on the path")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def _page(context: BrowserContext, name: str) -> Iterator[Page]:
    """A page in which no script fails and no policy is broken."""
    faults: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Polic" in said.text else None)
    yield page
    if SCREENSHOTS is not None:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")
    context.close()
    assert faults == []


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page on a desk."""
    context = browser.new_context(viewport=DESK)  # type: ignore[arg-type]
    yield from _page(context, request.node.name)


@pytest.fixture
def other(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of somebody else, on a phone in dark mode."""
    context = browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type]
        has_touch=True,
        is_mobile=True,
        device_scale_factor=2,
        color_scheme="dark",
        reduced_motion="reduce",
    )
    yield from _page(context, f"{request.node.name}-other")
