"""Images that are decoded when they are asked for are those that are held in memory."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convergan.data import Batches, DataError, Dataset, Streaming, load

SIDE = 8


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of 40 images of several sizes, two of them grey, and a cache of its own."""
    monkeypatch.setenv("CONVERGAN_CACHE", str(tmp_path / "cache"))
    chance = np.random.default_rng(0)
    for number in range(40):
        split = "test" if number >= 30 else "labeled"
        file = tmp_path / "images" / split / "ab"[number % 2] / f"{number:02d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        size = (int(chance.integers(8, 20)), int(chance.integers(8, 20)), 3)
        pixels = chance.integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(pixels[..., 0] if number in (3, 33) else pixels).save(file)
    return tmp_path / "images"


def streamed(folder: Path, workers: int = 2, *, allow_bad: bool = False) -> Dataset:
    return load(str(folder), SIDE, streaming=Streaming(workers), allow_bad=allow_bad)


@pytest.mark.parametrize("workers", [0, 2, 4])
def test_rows_labels_names_and_hash_are_those_of_the_same_set_in_memory(
    folder: Path, workers: int
) -> None:
    held, found = load(str(folder), SIDE), streamed(folder, workers)
    assert found.train.images.shape == (30, 3, SIDE, SIDE)
    assert found.sha256() == held.sha256() and found.classes == held.classes
    for split in ("train", "test"):
        one, other = getattr(held, split), getattr(found, split)
        assert other.images[:].equal(one.images) and other.names == one.names
        assert other.labels.equal(one.labels)
        rows = torch.tensor([7, 2, 2, 9])
        assert other.images[rows].equal(one.images[rows])
    assert len(found.train.images[torch.tensor([], dtype=torch.int64)]) == 0


@pytest.mark.parametrize("kinds", [("labeled",), ("labeled", "unlabeled", "matching")])
def test_batches_are_those_of_the_set_in_memory_wherever_they_begin(
    folder: Path, kinds: tuple[str, ...]
) -> None:
    held, found = load(str(folder), SIDE), streamed(folder)

    def batches(dataset: Dataset) -> Batches:
        return Batches(
            dataset.train.images,
            torch.arange(12),
            dataset.train.labels[:12],
            batch_size=7,
            seed=3,
            device=torch.device("cpu"),
            kinds=kinds,
        )

    whole, part = batches(held), batches(found)
    for step in (9, 10, 11, 12, 13, 14, 2, 1):
        one, other = whole(step), part(step)
        assert all(a.equal(b) for a, b in zip(one, other, strict=True))
        assert len(other.labeled) == 7 and len(other.matching) == 7 * ("matching" in kinds)


def test_bad_files_are_found_before_training_and_may_be_left_out(folder: Path) -> None:
    clean = streamed(folder)
    for name in ("labeled/a/04.jpg", "test/b/31.jpg"):
        os.truncate(folder / name, 40)
    with pytest.raises(DataError, match="2 unreadable: labeled/a/04.jpg.*test/b/31.jpg") as raised:
        streamed(folder)
    assert [line.split(" ")[0] for line in raised.value.files] == [
        "labeled/a/04.jpg",
        "test/b/31.jpg",
    ]
    left = streamed(folder, allow_bad=True)
    kept = [row for row, name in enumerate(clean.train.names) if name != "labeled/a/04.jpg"]
    assert left.train.images[:].equal(clean.train.images[torch.tensor(kept)])
    assert left.sha256() == load(str(folder), SIDE, allow_bad=True).sha256() != clean.sha256()
    assert left.left_out == raised.value.files


def test_what_was_found_is_kept_until_a_file_changes(folder: Path) -> None:
    first = streamed(folder).sha256()
    [kept] = (folder.parent / "cache").glob("*.json")
    before = kept.stat().st_mtime_ns
    assert streamed(folder).sha256() == first and kept.stat().st_mtime_ns == before
    Image.new("RGB", (9, 9)).save(folder / "labeled" / "a" / "04.jpg")
    assert streamed(folder).sha256() != first
    assert len(list((folder.parent / "cache").glob("*.json"))) == 2


@pytest.mark.slow
def test_a_file_that_cannot_be_read_any_more_is_named(folder: Path) -> None:
    found = streamed(folder)
    (folder / "labeled" / "a" / "04.jpg").unlink()
    row = found.train.names.index("labeled/a/04.jpg")
    with pytest.raises(DataError, match=r"labeled/a/04\.jpg cannot be read any more"):
        found.train.images[torch.tensor([row])]
    assert len(found.train.images[torch.tensor([row + 1])]) == 1


def test_a_folder_as_imagenet_is_unpacked_is_read_likewise(folder: Path) -> None:
    found = streamed(folder)
    (folder / "labeled").rename(folder / "train")
    (folder / "test").rename(folder / "val")
    moved = streamed(folder)
    assert moved.sha256() == found.sha256() and len(moved.test.labels) == 10
    assert moved.train.names[0] == "train/a/00.jpg"


@pytest.mark.slow
@pytest.mark.data
def test_parquet_files_are_streamed_as_folders_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERGAN_CACHE", str(tmp_path / "cache"))
    held = load("imagenet_mini18", 32)
    found = load("imagenet_mini18", 32, streaming=Streaming(2))
    assert found.sha256() == held.sha256() and len(found.test.labels) == 62
    rows = torch.tensor([500, 3, 77])
    assert found.train.images[rows].equal(held.train.images[rows])


def test_what_has_no_side_or_no_files_is_not_streamed(folder: Path) -> None:
    with pytest.raises(DataError, match="only by a recipe with a side"):
        load(str(folder), streaming=Streaming(0))
    with pytest.raises(DataError, match="digits has no encoded images to stream"):
        load("digits", streaming=Streaming(0))
    with pytest.raises(ValueError, match="workers must not be negative, got -1"):
        Streaming(-1)
