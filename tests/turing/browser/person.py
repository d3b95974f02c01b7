"""Somebody before a browser: what they do at each stage, by mouse unless told otherwise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import select

from convergan.turing.study.questions import read_questions
from convergan.turing.study.schema import answers
from convergan.turing.study.study import Study
from tests.turing.serving import Server

QUESTIONS = read_questions("""
before:
  - {name: age, type: number, label: Your age, min: 18, max: 120}
  - {name: work, type: choice, label: Your work, options: [images, texts, numbers]}
  - {name: seen, type: scale, label: Generated images seen, from: 1, to: 7, labels: [none, many]}
  - {name: land, type: choice, label: Country, options: [a, b, c, d, e, f, g, h, i, j, k, l, m]}
after:
  - {name: remarks, type: text, label: Remarks, required: no}
""")
"""A field of each type."""

Press = Callable[[str], None]
"""Answers left or right."""


@dataclass(frozen=True)
class Person:
    """Who judges on a page."""

    page: Page
    keep: Callable[[Page, str], None]

    def sees(self, section: str) -> None:
        """Wait until a section of the page is there, and keep a picture of it."""
        expect(self.page.locator(f"#{section}")).to_be_visible(timeout=20000)
        self.keep(self.page, section)

    def click(self, name: str) -> None:
        self.page.locator(f"#{name}").click()

    def is_asked(self) -> None:
        """Wait until an answer is taken."""
        self.page.wait_for_selector("#left[aria-disabled=false]", timeout=20000)

    def reads(self, name: str) -> str:
        return self.page.locator(f"#{name}").inner_text()

    def agrees(self) -> None:
        self.sees("consent")
        if self.page.locator("#flicker").is_visible():
            self.page.check("#flicker-read")
        self.click("agree")

    def practises(self, press: Press | None = None) -> None:
        """Go through the practice, with a wrong answer where there is no help, and begin."""
        press = press or self.click
        self.sees("intro")
        self.click("practise")
        for step, side in enumerate(("left", "right", "left", "right")):
            if step == 3 and self.page.locator("#ready").is_visible():
                break
            self.is_asked()
            if step == 0:
                self.keep(self.page, "practice")
            press(side)
            self.sees("feedback")
            self.click("go-on")
        self.sees("ready")
        self.click("begin")

    def begins(self, press: Press | None = None) -> None:
        self.agrees()
        self.practises(press)
        self.is_asked()

    def answers(self, side: str = "left", press: Press | None = None) -> None:
        self.is_asked()
        (press or self.click)(side)

    def finishes(self, sides: list[str], press: Press | None = None) -> None:
        """Answer all that is left, and see thanks."""
        for side in sides:
            self.answers(side, press)
        self.sees("thanks")


def recorded(study: Study) -> list[Any]:
    """Return the rows of all answers, in their order."""
    with study.database.reading() as connection:
        return list(connection.execute(select(answers).order_by(answers.c.at)))


def begun(server: Server) -> str:
    """Return the address of a session that has come to its first trial."""
    person = server.join()
    person.begin()
    return f"{server.url}{person.place}"


Visit = Callable[..., Person]
"""Opens an address in a browser's context."""
