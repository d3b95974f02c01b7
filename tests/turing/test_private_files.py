import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from convergan.turing.private_files import (
    append_private,
    close_to_others,
    create_private,
    write_private,
)


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    """Nothing is hidden by the process's own mask."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(place: Path) -> int:
    return stat.S_IMODE(place.stat().st_mode)


def test_new_files_are_their_owners_alone(tmp_path: Path) -> None:
    create_private(tmp_path / "a", b"one")
    write_private(tmp_path / "new" / "b", b"two")
    os.close(append_private(tmp_path / "c"))
    assert [mode(tmp_path / name) for name in ("a", "new/b", "c")] == [0o600] * 3
    assert (tmp_path / "a").read_bytes() + (tmp_path / "new" / "b").read_bytes() == b"onetwo"
    with pytest.raises(FileExistsError):
        create_private(tmp_path / "a")


def test_a_file_that_others_could_read_is_closed_when_it_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text("a longer text than the new one")
    assert mode(tmp_path / "votes.csv") == 0o666
    write_private(tmp_path / "votes.csv", b"votes")
    assert mode(tmp_path / "votes.csv") == 0o600
    assert (tmp_path / "votes.csv").read_bytes() == b"votes"


def test_what_is_no_file_is_written_and_keeps_its_rights() -> None:
    before = mode(Path(os.devnull))
    write_private(Path(os.devnull), b"x")
    assert mode(Path(os.devnull)) == before


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file/x cannot be written: "):
        write_private(tmp_path / "file" / "x", b"")


def test_an_older_study_is_closed_with_all_files_in_it_but_not_what_links_lead_to(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "study"
    (folder / "mine").mkdir(parents=True)
    for place in (folder / "study.sqlite3", folder / "mine" / "notes", tmp_path / "other"):
        place.touch()
    (folder / "link").symlink_to(tmp_path / "other")
    close_to_others(folder)
    assert (mode(folder), mode(folder / "study.sqlite3")) == (0o700, 0o600)
    assert (mode(tmp_path / "other"), mode(folder / "mine" / "notes")) == (0o666, 0o666)
