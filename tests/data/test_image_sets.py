import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from convergan.data import DataError, ImageFiles, ImageRows, ImageSet

LEVELS = np.random.default_rng(0).integers(0, 256, (30, 6, 6, 3), dtype=np.uint8)


def folder_of(place: Path, count: int = 30) -> Path:
    """Colour images, lossless, at two depths, whose order is that of their paths."""
    for number, pixels in enumerate(LEVELS[:count]):
        file = place / f"{number // 10}" / f"{number:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
    return place


def all_of(images: ImageSet, batch_size: int = 7) -> Tensor:
    return torch.cat(list(images.batches(batch_size)))


def unreadable(images: ImageSet) -> list[str]:
    found = images.report().unreadable
    assert found is not None
    return found


@pytest.mark.parametrize("workers", [1, 3])
def test_a_folder_gives_every_image_in_the_order_of_paths(tmp_path: Path, workers: int) -> None:
    images = ImageFiles(folder_of(tmp_path), workers=workers)
    assert [len(batch) for batch in images.batches(7)] == [7, 7, 7, 7, 2]
    expected = torch.from_numpy(LEVELS).permute(0, 3, 1, 2).float() / 255
    assert torch.equal(all_of(images), expected)
    for row, image in zip((4, 29), images.take([4, 29]), strict=True):
        assert torch.equal(image, expected[row])
    assert torch.equal(all_of(images.choose(torch.tensor([9, 3]))), expected[[3, 9]])


def test_rows_in_memory_give_the_same(tmp_path: Path) -> None:
    rows = ImageRows(torch.from_numpy(LEVELS).permute(0, 3, 1, 2).contiguous(), "levels")
    files = ImageFiles(folder_of(tmp_path))
    assert len(rows) == len(files) == 30
    assert torch.equal(all_of(rows), all_of(files))
    assert torch.equal(all_of(rows.choose(torch.tensor([9, 3]))), all_of(rows)[[3, 9]])
    assert torch.equal(torch.stack(rows.take([5, 2])), torch.stack(files.take([5, 2])))
    assert rows.side == 6 and files.side is None and rows.report()[1:] == (None, None)


def test_the_hash_is_of_all_images_and_of_the_side(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    hashes = set()
    for images in (ImageFiles(folder), ImageFiles(folder, side=4), ImageFiles(folder)):
        all_of(images)
        hashes.add(images.report().sha256)
    Image.fromarray(LEVELS[1]).save(folder / "0" / "000.png")
    changed = ImageFiles(folder)
    all_of(changed)
    assert len(hashes) == 2 and changed.report().sha256 not in hashes


def test_images_of_other_sizes_are_cut_and_scaled_and_counted(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 3)
    Image.new("RGB", (12, 8), (255, 0, 0)).save(folder / "wide.jpg", quality=95)
    images = ImageFiles(folder, side=6)
    found = all_of(images)
    assert found.shape == (4, 3, 6, 6)
    assert images.report()[1:] == ([], 1)
    assert torch.equal(found[0], torch.from_numpy(LEVELS[0]).permute(2, 0, 1).float() / 255)
    with pytest.raises(DataError, match=r"images of mixed sizes: \[\(6, 6\), \(8, 12\)\]$"):
        all_of(ImageFiles(folder))


def test_a_batch_is_grey_if_all_its_images_are(tmp_path: Path) -> None:
    for number in range(4):
        Image.new("L" if number < 3 else "RGB", (5, 5)).save(tmp_path / f"{number}.png")
    assert [batch.shape[1] for batch in ImageFiles(tmp_path).batches(2)] == [1, 3]


def test_one_corrupt_image_is_listed_and_more_than_one_in_a_hundred_refused(
    tmp_path: Path,
) -> None:
    folder = folder_of(tmp_path)
    whole = (folder / "1" / "010.png").read_bytes()
    (folder / "1" / "010.png").write_bytes(whole[:60])
    images = ImageFiles(folder)
    assert len(all_of(images)) == 29
    [bad] = unreadable(images)
    assert bad.startswith("1/010.png (")
    assert torch.equal(images.take([10])[0], all_of(images)[10])
    (folder / "2" / "020.png").write_text("not an image")
    with pytest.raises(DataError, match="more than 1% of 30 images are unreadable: 1/010.png") as e:
        all_of(images)
    assert "2/020.png (not an image)" in str(e.value) and "\n" not in str(e.value)


def test_some_batches_are_those_of_all_and_a_bad_file_moves_no_row_to_another(
    tmp_path: Path,
) -> None:
    folder = folder_of(tmp_path)
    (folder / "1" / "010.png").write_text("not an image")
    files = ImageFiles(folder)
    everything = list(files.batches(7))
    assert [len(batch) for batch in everything] == [7, 6, 7, 7, 2]
    whole = files.report()
    rows = ImageRows(torch.cat(everything), "levels")
    for images, of in ((files, everything), (rows, list(rows.batches(7)))):
        for turns in (slice(0, 2), slice(1, 1), slice(2, 5)):
            found = list(images.batches(7, turns))
            assert len(found) == len(of[turns])
            assert all(map(torch.equal, found, of[turns]))
    assert unreadable(files) == [] and torch.equal(files.take([0])[0], everything[2][0])
    assert list(files.batches(7)) and files.report() == whole


def test_a_set_is_told_from_others_before_its_files_are_read(tmp_path: Path) -> None:
    files = ImageFiles(folder_of(tmp_path))
    others = (ImageFiles(tmp_path, side=4), files.choose(torch.tensor([1, 2])))
    assert ImageFiles(tmp_path).outline() == files.outline()
    assert len({images.outline() for images in (files, *others)}) == 3


def test_an_empty_folder_and_one_without_a_readable_image_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match=r"holds no image files \(.apng, .avif, .bmp, "):
        ImageFiles(tmp_path)
    (tmp_path / "one.png").write_text("nothing")
    with pytest.raises(DataError, match="none of 1 image files can be read$"):
        all_of(ImageFiles(tmp_path))


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (torch.full((3, 1, 2, 2), 300.0), "image 0 has 300 to 300$"),
        (torch.zeros(3, 1, 2, 2) - torch.tensor([0.0, 0, 1]).view(3, 1, 1, 1), "image 2 has -1 to"),
        (torch.full((1, 1, 2, 2), torch.nan), "image 0 has nan to nan$"),
        (
            torch.zeros(3, 1, 2, 2, dtype=torch.int64),
            "floating point, got torch.int64$",
        ),
        (torch.zeros(3, 2, 2, 2), r"with C 1 or 3 and N of 1 or more, got \(3, 2, 2, 2\)$"),
        (torch.zeros(0, 1, 2, 2), r"got \(0, 1, 2, 2\)$"),
        (torch.zeros(3, 5), r"got \(3, 5\)$"),
    ],
)
def test_rows_that_are_no_images_are_refused(images: Tensor, reason: str) -> None:
    with pytest.raises(DataError, match=f"^mine: images must be .*?{reason}"):
        ImageRows(images, "mine")


def test_a_bad_file_whose_name_is_not_utf_8_is_spelled(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / os.fsdecode(b"bad\xe9.png")).write_bytes(b"")
    files = ImageFiles(folder)
    all_of(files)
    assert unreadable(files) == [r"bad\xe9.png (zero bytes)"]
