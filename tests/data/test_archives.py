"""Arrays of an archive, and images alone; `test_sources` has whole data sets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convergan.data import DataError, load
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
    found, notes = read_image_archive(archive(tmp_path, images=images, samples=samples))
    assert notes == ("the array samples is read, images is not",)
    assert found.shape == (3, 3, 4, 6) and set(found.flatten().tolist()) == {0.5}
    found, notes = read_image_archive(archive(tmp_path, images=images))
    assert found.shape == (2, 1, 4, 6) and notes == ()


@pytest.mark.parametrize("shape", [(30, 3, 8, 3), (30, 3, 3, 3), (30, 1, 8, 3)])
def test_an_order_of_channels_that_is_supposed_is_told(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    images = np.zeros(shape, np.uint8)
    note = f"of shape {shape} is taken as (N, C, H, W); it could be (N, H, W, C) too"
    found, notes = read_image_archive(archive(tmp_path, images=images))
    assert found.shape == shape and notes == (f"images {note}",)
    file = archive(tmp_path, x_train=images, y_train=np.arange(30) % 2)
    assert load(str(file)).notes == (f"x_train {note}",)


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


LEVELS = np.arange(4 * 8 * 8, dtype=np.uint8).reshape(4, 8, 8)
LABELS = np.array([1, 0, 1, 1])


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (LABELS[:, None], ("0", "1"), [1, 0, 1, 1]),
        (LABELS * 1.0, ("0", "1"), [1, 0, 1, 1]),
        (np.array(["dog", "cat", "", "dog"]), ("cat", "dog"), [1, 0, -1, 1]),
    ],
    ids=["Keras", "floating point", "text"],
)
@pytest.mark.parametrize("names", [("x_train", "y_train"), ("train_images", "train_labels")])
def test_labels_as_libraries_store_them_are_taken(
    tmp_path: Path, labels: Any, classes: tuple[str, ...], numbers: list[int], names: Any
) -> None:
    arrays = {names[0]: LEVELS, names[1]: labels, "val_images": LEVELS}
    np.savez(tmp_path / "a.npz", **arrays)
    dataset = load(str(tmp_path / "a.npz"))
    assert dataset.classes == classes and dataset.train.labels.tolist() == numbers
    assert (dataset.train.images[:][:, 0].numpy() == LEVELS).all()
    assert dataset.notes == ("arrays that are not read: val_images",)


def test_minus_one_as_text_is_no_label(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=LEVELS, y_train=np.array(["7", "-1", "7", "3"]))
    dataset = load(str(tmp_path / "a.npz"))
    assert dataset.classes == ("3", "7") and dataset.train.labels.tolist() == [1, -1, 1, 0]
    assert dataset.notes == ("-1 counts as no label",)


def test_classes_that_have_no_rows_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=LEVELS, y_train=LABELS * 3)
    dataset = load(str(tmp_path / "a.npz"))
    assert len(dataset.classes) == 4
    assert dataset.notes == ("classes without a row to learn from: 1, 2",)


@pytest.mark.parametrize(
    ("images", "advice"),
    [
        (LEVELS / 255, r"store \(x_train \* 255\).round\(\).astype\('uint8'\)$"),
        (LEVELS.astype(int), r"store x_train.round\(\).astype\('uint8'\)$"),
        (LEVELS * 1.0, r"store x_train.round\(\).astype\('uint8'\)$"),
        (LEVELS.reshape(4, -1), r"for images x_train.reshape\(N, H, W\)$"),
        (np.zeros((4, 8, 8, 4), np.uint8), "of four channels store three"),
        (LEVELS.astype(int) * 1000, "got int64 .* as x_train$"),
    ],
)
def test_images_in_other_terms_are_refused_with_what_to_store(
    tmp_path: Path, images: Any, advice: str
) -> None:
    np.savez(tmp_path / "a.npz", x_train=images, y_train=LABELS)
    with pytest.raises(DataError, match=advice):
        load(str(tmp_path / "a.npz"))


def test_one_hot_labels_are_refused_with_what_to_store(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=LEVELS, y_train=np.eye(2, dtype=int)[LABELS])
    with pytest.raises(DataError, match=r"one-hot labels store y_train.argmax\(axis=1\)$"):
        load(str(tmp_path / "a.npz"))
