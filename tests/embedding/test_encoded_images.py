from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convergan.core.images import decode
from convergan.data.encoded import EncodedFiles
from convergan.embedding import as_encoded
from tests.embedding.pictures import picture


def test_arrays_and_images_come_back_as_they_were() -> None:
    image = picture(0)
    for given in (image, np.asarray(image)):
        assert np.array_equal(decode(as_encoded([given]).read(0), None).pixels, np.asarray(image))


def test_a_name_is_the_path_or_the_place() -> None:
    encoded = as_encoded(["a/b.png", b"..."])
    assert [encoded.name(0), encoded.name(1), len(encoded)] == ["a/b.png", "image 1", 2]
    assert encoded.stamp() == ""


def test_what_is_encoded_stays_so(tmp_path: Path) -> None:
    files = EncodedFiles(tmp_path, ())
    assert as_encoded(files) is files


def test_an_array_of_images_is_a_sequence_of_them() -> None:
    images = np.zeros((3, 5, 4), dtype=np.uint8)
    assert decode(as_encoded(images).read(2), None).pixels.shape == (5, 4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((4, 4)), "float64 .*expected uint8"),
        (np.zeros((4, 4, 2), dtype=np.uint8), r"\(4, 4, 2\), expected uint8"),
        (7, "a int, expected a path"),
    ],
)
def test_other_things_are_named(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_encoded([given]).read(0)


def test_one_photograph_is_no_sequence() -> None:
    with pytest.raises(ValueError, match="expected a sequence of photographs, got one: 'a.png'"):
        as_encoded("a.png")
