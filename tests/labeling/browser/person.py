"""Somebody who labels at a page."""

from playwright.sync_api import Page, expect

from tests.labeling.serving import digit_of

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


def shown(page: Page) -> str:
    """Return the name of the item that is shown, once it can be answered."""
    page.wait_for_selector("#stage[aria-busy=false] img")
    return page.locator("#name").inner_text()


def press(page: Page, key: str) -> str:
    """Answer the item that is shown by a key; return its name once the next one is there."""
    name = shown(page)
    page.keyboard.press(key)
    page.wait_for_function("name => document.getElementById('name').textContent !== name", arg=name)
    return name


def name_class(page: Page, name: str) -> str:
    """Answer with a class by typing it; return the item's name."""
    item = shown(page)
    if page.locator("#new-class").is_hidden():
        page.keyboard.press("c")
    page.locator("#class-name").fill(name)
    page.keyboard.press("Enter")
    page.wait_for_function("name => document.getElementById('name').textContent !== name", arg=item)
    return item


def classes(page: Page) -> list[str]:
    """Return the classes on the buttons, in their order."""
    return page.locator("#classes .name").all_inner_texts()


def label(page: Page, count: int) -> dict[str, str]:
    """Answer items rightly, by the keyboard alone; return what was answered."""
    given = {}
    for _ in range(count):
        word = digit_of(shown(page))
        known = classes(page)
        if word in known and page.locator("#new-class").is_hidden():
            given[press(page, str(known.index(word) + 1))] = word
        else:
            given[name_class(page, word)] = word
    return given


def all_saved(page: Page) -> None:
    """Wait until the page says that all answers are stored."""
    expect(page.locator("#saved")).to_have_text("All saved", timeout=20000)
