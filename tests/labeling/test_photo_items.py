from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convergan.data import DataError
from convergan.labeling.photo_items import photo_items
from convergan.labeling.refit import unreadable_items


def photos(folder: Path, count: int = 4) -> Path:
    (folder / "sub").mkdir(parents=True)
    chance = np.random.default_rng(0)
    for number in range(count):
        pixels = chance.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{'sub/' if number % 2 else ''}{number}.png")
    return folder


def test_a_folder_of_photographs_is_read_with_its_labels(tmp_path: Path) -> None:
    folder = photos(tmp_path / "my photos")
    (folder / "labels.csv").write_text("file,label\n0.png,cat\n2.png,\n")
    items = photo_items(folder, extractor="pixels@8")
    assert sorted(items.names) == ["0.png", "2.png", "sub/1.png", "sub/3.png"]
    assert items.labels[items.names.index("0.png")] == "cat"
    assert items.labels.count(None) == 3
    assert items.title == "my photos"
    assert items.next_step == f"convergan fit '{folder}' --out model"
    card = items.card(0, 1024)
    assert card.media_type == "image/png" and card.data.startswith(b"\x89PNG")


def test_rows_of_photographs_that_cannot_be_read_are_nan(tmp_path: Path) -> None:
    items = photo_items(photos(tmp_path / "photos"), extractor="pixels@8")
    (tmp_path / "photos" / "2.png").write_bytes(b"broken")
    told: list[tuple[int, int]] = []
    rows = items.rows(lambda done, total: told.append((done, total)))
    readable = np.isfinite(rows).all(axis=1)
    assert [name for name, good in zip(items.names, readable, strict=True) if not good] == ["2.png"]
    assert unreadable_items(rows) == {items.names.index("2.png")}
    assert told[-1] == (4, 4)
    with pytest.raises(DataError, match="2.png cannot be shown: not an image"):
        items.card(items.names.index("2.png"), 1024)
    (tmp_path / "photos" / "0.png").unlink()
    with pytest.raises(DataError, match="0.png cannot be read"):
        items.card(items.names.index("0.png"), 1024)


def test_an_empty_folder_and_an_unknown_network_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty"):
        photo_items(tmp_path / "empty")
    with pytest.raises(ValueError, match="nonsense"):
        photo_items(photos(tmp_path / "photos"), extractor="nonsense")
