import io

import numpy as np
import pytest
from PIL import Image

from convergan.data.decoding import decode, read_ahead, some


@pytest.mark.parametrize("ending", ["BMP", "TIFF"])
def test_images_of_8_bits_are_taken_whatever_their_width(ending: str) -> None:
    for width in range(1, 120):  # lines of 16, 160 or 168 bytes, and places in the file like that
        for mode in ("1", "L", "RGB"):
            pixels = np.random.default_rng(width).integers(0, 256, (2, width), dtype=np.uint8)
            file = io.BytesIO()
            compression = {"compression": "tiff_lzw"} if ending == "TIFF" else {}
            Image.fromarray(pixels).convert(mode).save(file, ending, **compression)
            assert decode(file.getvalue(), None).size == (width, 2)


def test_a_palette_loses_its_transparency_without_a_word() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).quantize(16)
    for alphas in (0, bytes(range(16))):
        plain, clear = io.BytesIO(), io.BytesIO()
        image.save(plain, "PNG")
        image.save(clear, "PNG", transparency=alphas)
        assert clear.getvalue() != plain.getvalue()
        one, other = (decode(file.getvalue(), None).pixels for file in (plain, clear))
        assert np.array_equal(one, other)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_reading_ahead_keeps_the_order_and_refuses_fewer_than_no_workers(workers: int) -> None:
    found = read_ahead(lambda number: number**2, 7, workers=workers, ahead=2)
    assert list(found) == [number**2 for number in range(7)]
    with pytest.raises(ValueError, match="^workers must not be negative, got -1$"):
        next(read_ahead(lambda number: number, 7, workers=-1, ahead=2))


def test_many_items_are_named_up_to_twenty() -> None:
    names = [str(number) for number in range(23)]
    assert some(names[:20]) == ", ".join(names[:20])
    assert some(names) == ", ".join(names[:20]) + " and 3 more"
