"""The logo: small, on white, without metadata, and nothing but a picture."""

import io
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from convergan.turing.errors import StudyError
from convergan.turing.study.logo import LARGEST, read_logo


def test_a_large_logo_becomes_small_on_white_without_metadata(tmp_path: Path) -> None:
    text = PngInfo()
    text.add_text("Author", "somebody")
    Image.new("RGBA", (2000, 400), (255, 0, 0, 0)).save(tmp_path / "logo.png", pnginfo=text)
    data = read_logo(tmp_path / "logo.png")
    assert b"somebody" not in data
    with Image.open(io.BytesIO(data)) as made:
        assert made.format == "PNG" and made.mode == "RGB"
        assert made.width <= LARGEST[0] and made.height <= LARGEST[1]
        assert made.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_a_file_of_another_kind_is_refused_whatever_it_is_called(kind: str, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "logo.png", format=kind)
    with pytest.raises(StudyError, match=r"logo .*logo.png is no PNG or JPEG image"):
        read_logo(tmp_path / "logo.png")


def test_logos_that_are_too_large_are_refused(tmp_path: Path) -> None:
    (tmp_path / "long.png").write_bytes(bytes(5 * 2**20))
    with pytest.raises(StudyError, match="more than 4 MiB"):
        read_logo(tmp_path / "long.png")
    Image.new("1", (5000, 5000)).save(tmp_path / "wide.png")
    with pytest.raises(StudyError, match="more than 16,777,216 pixels"):
        read_logo(tmp_path / "wide.png")
