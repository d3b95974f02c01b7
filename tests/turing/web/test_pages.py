import re
from importlib.resources import files

import pytest

from convergan.turing.languages.words import languages
from convergan.turing.web.pages import (
    Frame,
    annotator_page,
    index_page,
    message_page,
    owner_page,
    preview_page,
    unavailable_page,
)

GERMAN = Frame(language="de", title="Gesichter", logo=True)
PAGES = {
    "annotator": annotator_page(Frame(), "token"),
    "german": annotator_page(GERMAN, "token"),
    "preview": preview_page(Frame(), "pair"),
    "message": message_page(Frame(), "Text."),
    "unavailable": unavailable_page(GERMAN),
    "owner": owner_page(),
    "index": index_page(),
}
PAGE_OF = {"owner.js": "owner", "index.js": "index"}
"""The page that a script is of, where it is not the annotator's."""
SCRIPTS = [
    file.name
    for file in (files("convergan.turing.web") / "static").iterdir()
    if file.name.endswith(".js")
]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_has_nothing_inline_and_nothing_from_elsewhere(page: str) -> None:
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=|javascript:", page)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', page)) <= {
        "/static/annotator.js",
        "/static/owner.js",
        "/static/index.js",
        "/static/icon.svg",
        "/static/base.css",
        "/static/study.css",
        "/logo",
        "",
    }


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_finds_all_elements_that_it_names(name: str) -> None:
    script = (files("convergan.turing.web") / "static" / name).read_text()
    page = PAGES[PAGE_OF.get(name, "annotator")]
    named = set(re.findall(r'\$\("([a-z-]+)"\)', script))
    assert len(named) > 10 or name not in ("annotator.js", "owner.js")
    assert named <= set(re.findall(r' id="([a-z-]+)"', page))


def test_what_a_page_is_given_is_text_and_no_markup() -> None:
    assert "<b>" not in message_page(Frame(title="<b>"), "<b>")
    assert '"><b>' not in annotator_page(Frame(title='"><b>'), '"><b>')


def test_pages_are_in_the_language_of_the_study_and_show_what_is_its_own() -> None:
    assert '<html lang="de">' in PAGES["german"] and "Einwilligung" not in PAGES["annotator"]
    assert "Ich bin einverstanden" in PAGES["german"] and "Gesichter" in PAGES["german"]
    assert '<img src="/logo" alt="">' in PAGES["german"] and "/logo" not in PAGES["annotator"]
    assert "Noch einmal versuchen" in PAGES["unavailable"]
    gone = message_page(GERMAN, "This invitation has expired.")
    assert "Diese Einladung ist abgelaufen." in gone


@pytest.mark.parametrize("language", languages())
def test_no_text_of_a_page_is_missing(language: str) -> None:
    page = annotator_page(Frame(language=language), "token")
    assert "built-in method" not in page  # a key that is the name of a method of dictionaries
    assert not re.search(r"<(h1|h2|button|p)(?![^>]* id=)[^>]*>\s*</", page)


def test_a_page_has_the_form_token_and_says_when_it_is_a_preview() -> None:
    assert '<meta name="form-token" content="token">' in PAGES["annotator"]
    assert 'name="preview"' not in PAGES["annotator"]
    assert '<meta name="preview" content="pair">' in PAGES["preview"]


def test_nothing_of_a_session_tells_what_an_image_is() -> None:
    assert 'alt="' not in PAGES["annotator"]  # pictures are made by the script, with one text
    scripts = [(files("convergan.turing.web") / "static" / name).read_text() for name in SCRIPTS]
    assert sum(script.count('image.alt = say("image")') for script in scripts) == 1
