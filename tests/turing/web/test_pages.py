import re
from importlib.resources import files

import pytest

from convergan.turing.web.pages import annotator_page, message_page, owner_page, preview_page

PAGES = {
    "annotator": annotator_page("token"),
    "preview": preview_page("pair"),
    "message": message_page("Title", "Text."),
    "owner": owner_page(),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_has_nothing_inline_and_nothing_from_elsewhere(page: str) -> None:
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=|javascript:", page)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', page)) <= {
        "/static/annotator.js",
        "/static/owner.js",
        "/static/icon.svg",
        "/static/base.css",
        "/static/study.css",
    }


@pytest.mark.parametrize("name", ["annotator.js", "owner.js"])
def test_a_script_finds_all_elements_that_it_names(name: str) -> None:
    script = (files("convergan.turing.web") / "static" / name).read_text()
    page = PAGES[name.removesuffix(".js")]
    named = set(re.findall(r'\$\("([a-z-]+)"\)', script))
    assert len(named) > 10
    assert named <= set(re.findall(r' id="([a-z-]+)"', page))


def test_what_a_page_is_given_is_text_and_no_markup() -> None:
    assert "<b>" not in message_page("<b>", "<b>")
    assert '"><b>' not in annotator_page('"><b>')


def test_a_page_has_the_form_token_and_says_when_it_is_a_preview() -> None:
    assert '<meta name="form-token" content="token">' in PAGES["annotator"]
    assert 'name="preview"' not in PAGES["annotator"]
    assert '<meta name="preview" content="pair">' in PAGES["preview"]


def test_nothing_of_a_session_tells_what_an_image_is() -> None:
    assert 'alt="' not in PAGES["annotator"]  # pictures are made by the script, with one text
    script = (files("convergan.turing.web") / "static" / "annotator.js").read_text()
    assert script.count("image to judge") == 1
