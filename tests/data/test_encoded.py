"""Encoded images in files and in cells: names, bytes, and a hash of what may change."""

import os
from pathlib import Path

import datasets
import pytest
import torch

from convergan.data.encoded import EncodedCells, EncodedFiles, Split


def files(folder: Path, *names: str) -> EncodedFiles:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return EncodedFiles(folder, tuple(folder / name for name in names))


def test_files_have_their_paths_below_the_folder_as_names(tmp_path: Path) -> None:
    found = files(tmp_path, "cat/2.png", "1.png")
    assert len(found) == 2
    assert [found.name(n) for n in (0, 1)] == ["cat/2.png", "1.png"]
    assert [found.read(n) for n in (0, 1)] == [b"cat/2.png", b"1.png"]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    found = files(tmp_path / "images", "1.png")
    found.files[0].unlink()
    found.files[0].symlink_to(tmp_path / "secret.png")
    with pytest.raises(ValueError, match="a link out of the folder"):
        found.read(0)


def test_a_stamp_changes_with_order_size_and_time_of_any_file(tmp_path: Path) -> None:
    found = files(tmp_path, "1.png", "2.png")
    stamps = [found.stamp(), EncodedFiles(tmp_path, found.files[::-1]).stamp()]
    assert found.stamp() == stamps[0]
    time = found.files[1].stat().st_mtime_ns
    os.utime(found.files[1], ns=(time, time + 1))
    stamps.append(found.stamp())
    found.files[1].write_bytes(b"longer than before")
    os.utime(found.files[1], ns=(time, time))
    stamps.append(found.stamp())
    found.files[1].unlink()
    stamps.append(found.stamp())
    assert len(set(stamps)) == 5


def test_cells_hold_bytes_or_the_path_of_a_file_and_may_be_empty(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"in a file")
    column = [
        {"bytes": b"in the cell", "path": None},
        {"bytes": None, "path": str(tmp_path / "1.png")},
        None,
    ]
    features = datasets.Features({"picture": datasets.Image(decode=False)})
    split = datasets.Dataset.from_dict({"picture": column}, features=features)
    cells = EncodedCells(split, "picture", "validation")
    assert len(cells) == 3 and cells.name(2) == "validation row 2"
    assert (cells.read(0), cells.read(1)) == (b"in the cell", b"in a file")
    with pytest.raises(ValueError, match="^an empty cell$"):
        cells.read(2)


def test_rows_take_their_labels_and_names_from_their_places(tmp_path: Path) -> None:
    labels = torch.tensor([5, 6, 7])
    encoded = files(tmp_path, "a.png", "b.png", "c.png")
    images, places = torch.zeros(2, 1, 1, 1), torch.tensor([2, 0])
    rows = Split(encoded, labels, ("a", "b", "c")).rows(images, places)
    assert rows.images is images
    assert rows.labels.tolist() == [7, 5] and rows.names == ("c", "a")
    assert Split(encoded, labels).rows(images, places).names == ()
