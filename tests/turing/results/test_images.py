import io
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from convergan.core.html import Gallery, Paragraph
from convergan.turing.results.images import (
    SHOWN,
    JudgedImage,
    images_csv,
    images_section,
    whole_steps,
)
from convergan.turing.statistics.intervals import wilson
from convergan.turing.study.image_import import encode


def made(number: int, votes: int, wrong: int, model: str | None = "gan") -> JudgedImage:
    return JudgedImage(number, f"{number}.png", model, votes, wrong)


def pictures(numbers: Sequence[int]) -> dict[int, bytes]:
    return {number: encode(np.full((28, 28), number, np.uint8)) for number in numbers}


def galleries(images: list[JudgedImage]) -> list[list[str]]:
    """The names of the pictures in each gallery."""
    found = [part for part in images_section(images, pictures).parts if isinstance(part, Gallery)]
    return [[thumbnail.lines[-1] for thumbnail in gallery.thumbnails] for gallery in found]


def test_every_image_is_a_line_with_wilsons_interval_of_its_error() -> None:
    lines = images_csv([made(0, 5, 2), made(1, 0, 0, None)]).splitlines()
    low, high = wilson(2, 5)
    assert lines[1] == f"0,0.png,gan,1,5,2,0.4,{round(low, 6)},{round(high, 6)}"
    assert lines[2] == "1,1.png,real,0,0,0,,,"


def test_an_image_with_many_votes_stands_before_one_with_a_single_vote() -> None:
    images = [made(0, 1, 1), made(1, 20, 18), made(2, 20, 1), made(3, 1, 0), made(4, 0, 0)]
    found = galleries([*images, made(5, 9, 3, None), made(6, 9, 0, None)])
    assert found == [
        ["1.png", "0.png", "2.png"],
        ["2.png", "3.png", "1.png"],
        ["5.png"],
    ]


def test_only_a_few_pictures_are_shown_and_none_without_votes() -> None:
    many = galleries([made(number, 9, 4) for number in range(50)])
    assert [len(names) for names in many] == [SHOWN, SHOWN]
    assert not images_section([made(0, 0, 0)], pictures).parts


def test_the_section_says_that_extremes_are_extreme_by_chance_as_well() -> None:
    first = images_section([made(0, 4, 2)], pictures).parts[0]
    assert isinstance(first, Paragraph) and "by chance" in first.text


def test_the_model_is_named_where_there_are_several() -> None:
    section = images_section([made(0, 4, 2), made(1, 4, 2, "vae")], pictures)
    shown = section.parts[1]
    assert isinstance(shown, Gallery)
    assert [thumbnail.lines[0] for thumbnail in shown.thumbnails] == ["gan", "vae"]


@pytest.mark.parametrize(
    ("side", "pixels", "width"), [(28, 28, 140), (8, 8, 144), (144, 144, 144), (512, 128, 128)]
)
def test_pictures_are_shown_by_whole_steps(side: int, pixels: int, width: int) -> None:
    png, found = whole_steps(encode(np.zeros((side, side, 3), np.uint8)))
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (pixels, pixels)
    assert found == width and found % pixels == 0


def test_an_image_without_a_file_name_is_called_by_its_number() -> None:
    assert JudgedImage(7, None, None, 1, 0).name == "image 7"
