import io

import pytest
from PIL import Image

from convergan.data import DataError
from convergan.labeling.items import Card, Fields, Picture
from convergan.labeling.pictures import CardCache, shrink


def encoded(size: tuple[int, int], kind: str = "JPEG", **options: object) -> bytes:
    image = Image.new("RGB", size, "red")
    image.paste("blue", (0, 0, size[0] // 2, size[1]))
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data))


def test_a_large_photograph_becomes_a_jpeg_of_the_screens_size() -> None:
    found = shrink(encoded((3000, 1500)), 1024, "a.jpg")
    assert found.media_type == "image/jpeg"
    assert opened(found).size == (1024, 512)


def test_a_small_picture_stays_as_it_is() -> None:
    found = shrink(encoded((20, 10), "PNG"), 1024, "a.png")
    assert found.media_type == "image/png" and opened(found).size == (20, 10)
    assert opened(found).convert("RGB").getpixel((0, 0)) == (0, 0, 255)


def test_a_photograph_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise to be upright
    found = shrink(encoded((1200, 600), exif=exif), 1024, "a.jpg")
    image = opened(found)
    assert image.size == (512, 1024)
    red, _, blue = image.convert("RGB").getpixel((256, 100))  # type: ignore[misc]
    assert blue > 200 > red  # what was left is on top


def test_a_damaged_file_is_named() -> None:
    with pytest.raises(DataError, match="a.jpg cannot be shown: not an image"):
        shrink(b"nothing", 1024, "a.jpg")
    with pytest.raises(DataError, match="a.jpg cannot be shown"):
        shrink(encoded((500, 500))[:900], 1024, "a.jpg")


def test_the_cards_asked_for_last_are_kept() -> None:
    made: list[int] = []

    def make(number: int, side: int) -> Card:
        made.append(number)
        return Picture(bytes(10), "image/png")

    cache = CardCache(make, most_bytes=25)
    for number in (1, 2, 1, 3, 1, 2):
        assert cache.get(number, 256) == Picture(bytes(10), "image/png")
    assert made == [1, 2, 3, 2]
    cache.get(2, 1024)
    assert made == [1, 2, 3, 2, 2]


def test_cards_without_a_picture_are_made_anew() -> None:
    cache = CardCache(lambda number, side: Fields([("n", str(number))]))
    assert cache.get(4, 256) == Fields([("n", "4")])
