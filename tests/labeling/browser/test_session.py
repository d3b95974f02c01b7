"""People label at a page: by the keyboard, by touch, while the server is killed."""

import csv
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.labeling.browser.person import all_saved, classes, label, name_class, press, shown
from tests.labeling.serving import command, digit_of, free_port, make_photos

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_photos(tmp_path / "photos")
    return tmp_path / "photos"


def labels(folder: Path) -> dict[str, str]:
    rows = csv.DictReader((folder / "labels.csv").read_text().splitlines())
    return {row["file"]: row["label"] for row in rows if row["label"]}


def test_a_whole_session_by_keyboard_with_a_killed_server(folder: Path, page: Page) -> None:
    port = free_port()
    with command(folder, port) as (process, url):
        page.goto(url)
        given = label(page, 8)
        all_saved(page)
        assert labels(folder) == given
        assert sorted(classes(page)) == ["one", "two", "zero"]

        skipped, none = press(page, "s"), press(page, "n")
        wrong = press(page, "1")
        page.keyboard.press("z")
        assert shown(page) == wrong
        given |= label(page, 1)
        assert wrong in given
        page.keyboard.press("ArrowLeft")  # look back, and change the answer
        expect(page.locator("#why")).to_contain_text(f"you said: {given[wrong]}")
        assert shown(page) == wrong
        other = classes(page)[0] if classes(page)[0] != given[wrong] else classes(page)[1]
        page.keyboard.press(str(classes(page).index(other) + 1))
        given[wrong] = other
        all_saved(page)
        assert labels(folder) == given
        assert {skipped, none}.isdisjoint(given)

        shown(page)
        process.send_signal(signal.SIGKILL)
        process.wait()
        unsent = {press(page, "1"): classes(page)[0]}
        expect(page.locator("#banner")).to_contain_text("1 answer is kept here")
        expect(page.locator("#saved")).to_have_text("1 to save")
        assert labels(folder) == given
    with command(folder, port) as (process, again):
        assert again == url
        all_saved(page)
        expect(page.locator("#banner")).to_be_hidden()
        given |= unsent
        assert labels(folder) == given
        page.reload()
        shown(page)
        page.keyboard.press("z")  # what was answered before the page was loaded again
        expect(page.locator("#name")).to_have_text(next(iter(unsent)))
        all_saved(page)
        del given[next(iter(unsent))]
        assert labels(folder) == given
        expect(page.locator("#error")).to_contain_text("%", timeout=60000)  # a fit came back


@pytest.mark.nightly
def test_sure_ones_are_confirmed_by_the_grid(folder: Path, page: Page) -> None:
    with command(folder, free_port()) as (_, url):
        page.goto(url)
        given = label(page, 20)
        expect(page.locator("#sure-count")).not_to_be_empty(timeout=90000)
        page.keyboard.press("g")
        tile = page.locator(".tile")
        expect(tile.first).to_be_focused(timeout=20000)
        count = tile.count()
        word = page.locator("#grid-title").inner_text().removeprefix("Which of these are not ")
        page.keyboard.press("Space")  # the first is wrong
        expect(tile.first).to_have_attribute("aria-pressed", "true")
        rejected = tile.first.get_attribute("aria-label") or ""
        if count > 1:
            page.keyboard.press("ArrowRight")
            expect(tile.nth(1)).to_be_focused()
        page.keyboard.press("Enter")
        all_saved(page)
        found = labels(folder)
        assert len(found) == len(given) + count - 1
        confirmed = {name: kind for name, kind in found.items() if name not in given}
        assert set(confirmed.values()) <= {word.removesuffix("?")}
        page.keyboard.press("g")  # what was wrong is asked next
        assert shown(page) == rejected.removesuffix(" is wrong")
        page.keyboard.press("z")
        all_saved(page)
        assert labels(folder) == given


@pytest.mark.nightly
def test_two_people_get_different_items_and_a_phone_needs_no_scrolling(
    folder: Path, page: Page, other: Page
) -> None:
    with command(folder, free_port()) as (_, url):
        page.goto(url)
        first = label(page, 4)
        other.goto(url)
        assert shown(other) != shown(page)
        box = other.locator("#actions").bounding_box()
        assert box is not None and box["y"] + box["height"] <= 844
        assert other.evaluate("document.documentElement.scrollWidth <= innerWidth")
        second = {}
        for _ in range(5):
            name = shown(other)
            word = digit_of(name)
            if word not in classes(other):
                other.locator("#add").tap()
                other.locator("#class-name").fill(word)
                other.get_by_role("button", name="Label", exact=True).tap()
            else:
                other.locator(f"#classes button[data-name={word}]").tap()
            other.wait_for_function(
                "name => document.getElementById('name').textContent !== name", arg=name
            )
            second[name] = word
        all_saved(other)
        assert not set(first) & set(second)
        assert labels(folder) == first | second
        for button in other.locator("#classes button, #actions button").all():
            size = button.bounding_box()
            assert size is not None and size["height"] >= 44


@pytest.mark.nightly
def test_a_class_that_differs_in_capitals_is_asked_about(folder: Path, page: Page) -> None:
    with command(folder, free_port()) as (_, url):
        page.goto(url)
        first = name_class(page, "Zero")
        second = shown(page)
        page.keyboard.press("c")
        page.locator("#class-name").fill("zero")
        page.keyboard.press("Enter")
        expect(page.locator("#class-alike")).to_contain_text("There is a class Zero")
        page.keyboard.press("Enter")  # the button that takes the class which is there
        all_saved(page)
        assert labels(folder) == {first: "Zero", second: "Zero"}
        assert classes(page) == ["Zero"]
        page.keyboard.press("?")
        page.locator("#rename-new").fill("nought")
        page.keyboard.press("Enter")
        expect(page.locator("#classes .name")).to_have_text("nought")
        assert labels(folder) == {first: "nought", second: "nought"}


@pytest.mark.nightly
def test_the_guess_is_hidden_until_it_is_asked_for(folder: Path, page: Page) -> None:
    with command(folder, free_port()) as (_, url):
        page.goto(url)
        label(page, 12)
        expect(page.locator("#error")).to_contain_text("%", timeout=60000)
        assert page.locator("#guess").inner_text() == ""
        page.keyboard.press("m")
        expect(page.locator("#guess")).to_contain_text("model: ")
