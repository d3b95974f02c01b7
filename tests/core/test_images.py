"""Files as they are, by every reader: what a viewer shows is what is learned."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from convergan.core.images import EXIF_IGNORED, FIRST_PICTURE, decode, why_not
from tests.files.images import COLOUR, RGB, Example, examples, refused_files, written

EXAMPLES = examples()
REFUSED = list(refused_files())


@pytest.mark.parametrize("example", EXAMPLES, ids=[e.name for e in EXAMPLES])
def test_an_image_is_what_a_viewer_shows_and_changes_are_told(example: Example) -> None:
    found = decode(example.data, None)
    assert found.changes == example.changes
    assert found.pixels.shape == example.seen.shape
    difference = np.abs(found.pixels.astype(int) - example.seen)
    assert difference.max() <= example.tolerance
    assert found.size == example.seen.shape[1::-1] and not found.scaled


@pytest.mark.parametrize(("name", "data", "reason"), REFUSED, ids=[name for name, *_ in REFUSED])
def test_what_cannot_be_read_for_certain_is_refused_with_the_reason(
    name: str, data: bytes, reason: str
) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011, of half a dozen kinds
        decode(data, None)
    assert reason.lower() in why_not(refused.value).lower()


def test_a_wide_photograph_on_its_side_is_tall_before_it_is_cut() -> None:
    wide = Image.new("RGB", (40, 20), "white")
    wide.paste("black", (0, 0, 10, 20))  # the top of the upright picture is the left, as stored
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decode(written(wide, "PNG", exif=exif), None)
    assert found.size == (20, 40)
    assert (found.pixels[:10] == 0).all() and (found.pixels[10:] == 255).all()
    square = decode(written(wide, "PNG", exif=exif), 20)
    assert square.scaled and square.pixels.min() == 255  # the middle, below the black


def test_exif_that_cannot_be_read_leaves_the_image_as_it_is_stored() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0"
    found = decode(written(RGB, "PNG", exif=exif), None)
    assert found.changes in ((EXIF_IGNORED,), ())
    assert (found.pixels == COLOUR).all()
    broken = decode(written(RGB, "PNG", exif=b"Exif\0\0no TIFF"), None)
    assert broken.changes == (EXIF_IGNORED,) and (broken.pixels == COLOUR).all()


def test_thumbnails_in_a_tiff_are_no_pages() -> None:
    file = io.BytesIO()
    small = RGB.resize((8, 8))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    RGB.save(file, "TIFF", save_all=True, append_images=[small])
    found = decode(file.getvalue(), None)
    assert found.changes == (FIRST_PICTURE,) and (found.pixels == COLOUR).all()


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["1", "L", "LA", "RGB", "RGBA", "P"]),
    st.integers(1, 20),
    st.integers(1, 20),
    st.randoms(use_true_random=False),
)
def test_any_image_keeps_its_size_and_is_opaque(
    mode: str, width: int, height: int, r: object
) -> None:
    levels = np.random.default_rng(hash(str(r)) % 2**32).integers(0, 256, (height, width, 4))
    image = Image.fromarray(levels.astype(np.uint8)).convert(mode)
    found = decode(written(image, "PNG"), None)
    assert found.size == (width, height)
    assert found.pixels.ndim == (2 if mode in ("1", "L", "LA") else 3)


@pytest.mark.parametrize("ending", ["BMP", "TIFF"])
def test_images_of_8_bits_are_taken_whatever_their_width(ending: str) -> None:
    for width in range(1, 120):  # lines of 16, 160 or 168 bytes, and places in the file like that
        for mode in ("1", "L", "RGB"):
            pixels = np.random.default_rng(width).integers(0, 256, (2, width), dtype=np.uint8)
            compression = {"compression": "tiff_lzw"} if ending == "TIFF" else {}
            data = written(Image.fromarray(pixels).convert(mode), ending, **compression)
            assert decode(data, None).size == (width, 2)


@pytest.mark.parametrize(
    "data",
    [
        b"P6 1 1 65535\n" + bytes(6),
        b"P5\n# a comment\n1 1\n1023\n" + bytes(2),
        b"P3 1 1 1023 1 2 3\n",
        b"P2 1 1\n# another\n65535 300\n",
    ],
)
def test_pixel_maps_of_more_than_8_bits_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="16-bit"):
        decode(data, None)


@pytest.mark.parametrize(
    ("data", "pixel"),
    [
        (b"P6 1 1 255\n" + bytes([1, 2, 3]), [1, 2, 3]),
        (b"P3 # a comment\n1 1 255 1 2 3\n", [1, 2, 3]),
        (b"P2 1 1 15 15\n", 255),
    ],
)
def test_other_pixel_maps_are_read(data: bytes, pixel: object) -> None:
    assert decode(data, None).pixels[0, 0].tolist() == pixel


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_decoded_at_a_fraction_and_its_size_is_told(orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((1000, 600)).save(buffer, "JPEG", exif=exif)
    whole = decode(buffer.getvalue(), None)
    found = decode(buffer.getvalue(), None, least_side=120)
    assert found.size == whole.size == ((600, 1000) if orientation == 6 else (1000, 600))
    assert sorted(found.pixels.shape) == [150, 250]
    small = np.asarray(Image.fromarray(whole.pixels).resize(found.pixels.shape[::-1]))
    assert np.abs(small.astype(int) - found.pixels).mean() < 3
    assert decode(buffer.getvalue(), None, least_side=601).pixels.shape == whole.pixels.shape
