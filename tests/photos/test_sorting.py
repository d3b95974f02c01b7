from pathlib import Path

import pytest

from convergan.photos.sorting import folder_names, sort_into


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = []
    for name in ("a/1.png", "b/1.png", "b/2.png", "c.png"):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        found.append(file)
    return found


NAMES = ["a/1.png", "b/1.png", "b/2.png", "c.png"]
CLASSES = ["cat", "cat", "a/c", ""]


@pytest.mark.parametrize("copy", [False, True])
def test_each_file_is_in_the_folder_of_its_class(
    files: list[Path], tmp_path: Path, copy: bool
) -> None:
    done = sort_into(tmp_path / "out", files, NAMES, CLASSES, copy=copy)
    found = {str(f.relative_to(tmp_path / "out")): f for f in (tmp_path / "out").rglob("*.png")}
    texts = {name: file.read_text() for name, file in found.items()}
    assert texts == {
        "cat/1.png": "a/1.png",
        "cat/b_1.png": "b/1.png",
        "a_c/2.png": "b/2.png",
        "_unsorted/c.png": "c.png",
    }
    assert done == {"copied" if copy else "linked": 4}
    assert found["cat/1.png"].samefile(files[0]) != copy
    assert all(file.exists() for file in files)


def test_where_no_link_can_be_made_files_are_copied(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("convergan.photos.sorting.os.link", refuse)
    assert sort_into(tmp_path / "out", files, NAMES, CLASSES, copy=False) == {"copied": 4}


def test_a_folder_that_is_in_use(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--sort-into .* is not empty"):
        sort_into(tmp_path / "photos", files, NAMES, CLASSES, copy=False)


def test_names_of_folders() -> None:
    names = folder_names(["..", "a:b", "A:B", "."])
    assert names == {"..": "_unsorted", "a:b": "a_b", "A:B": "A_B-2", ".": "_unsorted-2"}
