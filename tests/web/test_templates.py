import pytest
from jinja2 import UndefinedError

from convergan.web.templates import render_template

STUDY = "convergan.turing.web"
GIVEN = {"path": "", "language": "en", "title": "", "logo": False, "again": False}


def test_what_is_put_into_a_page_is_escaped() -> None:
    page = render_template(STUDY, "message.html", {**GIVEN, "heading": "<b>", "text": "1 & 2"})
    assert "&lt;b&gt;" in page and "1 &amp; 2" in page and "<b>" not in page


def test_a_value_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'text' is undefined"):
        render_template(STUDY, "message.html", {**GIVEN, "heading": ""})


def test_each_application_has_its_own_templates() -> None:
    assert "a token" in render_template("convergan.labeling", "lost.html", {"text": "a token"})
