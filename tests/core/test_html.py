import base64
import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from convergan.core.html import page, plot, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def test_text_of_titles_and_cells_is_escaped() -> None:
    found = page("a < b", [table(["<i>"], [["&"]], numbers=[])]).decode()
    assert "<h1>a &lt; b</h1>" in found and "<title>a &lt; b</title>" in found
    assert "<tr><th>&lt;i&gt;</th></tr><tr><td>&amp;</td></tr>" in found


def test_a_row_of_another_length_than_the_head_is_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match="zip"):
        table(["a", "b"], [["1"]], numbers=[])


def test_a_plot_is_a_picture_within_the_page() -> None:
    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], label="line")

    tag = plot(draw, 'a "line"')
    assert 'alt="a &quot;line&quot;"' in tag
    data = base64.b64decode(tag.split("base64,")[1].split('"')[0])
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "PNG" and picture.width == 770
