from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from convergan.data import DataError, ImageSet, load
from convergan.scoring.sources import open_sets

LEVELS = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)


def keys(images: ImageSet) -> list[bytes]:
    return [row.numpy().tobytes() for batch in images.batches(100) for row in batch]


def archive(place: Path, name: str = "samples", count: int = 40) -> str:
    file = place / f"{name}.npz"
    arrays: dict[str, Any] = {name: LEVELS[:count]}
    np.savez(file, **arrays)
    return str(file)


def test_held_out_are_test_rows_as_many_as_samples(tmp_path: Path) -> None:
    sets = open_sets(archive(tmp_path), "digits")
    digits = load("digits")
    assert (len(sets.samples), len(sets.reference), len(sets.held_out)) == (40, 1297, 40)
    assert sets.floor == "test rows"
    tests = {row.numpy().tobytes() for row in digits.test.images[:].float() / 255}
    assert set(keys(sets.held_out)) <= tests
    assert not np.array_equal(
        keys(sets.held_out), keys(open_sets("digits", "digits").held_out)[:40]
    )


def test_without_test_rows_the_reference_is_halved_by_the_seed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    samples, reference = archive(tmp_path), archive(tmp_path / "other", "images")
    sets = open_sets(samples, reference)
    assert sets.floor == "a part of the reference held out"
    assert sorted(keys(sets.reference) + keys(sets.held_out)) == sorted(keys(sets.samples))
    assert keys(open_sets(samples, reference).held_out) == keys(sets.held_out)
    assert keys(open_sets(samples, reference, seed=1).held_out) != keys(sets.held_out)


def test_one_source_against_itself_is_parts_without_a_row_in_common(tmp_path: Path) -> None:
    source = archive(tmp_path)
    sets = open_sets(source, source)
    parts = [keys(images) for images in (sets.samples, sets.reference, sets.held_out)]
    assert sorted(map(len, parts)) == [13, 13, 14]
    assert len({key for part in parts for key in part}) == 40
    halves = open_sets("digits", "digits", count=100, rows=50)
    assert (len(halves.samples), len(halves.reference), len(halves.held_out)) == (100, 50, 100)


def test_a_folder_is_scaled_to_the_reference_and_data_sources_give_training_rows(
    tmp_path: Path,
) -> None:
    for number in range(3):
        Image.new("L", (16, 20), number).save(tmp_path / f"{number}.png")
    sets = open_sets(str(tmp_path), "digits")
    assert [batch.shape for batch in sets.samples.batches(5)] == [(3, 1, 8, 8)]
    assert sets.samples.report()[1:] == ([], 3)
    np.savez(tmp_path / "rows.npz", x_train=LEVELS, y_train=np.zeros(40, dtype=np.int64))
    assert keys(open_sets(str(tmp_path / "rows.npz"), "digits", count=40).samples) == keys(
        open_sets(archive(tmp_path), "digits").samples
    )


def test_colour_at_the_end_and_fractions_are_read_as_well(tmp_path: Path) -> None:
    colour = np.random.default_rng(0).random((5, 8, 8, 3)).astype(np.float32)
    np.savez(tmp_path / "samples.npz", samples=colour)
    [batch] = open_sets(str(tmp_path / "samples.npz"), "digits").samples.batches(5)
    assert torch.equal(batch, torch.from_numpy(colour).permute(0, 3, 1, 2))


def test_what_is_not_there_or_too_few_is_named(tmp_path: Path) -> None:
    source = archive(tmp_path)
    with pytest.raises(ValueError, match="^samples must be from 1 to the 40 of .*, got 41$"):
        open_sets(source, "digits", count=41)
    with pytest.raises(
        ValueError, match="^reference rows must be from 1 to the 1297 of digits, got"
    ):
        open_sets(source, "digits", rows=1298)
    with pytest.raises(DataError, match="^there is no file .*lost.npz$"):
        open_sets(str(tmp_path / "lost.npz"), "digits")
    with pytest.raises(DataError, match="has neither an array samples nor images, but pictures$"):
        open_sets(archive(tmp_path, "pictures"), "digits")
    with pytest.raises(DataError, match="has 2 images, 3 or more are needed$"):
        one = archive(tmp_path, "images", count=2)
        open_sets(one, one)
    with pytest.raises(DataError, match="samples.npz: images must be whole numbers from 0 to 255"):
        np.savez(tmp_path / "samples.npz", samples=LEVELS * 1.0)
        open_sets(source, "digits")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no image files"):
        open_sets(str(tmp_path / "empty"), "digits")


def test_what_was_passed_over_is_told_of_either_source(tmp_path: Path) -> None:
    for folder in ("fakes", "real"):
        (tmp_path / folder / ".cache").mkdir(parents=True)
        for number in range(3):
            Image.new("L", (8, 8), number).save(tmp_path / folder / f"{number}.png")
        (tmp_path / folder / "notes.txt").write_text("no image")
    fakes, real = str(tmp_path / "fakes"), str(tmp_path / "real")
    lines = (
        "1 hidden files and folders are left out: .cache",
        "1 file that is no image is left out: notes.txt",
    )
    expected = tuple(f"{source}: {line}" for source in (real, fakes) for line in lines)
    assert open_sets(fakes, real).notes == expected
    assert open_sets(real, real).notes == expected[:2]
    assert open_sets(archive(tmp_path), "digits").notes == ()
