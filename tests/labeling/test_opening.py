import os
from pathlib import Path

import pytest

from convergan.data import DataError
from convergan.labeling.opening import hidden, open_project
from convergan.labeling.project import Settings
from tests.labeling.fakes import digits, give

pytestmark = pytest.mark.usefixtures("still")


def test_a_project_is_there_again_with_all_that_it_had(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    with open_project(digits(), file, Settings()) as project:
        made = give(project, "000.png", "cat")
        token = project.store.value("token")
    with open_project(digits(), file, Settings()) as project:
        assert project.store.labels() == {"000.png": "cat"}
        assert project.store.value("token") == token  # pages that are open find the server again
        assert project.store.reply_to(made) == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".labels.lock",
        ".labels.sqlite3",
        "labels.csv",
    ]


def test_only_one_server_has_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    with open_project(digits(), file, Settings()):
        with pytest.raises(ValueError, match="is open in another convergan label"):
            with open_project(digits(), file, Settings()):
                pass
    with open_project(digits(), file, Settings()):
        pass


def test_no_items_and_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="digits has no digits to label"):
        with open_project(digits(0), tmp_path / "labels.csv", Settings()):
            pass
    with pytest.raises(ValueError, match="there is no folder .*none"):
        with open_project(digits(), tmp_path / "none" / "labels.csv", Settings()):
            pass


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    items = digits()
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match="cannot be written to .*Permission denied.*--out"):
        with open_project(items, tmp_path / "labels.csv", Settings()):
            pass


def test_hidden_files_are_of_the_labels_files_name() -> None:
    assert hidden(Path("a/wine-labels.csv"), ".lock") == Path("a/.wine-labels.lock")
