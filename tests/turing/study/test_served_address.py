import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from convergan.turing.errors import StudyError
from convergan.turing.study.served_address import (
    FILE,
    noted_address,
    record_address,
    served_address,
)


def test_the_last_address_is_known_and_before_there_is_none(tmp_path: Path) -> None:
    assert served_address(tmp_path) is None
    for url in ("http://127.0.0.1:8000", "https://lab.example/faces"):
        record_address(tmp_path, url)
        assert served_address(tmp_path) == url
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_of_two_servers_the_first_has_the_note_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convergan.turing.study.served_address.TAKE_OVER_SECONDS", 0.01)
    first, second = ExitStack(), ExitStack()
    assert first.enter_context(noted_address(tmp_path, "http://a")) is None
    assert second.enter_context(noted_address(tmp_path, "http://b")) == "http://a"
    assert served_address(tmp_path) == "http://a"
    first.close()
    for _ in range(100):
        if served_address(tmp_path) == "http://b":
            break
        time.sleep(0.02)
    assert served_address(tmp_path) == "http://b"
    second.close()
    with noted_address(tmp_path, "http://c"):
        assert served_address(tmp_path) == "http://c"


def test_a_second_server_that_ends_first_leaves_the_note(tmp_path: Path) -> None:
    with noted_address(tmp_path, "http://a"):
        with noted_address(tmp_path, "http://b"):
            pass
        assert served_address(tmp_path) == "http://a"
    assert served_address(tmp_path) == "http://a"


@pytest.mark.parametrize("text", ["", "[]", '{"at": 1}', "\x00"])
def test_a_damaged_note_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StudyError, match="cannot be read; serve the study again"):
        served_address(tmp_path)
