"""Image files by their folders, and by a table of labels."""

from pathlib import Path

import pytest

from convergan.data import DataError, SourceOptions, load
from convergan.data.folders import find_folders_and_loose, find_table_of_labels
from convergan.data.sources import find_encoded
from tests.data.written import picture


def test_an_image_folder_holds_labeled_unlabeled_and_test_images(tmp_path: Path) -> None:
    picture(tmp_path / "labeled" / "dog" / "1.png", 30)
    picture(tmp_path / "labeled" / "cat" / "2.png", 10)
    picture(tmp_path / "labeled" / "cat" / "deeper" / "3.PNG", 20)
    picture(tmp_path / "unlabeled" / "4.jpg", 40)
    picture(tmp_path / "unlabeled" / "any" / "5.tiff", 50)
    picture(tmp_path / "test" / "dog" / "6.png", 60)
    (tmp_path / "unlabeled" / "notes.txt").write_text("no image")
    dataset = load(str(tmp_path))
    assert dataset.classes == ("cat", "dog")
    assert dataset.row_shape == (1, 3, 4)
    names = ("labeled/cat/2.png", "labeled/cat/deeper/3.PNG", "labeled/dog/1.png")
    assert dataset.train.names == (*names, "unlabeled/4.jpg", "unlabeled/any/5.tiff")
    assert dataset.train.labels.tolist() == [0, 0, 1, -1, -1]
    assert dataset.train.images[:, 0, 0, 0].tolist() == [10, 20, 30, 40, 50]
    assert dataset.test.names == ("test/dog/6.png",)
    assert dataset.test.labels.tolist() == [1]
    assert set(dataset.test.images[:].flatten().tolist()) == {60}


def test_a_class_that_only_the_test_images_have_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "labeled" / "cat" / "1.png")
    picture(tmp_path / "test" / "cow" / "2.png")
    with pytest.raises(DataError, match="test has classes that labeled/ lacks: cow"):
        load(str(tmp_path))


def test_a_table_labels_some_images_and_leaves_others_unlabeled(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        picture(tmp_path / "images" / f"{number}.png", number)
    table = "label,file\ndog,images/3.png\n,images/1.png\n cat ,images/2.png\n"
    (tmp_path / "labels.csv").write_text(table)
    dataset = load(str(tmp_path))
    assert dataset.classes == ("cat", "dog")
    assert dataset.train.names == ("images/3.png", "images/1.png", "images/2.png")
    assert dataset.train.labels.tolist() == [1, -1, 0]
    assert dataset.train.images[:, 0, 0, 0].tolist() == [3, 1, 2]
    assert not len(dataset.test.labels)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("", "labels.csv cannot be read as a table: it has no line with names"),
        ("image,class\n1.png,a\n", "must have the columns file,label"),
        ("file,label\n1.png,a\n1.png,b\n", "names files twice: 1.png"),
        ("file,label\n2.png,a\n", "1 unreadable: 2.png"),
        ("file,label\n", "has no training rows"),
        ("file,label\n/1.png,a\n", "names files outside its folder: /1.png"),
        ("file,label\n../1.png,a\n", "names files outside its folder"),
        ("file,label\n1.png," + "x" * 200_000 + "\n", "line 2: field larger than field limit"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, table: str, reason: str) -> None:
    picture(tmp_path / "1.png")
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=reason):
        load(str(tmp_path))


def test_a_table_in_another_encoding_is_told_and_a_short_line_is_unlabeled(
    tmp_path: Path,
) -> None:
    picture(tmp_path / "1.png")
    picture(tmp_path / "2.png")
    (tmp_path / "labels.csv").write_bytes("file,label\n1.png,\xe9\n".encode("latin-1"))
    found = find_encoded(str(tmp_path))
    assert found.classes == ("é",)
    assert "labels.csv is not in UTF-8 and was read as cp1252" in found.notes[0]
    (tmp_path / "labels.csv").write_bytes("file,label\n1.png,Иван и Пётр\n".encode("cp1251"))
    with pytest.raises(DataError, match="is not text in UTF-8; it may be .*: name its encoding"):
        load(str(tmp_path))
    (tmp_path / "labels.csv").write_text("file,label\n1.png,a\n2.png\n")
    assert load(str(tmp_path)).train.labels.tolist() == [0, -1]


