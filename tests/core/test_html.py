import io
import re
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from convergan.core.html import (
    Bullets,
    Caution,
    Folded,
    Gallery,
    Paragraph,
    Part,
    Picture,
    Preformatted,
    Section,
    Table,
    Thumbnail,
    plot,
    render,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCRIPT = "<script>alert('1 & \"2\"')</script>"
GREEK = "μέγα"
VOID = ("meta", "img", "br")


class Outline(HTMLParser):
    """What a browser makes of a page: tags with their attributes, and text; refuses bad nesting."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags, self.open = list[tuple[str, dict[str, str | None]]](), list[str]()
        self.text = ""
        self.feed(page.decode())
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_all_text_is_escaped_and_shown_as_it_is() -> None:
    text = SCRIPT + GREEK
    parts: list[Part] = [
        Paragraph(text),
        Paragraph(text, lead=True),
        Bullets([text]),
        Caution([text]),
        Preformatted(text),
        Picture(b"", text),
        Table([text], [[text]]),
        Table([], [[text, text]]),
        Table([text], [[text, text]], groups=True),
        Folded(text, Table([text], [[text]], numbers=[0])),
    ]
    page = render(text, [Section(text, parts)])
    shown = Outline(page)
    assert "script" not in [tag for tag, _ in shown.tags]
    assert page.count(b"<script") == 0 and page.count(b"alert(&#39;1 &amp; &#34;2&#34;&#39;)") == 19
    assert shown.text.count(text) == 18  # all but that of the picture
    assert {"alt": text, "src": "data:image/png;base64,"} in [values for _, values in shown.tags]


def test_a_name_of_bytes_that_are_no_utf_8_is_shown_with_a_mark_for_them() -> None:
    assert "<h1>a?.csv</h1>" in render("a\udcff.csv", []).decode()


def test_a_page_is_one_file_that_readers_of_all_kinds_can_use() -> None:
    table = Table(["", "b"], [["x", "1"]], numbers=[1])
    sections = [Section("", [Paragraph("p")]), Section("empty", []), Section("full", [table])]
    page = render("title", sections)
    shown = Outline(page)
    assert page.startswith(b"<!doctype html>") and b"http" not in page
    assert ("html", {"lang": "en"}) in shown.tags
    assert [tag for tag, _ in shown.tags if re.fullmatch(r"h\d", tag)] == ["h1", "h2"]
    assert "empty" not in shown.text
    assert ("th", {"scope": "col", "class": "number"}) in shown.tags
    assert [tag for tag, _ in shown.tags].count("th") == 1  # an empty head is none
    assert ("td", {"class": "number"}) in shown.tags


def test_rows_of_a_table_without_head_begin_with_one() -> None:
    shown = Outline(render("title", [Section("facts", [Table([], [["a", "1"], ["b", "2"]])])]))
    assert [values for tag, values in shown.tags if tag == "th"] == [{"scope": "row"}] * 2


def test_rows_of_a_group_stand_together_under_its_name() -> None:
    rows = [["first", "a", "1"], ["second", "b", "2"], ["first", "c", "3"]]
    shown = Outline(render("title", [Section("s", [Table(["q", "v"], rows, [1], groups=True)])]))
    assert shown.text.split()[-6:] == ["qv", "first", "a1", "c3", "second", "b2"]
    heads = [values for tag, values in shown.tags if tag == "th"]
    assert heads[2:] == [{"scope": "rowgroup", "colspan": "2"}] * 2


@pytest.mark.parametrize("head", [["a", "b"], []])
def test_a_row_of_another_length_is_an_error_of_ours(head: list[str]) -> None:
    with pytest.raises(ValueError, match="rows of"):
        Table(head, [["1"], ["1", "2"]])


def test_a_gallery_shows_each_thumbnail_with_its_words() -> None:
    thumbnails = [Thumbnail(b"1", "a <b>", ["first", "second"]), Thumbnail(b"2", "c", [], True)]
    shown = Outline(render("title", [Section("s", [Gallery(thumbnails, "its name")])]))
    figures = [values for tag, values in shown.tags if tag == "figure"]
    assert figures == [{}, {"class": "marked"}]
    pictures = [values for tag, values in shown.tags if tag == "img"]
    assert [values["alt"] for values in pictures] == ["a <b>", "c"]
    assert pictures[0]["src"] == "data:image/jpeg;base64,MQ=="
    assert "its name" in shown.text and "firstsecond" in shown.text


def test_a_plot_is_a_picture() -> None:
    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], label="line")

    drawn = plot(draw, "a line")
    with Image.open(io.BytesIO(drawn.png)) as picture:
        assert picture.format == "PNG" and picture.width == 770
    page = render("x", [Section("", [drawn, Picture(b"1", "photographs")])]).decode()
    assert page.count('<img class="drawn"') == 1 and page.count("<img") == 2
    assert re.search(r"prefers-color-scheme: dark\) \{[^}]*\}\s*\.drawn \{ filter: invert", page)


def test_a_page_without_jinja2_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ValueError, match=r"a page needs jinja2: pip install 'convergan\[train\]'"):
        render("title", [])
