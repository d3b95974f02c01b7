from pathlib import Path

import pytest

from convergan.turing.errors import StudyError
from convergan.turing.study.served_address import FILE, record_address, served_address


def test_the_last_address_is_known_and_before_there_is_none(tmp_path: Path) -> None:
    assert served_address(tmp_path) is None
    for url in ("http://127.0.0.1:8000", "https://lab.example/faces"):
        record_address(tmp_path, url)
        assert served_address(tmp_path) == url
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "[]", '{"at": 1}', "\x00"])
def test_a_damaged_note_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StudyError, match="cannot be read; serve the study again"):
        served_address(tmp_path)