def test_what_in_a_folder_is_not_as_one_might_think_is_told(tmp_path: Path) -> None:
    for name in ("labeled/Cat/1.png", "labeled/cat/pets/2.png", "labeled/loose.png", "val/x/1.png"):
        picture(tmp_path / name)
    picture(tmp_path / "labeled" / ".thumbnails" / "1.png")
    picture(tmp_path / "labeled" / "cat" / "._2.png")
    (tmp_path / "labeled" / "empty").mkdir()
    dataset = load(str(tmp_path))
    assert dataset.classes == ("Cat", "cat", "empty")
    assert dataset.train.names == ("labeled/Cat/1.png", "labeled/cat/pets/2.png")
    assert dataset.notes == (
        "classes without an image to learn from: empty",
        "images in deeper folders are of the class of the first: cat",
        "classes that differ in capitals alone: Cat, cat",
        "1 images in no class folder are left out: labeled/loose.png",
        "folders that are not read: val",
        "2 hidden files and folders are left out: labeled/.thumbnails, labeled/cat/._2.png",
    )


def test_names_that_look_alike_are_one_class(tmp_path: Path) -> None:
    picture(tmp_path / "labeled" / "caf\u00e9" / "1.png")
    picture(tmp_path / "labeled" / "cafe\u0301" / "2.png")
    picture(tmp_path / "test" / "cafe\u0301" / "3.png")
    dataset = load(str(tmp_path))
    assert dataset.classes == ("caf\u00e9",)
    assert dataset.train.labels.tolist() == [0, 0] and dataset.test.labels.tolist() == [0]


@pytest.mark.parametrize("name", ["test", "val", "validation", "valid", "dev"])
def test_a_folder_to_measure_on_has_any_usual_name(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "train" / "cat" / "1.png", 10)
    picture(tmp_path / name / "cat" / "2.png", 20)
    assert set(load(str(tmp_path)).test.images[:].flatten().tolist()) == {20}


def test_links_out_of_a_folder_are_read_where_that_is_asked_for(tmp_path: Path) -> None:
    picture(tmp_path / "store" / "1.png", 10)
    (tmp_path / "set" / "labeled").mkdir(parents=True)
    (tmp_path / "set" / "labeled" / "cat").symlink_to(tmp_path / "store")
    with pytest.raises(DataError, match="labeled/cat is a link out .*; --follow-links reads what"):
        load(str(tmp_path / "set"))
    followed = load(str(tmp_path / "set"), options=SourceOptions(follow_links=True))
    assert followed.train.names == ("labeled/cat/1.png",)
    assert set(followed.train.images[:].flatten().tolist()) == {10}


@pytest.mark.parametrize(
    "table",
    [
        "file;label\nsub/bär 1.png;a\nsub/2.png;\n",
        "File,Label\r\nsub\\bär 1.png,a\r\nsub\\2.png,\r\n",
        "\ufefffile, label\n./sub/bär 1.png , a\nsub/2.png,\n\n,\n",
        "file,label,by\nsub/ba\u0308r 1.png,a,me\nsub/2.png,,you\n",
        "file\tlabel\nsub/bär 1.png\ta\nsub/2.png\t\n",
    ],
)
def test_tables_of_labels_are_read_as_programs_write_them(tmp_path: Path, table: str) -> None:
    picture(tmp_path / "sub" / "bär 1.png", 1)
    picture(tmp_path / "sub" / "2.png", 2)
    (tmp_path / "labels.csv").write_text(table, encoding="utf-8")
    dataset = load(str(tmp_path))
    assert (dataset.classes, dataset.train.labels.tolist()) == (("a",), [0, -1])
    assert dataset.train.names == ("sub/bär 1.png", "sub/2.png")


