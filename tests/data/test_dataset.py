"""The identity of a data set."""

from dataclasses import replace
from pathlib import Path

from convergan.data import load
from tests.data.written import LABELS, LEVELS, archive


def test_the_hash_is_of_the_rows_and_not_of_where_they_were(tmp_path: Path) -> None:
    arrays = {"x_train": LEVELS, "y_train": LABELS, "x_test": LEVELS[:2], "y_test": LABELS[:2]}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    dataset = load(archive(tmp_path / "a", **arrays))
    same = load(archive(tmp_path / "b", **arrays))
    assert len(dataset.sha256()) == 64
    assert dataset.sha256() == same.sha256()


def test_the_hash_changes_with_any_row_label_or_class_name(tmp_path: Path) -> None:
    arrays = {"x_train": LEVELS, "y_train": LABELS, "x_test": LEVELS[:2], "y_test": LABELS[:2]}
    dataset = load(archive(tmp_path, **arrays))
    hashes = {dataset.sha256(), replace(dataset, classes=("0", "1", "x")).sha256()}
    for split in ("train", "test"):
        rows = getattr(dataset, split)
        changed = rows.images.clone()
        changed[1, 2, 3, 0] ^= 1
        other_labels = rows.labels.clone()
        other_labels[1] = 2
        for other in (replace(rows, images=changed), replace(rows, labels=other_labels)):
            hashes.add(replace(dataset, **{split: other}).sha256())
    assert len(hashes) == 6


def test_a_data_set_without_test_rows_has_a_hash(tmp_path: Path) -> None:
    assert len(load(archive(tmp_path, x_train=LEVELS, y_train=LABELS)).sha256()) == 64
