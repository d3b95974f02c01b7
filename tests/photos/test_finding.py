import os
from pathlib import Path

import pytest

from convergan.data import DataError
from convergan.photos.finding import find_photos, find_photos_to_predict, holds_photos
from tests.embedding.pictures import picture, write


def labels_of(folder: Path) -> dict[str, str]:
    found = find_photos(folder).train
    return {found.files.name(n): str(label) for n, label in enumerate(found.labels)}


def test_folders_of_labelled_and_unlabelled(tmp_path: Path) -> None:
    for name in ("labeled/cat/1.png", "labeled/dog/2.png", "unlabeled/3.png", "test/cat/4.png"):
        write(tmp_path / name, picture(0))
    assert labels_of(tmp_path) == {
        "labeled/cat/1.png": "cat",
        "labeled/dog/2.png": "dog",
        "unlabeled/3.png": "",
    }
    test = find_photos(tmp_path).test
    assert test.labels.tolist() == ["cat"] and test.files.name(0) == "test/cat/4.png"


def test_class_folders_beside_loose_files(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/deep/2.png", "dog/3.JPG", "4.png", ".hidden/5.png"):
        write(tmp_path / name, picture(0))
    (tmp_path / "notes.txt").write_text("no image")
    assert labels_of(tmp_path) == {
        "cat/1.png": "cat",
        "cat/deep/2.png": "cat",
        "dog/3.JPG": "dog",
        "4.png": "",
    }
    notes = " ".join(find_photos(tmp_path).notes)
    assert "deeper folders are of the class of the first: cat" in notes
    assert "1 file that is no image is left out: notes.txt" in notes


def test_a_table_of_labels_and_what_it_does_not_name(tmp_path: Path) -> None:
    for name in ("1.png", "2.png", "sub/3.png"):
        write(tmp_path / name, picture(0))
    (tmp_path / "labels.csv").write_text("file,label\n1.png,cat\n2.png,\n")
    assert labels_of(tmp_path) == {"1.png": "cat", "2.png": "", "sub/3.png": ""}


def test_labels_of_a_table_beside_folders_of_classes_stand_before_theirs(tmp_path: Path) -> None:
    for name in ("labeled/cat/1.png", "labeled/cat/2.png", "unlabeled/3.png", "unlabeled/4.png"):
        write(tmp_path / name, picture(0))
    rows = "labeled/cat/1.png,\nlabeled/cat/2.png,dog\nunlabeled/3.png,fox\n"
    (tmp_path / "labels.csv").write_text(f"file,label\n{rows}")
    assert labels_of(tmp_path) == {
        "labeled/cat/1.png": "cat",
        "labeled/cat/2.png": "dog",
        "unlabeled/3.png": "fox",
        "unlabeled/4.png": "",
    }
    notes = " ".join(find_photos(tmp_path).notes)
    assert "2 labels are those of labels.csv" in notes and "is not read" not in notes


def test_a_folder_that_is_called_like_a_built_in_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "digits" / "cat" / "1.png", picture(0))
    monkeypatch.chdir(tmp_path)
    assert holds_photos(Path("digits"))
    assert labels_of(Path("digits")) == {"cat/1.png": "cat"}


def test_names_that_differ_in_capitals_or_form(tmp_path: Path) -> None:
    for number, name in enumerate(["Cat", "cat", "caf\u00e9", "cafe\u0301"]):
        write(tmp_path / name / f"{number}.png", picture(0))
    found = find_photos(tmp_path)
    assert sorted(set(found.train.labels.tolist())) == ["Cat", "caf\u00e9", "cat"]
    assert "classes that differ in capitals alone: Cat, cat" in found.notes


def test_all_photographs_to_predict(tmp_path: Path) -> None:
    for name in ("b.png", "a/c.png"):
        write(tmp_path / name, picture(0))
    found = find_photos_to_predict(tmp_path)
    assert [found.files.name(n) for n in range(2)] == ["a/c.png", "b.png"]
    assert found.labels.tolist() == ["a", ""]
    one = find_photos_to_predict(tmp_path / "b.png")
    assert one.files.name(0) == "b.png" and one.labels.tolist() == [""]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no photographs: expected labeled/"):
        find_photos(tmp_path)
    with pytest.raises(DataError, match="neither a photograph nor a folder"):
        find_photos_to_predict(tmp_path / "none")


def test_a_folder_of_links_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "links" / "cat").mkdir(parents=True)
    for number in range(3):
        real = write(tmp_path / "real" / f"{number}.png", picture(number))
        os.symlink(real, tmp_path / "links" / "cat" / f"{number}.png")
    with pytest.raises(DataError, match="all 3 photographs of .* are links out of it.*--follow-l"):
        find_photos(tmp_path / "links")
    assert len(find_photos(tmp_path / "links", follow_links=True).train.files) == 3


def test_tables_are_no_photographs(tmp_path: Path) -> None:
    assert not holds_photos(tmp_path / "table.csv")
    (tmp_path / "part.parquet").write_bytes(b"")
    assert not holds_photos(tmp_path)
