"""Arrays of an archive, and images alone; `test_sources` has whole data sets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convergan.data import DataError
from convergan.data.archives import channels_first, read_arrays, read_image_archive


def archive(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "rows.npz", **arrays)
    return folder / "rows.npz"


def test_arrays_are_read_by_name_and_missing_ones_passed_over(tmp_path: Path) -> None:
    file = archive(tmp_path, a=[1, 2], b=[3], c=[4])
    assert {name: array.tolist() for name, array in read_arrays(file, ("c", "a", "z")).items()} == {
        "c": [4],
        "a": [1, 2],
    }
    assert list(read_arrays(file)) == ["a", "b", "c"]
    assert read_arrays(file, ("z",)) == {}


def test_a_pickle_in_an_archive_is_not_opened(tmp_path: Path) -> None:
    file = archive(tmp_path, a=np.array([{"an": "object"}], dtype=object), b=[3])
    with pytest.raises(DataError, match="is not a readable npz archive without pickles"):
        read_arrays(file)
    assert read_arrays(file, ("b",))["b"].tolist() == [3]


@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((5, 4, 6), (0, None, 1, 2)),
        ((5, 4, 6, 3), (0, 3, 1, 2)),
        ((5, 4, 6, 1), (0, 3, 1, 2)),
        ((5, 3, 6, 4), (0, 1, 2, 3)),
        ((5, 3, 6, 3), (0, 1, 2, 3)),  # both readings are possible
        ((5, 4, 6, 2), (0, 1, 2, 3)),
        ((5, 4), (0, 1)),
    ],
)
def test_channels_come_first_and_values_stay(
    shape: tuple[int, ...], order: tuple[int | None, ...]
) -> None:
    images = np.arange(np.prod(shape)).reshape(shape)
    found = channels_first(images)
    places = [axis for axis in order if axis is not None]
    expected = images.transpose(places)
    if None in order:
        expected = expected[:, None]
    np.testing.assert_array_equal(found, expected)
    assert found.shape == expected.shape and found.flags["C_CONTIGUOUS"]


def test_samples_are_taken_before_images(tmp_path: Path) -> None:
    images, samples = np.zeros((2, 4, 6), np.uint8), np.full((3, 4, 6, 3), 0.5, np.float32)
    found = read_image_archive(archive(tmp_path, images=images, samples=samples))
    assert found.shape == (3, 3, 4, 6) and set(found.flatten().tolist()) == {0.5}
    assert read_image_archive(archive(tmp_path, images=images)).shape == (2, 1, 4, 6)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"x_train": np.zeros((2, 4, 4))}, "has neither an array samples nor images"),
        ({"samples": np.zeros((2, 4, 4), np.int64)}, "uint8 or floating point, got int64"),
        ({"images": np.zeros((2, 4, 4), bool)}, "uint8 or floating point, got bool"),
    ],
)
def test_an_archive_without_images_is_refused(
    tmp_path: Path, arrays: dict[str, Any], reason: str
) -> None:
    with pytest.raises(DataError, match=f"rows.npz:? .*{reason}"):
        read_image_archive(archive(tmp_path, **arrays))