@pytest.mark.parametrize("none", ["-1", "-1.0", " -1 "])
@pytest.mark.parametrize("label", ["cat", "7"])
def test_minus_one_in_a_table_is_no_label(tmp_path: Path, label: str, none: str) -> None:
    picture(tmp_path / "1.png")
    picture(tmp_path / "2.png")
    (tmp_path / "labels.csv").write_text(f"file,label\n1.png,{label}\n2.png,{none}\n")
    found = find_encoded(str(tmp_path))
    assert found.classes == (label,) and found.train.labels.tolist() == [0, -1]
    assert found.notes == ("labels.csv: -1 counts as no label",)


def test_images_and_columns_that_a_table_leaves_out_are_told(tmp_path: Path) -> None:
    for name in ("1.png", "sub/2.png", "sub/3.png", ".hidden/4.png"):
        picture(tmp_path / name)
    (tmp_path / "labels.csv").write_text("file,label,split,By\n./1.png,a,train,me\n")
    found = find_encoded(str(tmp_path))
    assert len(found.train.encoded) == 1
    assert found.notes == (
        "columns of labels.csv that are not read: split, By",
        "2 images that labels.csv does not name are left out: sub/2.png, sub/3.png",
    )
    (tmp_path / "labels.csv").write_text("file,label\n1.png,a\nsub\\2.png,a\nsub/3.png,\n")
    assert find_encoded(str(tmp_path)).notes == ()


def test_a_link_out_that_a_table_does_not_name_is_told(tmp_path: Path) -> None:
    picture(tmp_path / "store" / "2.png")
    picture(tmp_path / "set" / "1.png")
    (tmp_path / "set" / "more").symlink_to(tmp_path / "store")
    (tmp_path / "set" / "labels.csv").write_text("file,label\n1.png,a\n")
    [note] = find_encoded(str(tmp_path / "set")).notes
    assert note.startswith("images that labels.csv does not name are not counted: ")
    followed = find_encoded(str(tmp_path / "set"), SourceOptions(follow_links=True))
    assert followed.notes == ("1 images that labels.csv does not name are left out: more/2.png",)


def test_a_table_and_images_beside_class_folders_are_told(tmp_path: Path) -> None:
    picture(tmp_path / "labeled" / "cat" / "1.png")
    picture(tmp_path / "2.png")
    (tmp_path / "labels.csv").write_text("file,label\n2.png,dog\n")
    found = find_encoded(str(tmp_path))
    assert found.classes == ("cat",)
    assert found.notes == (
        "1 images in no class folder are left out: 2.png",
        "labels.csv is not read: the folders in labeled/ give the classes",
        "1 file that is no image is left out: labels.csv",
    )


def test_class_folders_beside_loose_images(tmp_path: Path) -> None:
    for name in ("b/1.png", "a/deep/2.png", "3.png", "empty/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = find_folders_and_loose(tmp_path)
    assert found.classes == ("a", "b", "empty")
    assert found.train.names == ("a/deep/2.png", "b/1.png", "3.png")
    assert found.train.labels.tolist() == [0, 1, -1] and not len(found.test.encoded)
    notes = " ".join(found.notes)
    assert "classes without an image to learn from: empty" in notes
    assert "images in deeper folders are of the class of the first: a" in notes


def test_images_that_a_table_does_not_name_may_be_taken_without_a_label(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\n1.png,a\n")
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(b"")
    found = find_table_of_labels(tmp_path, unlisted=True)
    assert found.train.names == ("1.png", "2.png") and found.train.labels.tolist() == [0, -1]
    assert not any("left out" in note for note in found.notes)
