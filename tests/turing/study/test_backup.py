"""Backups under load, and what cannot be one."""

import errno
import json
import os
import shutil
import sqlite3
import stat
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from convergan.turing.errors import StudyError
from convergan.turing.owner import export_csv, summary, token_hash
from convergan.turing.study.backup import make_backup, restore_backup
from convergan.turing.study.schema import answers
from convergan.turing.study.study import Study, StudySettings, create_study, open_study
from convergan.turing.study.tokens import token_sha256
from faults.studies import scratch_database
from tests.turing.serving import CODES, Make, noise
from tests.turing.session_steps import begin, come, reply_to, run_through

SMALL = StudySettings(trials=4, attention=1, annotators_wanted=3, recruiter="prolific", **CODES)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A study on SQLite with the votes of one person."""
    create_study(tmp_path / "study", SMALL, noise("real"), [noise("model")])
    with open_study(tmp_path / "study") as study:
        session = come(study)
        begin(session)
        run_through(session)
    return tmp_path / "study"


def voted(study: Study) -> set[str]:
    with study.database.reading() as connection:
        return set(connection.execute(select(answers.c.trial)).scalars())


@pytest.mark.slow
def test_a_backup_under_load_has_every_vote_that_was_acknowledged_before(
    make: Make, server: str | None, tmp_path: Path
) -> None:
    study, token = make(recruiter="prolific", trials=40, attention=0)
    acknowledged, stop = list[str](), threading.Event()

    def vote(person: str) -> None:
        session = come(study, person)
        found = begin(session)
        while found["stage"] == "trials" and not stop.is_set():
            trial = found["trials"][0]
            session.answer(reply_to(trial))
            acknowledged.append(trial["trial"])
            found = session.state()

    people = [threading.Thread(target=vote, args=(name,)) for name in ("ann", "ben", "cy")]
    for person in people:
        person.start()
    before: list[set[str]] = []
    voting: list[bool] = []
    while len(before) < 2:
        if len(acknowledged) > 10 * len(before):
            voting.append(any(person.is_alive() for person in people))
            before.append(set(acknowledged))
            make_backup(tmp_path / "study", tmp_path / f"backup{len(before)}.zip")
    stop.set()
    for person in people:
        person.join()
    assert voting[0]  # on a busy machine all may be done before the second
    for number, known in enumerate(before, start=1):
        with scratch_database(server) as address:
            folder = tmp_path / f"again{number}"
            restore_backup(tmp_path / f"backup{number}.zip", folder, address)
            with open_study(folder) as found:
                assert known <= voted(found) <= set(acknowledged)
                assert token_hash(found) == token_sha256(token) and found.key == study.key
                session = come(found, "dora")
                begin(session)
                assert run_through(session)["stage"] == "done"


@pytest.mark.parametrize("name", ["copy", "copy.zip"])
def test_a_study_comes_back_as_it_was_and_is_nobody_elses(small: Path, name: str) -> None:
    target = small.parent / name
    made = make_backup(small, target)
    assert made.rows["answers"] == 5 and made.rows["images"] == 96
    restored = small.parent / "again"
    assert restore_backup(target, restored).rows == made.rows
    with open_study(small) as old, open_study(restored) as new:
        assert (old.name, new.name, summary(new)["name"]) == ("study", "again", "again")
        strip = [line.partition(",")[2] for line in export_csv(old).splitlines()]
        assert [line.partition(",")[2] for line in export_csv(new).splitlines()] == strip
    places = [target, restored, *restored.iterdir(), *(target.iterdir() if target.is_dir() else [])]
    for place in places:
        wanted = 0o700 if place.is_dir() else 0o600
        assert stat.S_IMODE(place.stat().st_mode) == wanted, place
    assert not list(small.parent.glob(".tmp-*"))


@pytest.mark.parametrize(
    "place", ["study", "study/copy.zip", "study/../study", "there", "there.zip"]
)
def test_a_backup_never_goes_onto_something(small: Path, place: str) -> None:
    (small.parent / "there").mkdir()
    (small.parent / "there.zip").write_bytes(b"mine")
    before = {file: file.read_bytes() for file in small.parent.rglob("*") if file.is_file()}
    with pytest.raises(ValueError, match=r"is the study itself or in it|exists; a backup gets a"):
        make_backup(small, small.parent / place)
    assert before == {f: f.read_bytes() for f in small.parent.rglob("*") if f.is_file()}


@pytest.mark.parametrize("name", ["copy", "copy.zip"])
def test_where_nothing_can_be_written_the_place_that_was_asked_for_is_named(
    small: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, file = small.parent / "made", small.parent / "file"
    make_backup(small, made)
    file.write_text("no folder")
    before = sorted(small.parent.iterdir())
    for place, write in ((file / name, make_backup), (file / "again", restore_backup)):
        with pytest.raises(OSError, match="cannot be written: ") as refused:
            write(small if write is make_backup else made, place)
        assert str(refused.value).startswith(f"{place} cannot be written: ")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for source, write in ((small, make_backup), (made, restore_backup)):
        with pytest.raises(OSError, match="cannot be written: No space left") as refused:
            write(source, small.parent / name)
        assert str(refused.value).startswith(f"{small.parent / name} cannot")
    assert sorted(small.parent.iterdir()) == before


def test_a_copy_that_does_not_fit_is_no_fault_of_the_study(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr("convergan.turing.study.backup._count", full)
    with pytest.raises(OSError, match=r"/copy\.zip cannot be written: No space left"):
        make_backup(small, small.parent / "copy.zip")


def test_a_study_is_never_restored_onto_another(small: Path) -> None:
    make_backup(small, small.parent / "copy")
    with pytest.raises(ValueError, match="exists; choose another place for the study"):
        restore_backup(small.parent / "copy", small)


def other_database(copy: Path) -> None:
    data = bytearray((copy / "study.sqlite3").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "study.sqlite3").write_bytes(data)


def no_key(copy: Path) -> None:
    (copy / "secret.key").unlink()


def no_manifest(copy: Path) -> None:
    (copy / "backup.json").unlink()


def other_rows(copy: Path) -> None:
    found = json.loads((copy / "backup.json").read_text())
    found["rows"]["answers"] += 1
    (copy / "backup.json").write_text(json.dumps(found))


def broken_manifest(copy: Path) -> None:
    (copy / "backup.json").write_text("{}")


DAMAGED: dict[Callable[[Path], None], str] = {
    other_database: "is damaged: study.sqlite3 is not what was written",
    no_key: "has no secret.key",
    no_manifest: "is no backup of a study: it has no backup.json",
    other_rows: "has other rows than it says",
    broken_manifest: "backup.json is damaged",
}


@pytest.mark.parametrize("spoil", DAMAGED, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_damaged_backup_says_so_and_leaves_nothing(
    small: Path, spoil: Callable[[Path], None], zipped: bool
) -> None:
    copy = small.parent / "copy"
    make_backup(small, copy)
    spoil(copy)
    if zipped:
        copy = Path(shutil.make_archive(str(copy), "zip", copy))
    with pytest.raises(StudyError, match=DAMAGED[spoil]):
        restore_backup(copy, small.parent / "again")
    assert not (small.parent / "again").exists() and not list(small.parent.glob(".tmp-*"))


def test_what_is_no_archive_is_told(small: Path) -> None:
    (small.parent / "cut.zip").write_bytes(b"PK\x03\x04 and no more")
    for name, reason in (
        ("cut.zip", "not a whole zip archive"),
        ("none.zip", "there is no backup"),
    ):
        with pytest.raises(StudyError, match=reason):
            restore_backup(small.parent / name, small.parent / "again")


def test_a_name_in_an_archive_reaches_no_other_place(small: Path) -> None:
    make_backup(small, small.parent / "copy.zip")
    with zipfile.ZipFile(small.parent / "copy.zip", "a") as archive:
        archive.writestr("../outside", b"harm")
    restore_backup(small.parent / "copy.zip", small.parent / "again")
    assert not list(small.parent.rglob("outside"))


def test_where_pg_dump_is_missing_the_command_is_named(
    make: Make, server: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server is None:
        pytest.skip("of PostgreSQL")
    make()
    monkeypatch.setattr("shutil.which", lambda program: None)
    with pytest.raises(StudyError, match=r"pg_dump is not installed; .*pg_dump --format=custom"):
        make_backup(tmp_path / "study", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
