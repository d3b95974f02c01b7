"""What `convergan label` refuses; what it serves is tested in tests/labeling."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convergan.cli import labels as command
from convergan.cli.labels import default_file
from convergan.web.server import listen
from tests.commands import convergan

Label = Callable[..., tuple[int, str]]


@pytest.fixture
def label(capsys: pytest.CaptureFixture[str]) -> Label:
    """Run the command in this process; return its exit code and what it said of errors."""

    def run(*words: object) -> tuple[int, str]:
        capsys.readouterr()
        return convergan("label", *words, "--no-browser"), capsys.readouterr().err

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        pixels = np.full((9, 9, 3), 80 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "t.csv"
    file.write_text("size,kind\n1,a\n2,\n3,b\n")
    return file


def test_the_labels_file_stands_in_the_folder_or_beside_the_table(photos: Path) -> None:
    assert default_file(photos) == photos / "labels.csv"
    assert default_file(photos / "t.csv") == photos / "t-labels.csv"


def test_what_is_not_there_or_empty_is_refused(label: Label, tmp_path: Path) -> None:
    code, error = label(tmp_path / "none")
    assert code == 2 and "name a folder of photographs, or a table" in error
    (tmp_path / "empty").mkdir()
    code, error = label(tmp_path / "empty")
    assert code == 65 and "empty" in error and error.count("\n") == 1


def test_options_of_the_other_kind_are_refused(label: Label, photos: Path, table: Path) -> None:
    for words, said in (
        ([photos, "--text", "a"], "are for tables"),
        ([table], "--target must name the column of labels"),
        ([table, "--target", "kind", "--extractor", "minilm"], "name the column with --text"),
        ([photos, "--batch", 0], "--batch must be at least 1"),
        ([photos, "--out", photos / "none" / "l.csv"], "there is no folder"),
        ([photos, "--extractor", "nonsense"], "nonsense"),
    ):
        code, error = label(*words)
        assert code == 2 and said in " ".join(error.split()), error


def test_a_port_that_is_taken_is_told_in_one_line(label: Label, photos: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        code, error = label(photos, "--port", port, "--extractor", "pixels@8")
    assert code == 74 and f"127.0.0.1:{port} cannot be listened on" in error
    assert "choose another with --port" in " ".join(error.split())


def test_a_missing_package_is_named(
    label: Label, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    code, error = label(photos)
    assert code == 2 and "labelling needs fastapi: pip install" in error
