"""A real browser before the real server; skipped where there is no Chromium."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from convergan.turing.study.recruitment import MTURK, Panel
from tests.turing.browser.person import Person, Visit
from tests.turing.serving import Make, Serve, Server, served

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SCREENSHOTS = os.environ.get("CONVERGAN_TEST_SCREENSHOTS")
"""Folder in which pictures of all stages are kept, by the name of the test."""

DESK = {"width": 1200, "height": 800}
PHONE = {"width": 390, "height": 780}


@pytest.fixture
def address() -> None:
    """SQLite alone: what a browser sees is the same on both databases."""


@pytest.fixture
def serve(make: Make) -> Iterator[Serve]:
    """Make a study as `make` does and serve it, to people of a panel too."""
    with ExitStack() as stack:

        def started(panel: Panel = MTURK, **fields: Any) -> Server:
            study, token = make(**fields)
            return stack.enter_context(served(replace(study, panel=panel), token))

        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a file; third-party cookies are blocked in it.

    While it is open an event loop runs in this thread, beside which tests of other files could not
    start theirs.
    """
    if CHROMIUM is None:
        pytest.skip("there is no chromium or google-chrome on the path")
    arguments = ["--no-sandbox", "--test-third-party-cookie-phaseout"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A window of a desk computer, with nothing in its storage."""
    made = browser.new_context(viewport=DESK)  # type: ignore[arg-type]
    yield made
    made.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A phone in dark mode."""
    made = browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type]
        has_touch=True,
        is_mobile=True,
        device_scale_factor=2,
        color_scheme="dark",
    )
    yield made
    made.close()


@pytest.fixture
def visit(request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Open an address in a context; at the end, no script has failed and no policy was broken."""
    faults: list[str] = []

    def opened(context: BrowserContext, url: str) -> Person:
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Polic" in said.text else None)
        page.goto(url)
        return Person(page, _keep(request.node.name))

    yield opened
    assert faults == []


def _keep(name: str) -> Callable[[Page, str], None]:
    folder = None if SCREENSHOTS is None else Path(SCREENSHOTS) / name.removeprefix("test_")
    count = 0

    def keep(page: Page, stage: str) -> None:
        nonlocal count
        if folder is not None:
            count += 1
            page.screenshot(path=folder / f"{count:02d}-{stage}.png", full_page=True)

    return keep
