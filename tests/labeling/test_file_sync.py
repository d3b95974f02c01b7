from pathlib import Path

import pytest

from convergan.labeling.project import Project
from tests.labeling.fakes import give, opened

HEAD = "file,label\n"


def file_of(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_what_another_program_changes_is_taken_over(project: Project, tmp_path: Path) -> None:
    give(project, "000.png", "cat")
    give(project, "001.png", "cat")
    replace(file_of(tmp_path), "001.png,cat", "001.png,")
    replace(file_of(tmp_path), "002.png,", "002.png,Horse")
    state = project.state()
    assert project.store.labels() == {"000.png": "cat", "002.png": "Horse"}
    assert ["Horse", 1] in state["classes"]
    assert any("2 labels were taken over, 001.png, 002.png" in text for text in state["notices"])
    give(project, "003.png", "cat")
    assert "002.png,Horse\n003.png,cat" in file_of(tmp_path).read_text()


def test_of_two_changes_of_one_item_the_pages_stays_and_the_other_is_told(
    still: None, tmp_path: Path
) -> None:
    with opened(file_of(tmp_path)) as project:
        give(project, "000.png", "cat")
    replace(file_of(tmp_path), "000.png,cat", "000.png,dog")
    before = file_of(tmp_path).read_text()
    with opened(file_of(tmp_path), start=False) as project:  # nobody touched it on the page
        assert project.store.labels() == {"000.png": "dog"}
    assert file_of(tmp_path).read_text() == before
    with opened(file_of(tmp_path)) as project:
        file_of(tmp_path).write_text(before.replace("dog", "horse"))
        give(project, "000.png", "bird")
        assert project.store.labels() == {"000.png": "bird"}
        told = "1 label was not taken over, as another was given here: 000.png is bird here, horse"
        assert any(told in text for text in project.notices)
        assert ("horse", True) in [(a.label, undone) for a, undone in project.store.history()]
    assert "000.png,bird" in file_of(tmp_path).read_text()


def test_labels_are_stored_while_the_file_cannot_be_written(
    project: Project, tmp_path: Path
) -> None:
    give(project, "000.png", "cat")
    good = file_of(tmp_path).read_text()
    file_of(tmp_path).write_text("no table of labels\n")
    give(project, "001.png", "cat")
    state = project.state()
    assert "labels.csv cannot be written" in state["warning"]
    assert project.store.labels() == {"000.png": "cat", "001.png": "cat"}
    assert file_of(tmp_path).read_text() == "no table of labels\n"  # which is not ours to replace
    file_of(tmp_path).write_text(good)
    give(project, "002.png", "cat")
    assert project.state()["warning"] == ""
    assert file_of(tmp_path).read_text().count(",cat\n") == 3


def test_a_file_that_was_removed_is_written_again(project: Project, tmp_path: Path) -> None:
    give(project, "000.png", "cat")
    file_of(tmp_path).unlink()
    give(project, "001.png", "dog")
    assert project.store.labels() == {"000.png": "cat", "001.png": "dog"}
    assert "000.png,cat\n001.png,dog\n" in file_of(tmp_path).read_text()
    assert any("was gone and is written again" in text for text in project.notices)


def test_classes_that_differ_in_capitals_are_told_of(still: None, tmp_path: Path) -> None:
    file_of(tmp_path).write_text(f"{HEAD}000.png,Cat\n001.png,cat\n002.png,dog\n")
    with opened(file_of(tmp_path)) as project:
        assert any("capitals alone: Cat, cat;" in text for text in project.notices)


def test_a_folder_that_cannot_be_written_is_refused_at_the_start(
    still: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr("convergan.labeling.labels_file.replace_file", refuse)
    with pytest.raises(OSError, match="Read-only"), opened(file_of(tmp_path)):
        pass
