"""What counts as an image in a folder, and what is passed over."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convergan.core.image_folders import ImageFolder, is_passed_over, read_file


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def test_hidden_files_and_what_systems_leave_behind_are_counted_and_no_images(
    tmp_path: Path,
) -> None:
    left = [
        *(".hidden.png", "._1.png", ".ipynb_checkpoints/1.png", "__MACOSX/1.png", "a/@eaDir/1.png"),
        *("Thumbs.db", "a/desktop.ini", ".DS_Store", "$RECYCLE.BIN/1.png"),
    ]
    reader = ImageFolder(put(tmp_path, "1.png", "a/2.JPG", "a/b/3.TiFf", "notes.txt", "x", *left))
    found = [path.relative_to(tmp_path).as_posix() for path in reader.images(tmp_path)]
    assert found == ["1.png", "a/2.JPG", "a/b/3.TiFf"]
    hidden, other = reader.notes()
    assert hidden.startswith("9 hidden files and folders are left out: ")
    assert other == "2 files that are no images are left out: notes.txt, x"
    assert [path.name for path in reader.folders(tmp_path)] == ["a"]
    assert reader.notes()[0] == hidden  # what was counted is counted once


def test_many_files_that_are_no_images_are_told_by_their_endings(tmp_path: Path) -> None:
    reader = ImageFolder(put(tmp_path, "a.txt", "b.TXT", "c", "d.json"))
    assert not reader.images(tmp_path)
    assert reader.notes() == [
        "4 files that are no images are left out: .json 1, .txt 2, without an ending 1"
    ]


def test_links_that_stay_inside_are_followed_and_loops_end(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "..data/2.png")
    (tmp_path / "2.png").symlink_to("..data/2.png")  # as Kubernetes mounts a folder
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "a" / "above").symlink_to(tmp_path)
    reader = ImageFolder(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in reader.images(tmp_path)]
    assert found == ["2.png", "a/1.png", "b/1.png"]
    assert [read_file(tmp_path, tmp_path / name) for name in found] == [
        *(b"..data/2.png", b"a/1.png", b"a/1.png")
    ]
    assert reader.notes()[-1] == "links back to a folder above them are left out: a/above, b/above"


def test_links_out_of_the_folder_are_read_where_that_is_asked_for(tmp_path: Path) -> None:
    put(tmp_path / "store", "cat/1.png")
    root = put(tmp_path / "set", "dog/2.png")
    (root / "dog" / "1.png").symlink_to(tmp_path / "store/cat/1.png")
    (root / "cat").symlink_to(tmp_path / "store/cat")
    with pytest.raises(ValueError, match=r"set/cat is a link out of the folder.*--follow-links"):
        ImageFolder(root).images(root)
    with pytest.raises(ValueError, match="a link out of the folder, .*--follow-links"):
        read_file(root, root / "dog" / "1.png")
    reader = ImageFolder(root, follow_links=True)
    found = reader.images(root)
    assert [path.relative_to(root).as_posix() for path in found] == [
        *("cat/1.png", "dog/1.png", "dog/2.png")
    ]
    assert read_file(root, found[1], follow_links=True) == b"cat/1.png"
    (tmp_path / "alias").symlink_to(root)  # the folder itself may be a link
    assert len(ImageFolder(tmp_path / "alias").images(tmp_path / "alias" / "dog")) == 2


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.png")
    (tmp_path / "2.png").symlink_to("gone.png")
    assert len(ImageFolder(tmp_path).images(tmp_path)) == 2
    with pytest.raises(ValueError, match="^not a plain file$"):
        read_file(tmp_path, tmp_path / "1.png")
    with pytest.raises(ValueError, match="^a link to nothing, "):
        read_file(tmp_path, tmp_path / "2.png")


NAMES = st.sampled_from(
    ["a", "B", ".c", "__MACOSX", "é", "sp ace", "[1]", "x.png", "y.JPEG", "z.t"]
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map(tuple), max_size=8))
def test_every_file_is_an_image_or_counted_once(
    tmp_path: Path, paths: set[tuple[str, ...]]
) -> None:
    root = tmp_path / str(len(list(tmp_path.iterdir())))
    root.mkdir()
    files = [p for p in sorted(paths) if not any(o != p and o[: len(p)] == p for o in paths)]
    put(root, *("/".join(parts) for parts in files))
    reader = ImageFolder(root)
    expected = Counter[str]()
    for parts in files:
        hidden = [n for n, part in enumerate(parts) if is_passed_over(part)]
        if hidden:
            expected["/".join(parts[: hidden[0] + 1])] = 1
        elif parts[-1].lower().endswith((".png", ".jpeg")):
            expected["image"] += 1
        else:
            expected["other"] += 1
    assert len(reader.images(root)) == expected.pop("image", 0)
    other = expected.pop("other", 0)
    notes = " ".join(reader.notes())
    said = re.search(rf"\b{other} (file that is no image|files that are no images) ", notes)
    assert (said is not None) == bool(other)
    assert (f"{len(expected)} hidden files and folders" in notes) == bool(expected)
