"""Transactions of SQLite, and the address of a database."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from convergan.turing.errors import StudyError
from convergan.turing.study.database import Database, cause_of, locate, readable_errors


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(locate(None, tmp_path))
    with made.writing() as connection:
        connection.execute(text("CREATE TABLE votes (number INTEGER PRIMARY KEY)"))
    yield made
    made.close()


def count(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM votes")).scalar_one())


def test_what_raises_is_undone(database: Database) -> None:
    with pytest.raises(KeyError), database.writing() as connection:
        connection.execute(text("INSERT INTO votes VALUES (1)"))
        raise KeyError
    assert count(database) == 0


def test_writers_of_one_process_come_one_after_the_other(database: Database) -> None:
    def add(_: int) -> None:
        with database.writing() as connection:  # reads first, and another may write meanwhile
            number = connection.execute(text("SELECT count(*) FROM votes")).scalar_one()
            connection.execute(text("INSERT INTO votes VALUES (:number)"), {"number": number})

    threads = [threading.Thread(target=add, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 20


def test_readers_see_nothing_that_is_not_committed(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("INSERT INTO votes VALUES (1)"))
        assert count(database) == 0
    assert count(database) == 1


def test_every_commit_is_synced_and_what_is_deleted_is_overwritten(database: Database) -> None:
    with database.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }


def test_an_emptied_log_has_no_bytes(database: Database, tmp_path: Path) -> None:
    log = tmp_path / "study.sqlite3-wal"
    assert log.stat().st_size > 0
    database.empty_log()
    assert log.stat().st_size == 0


def test_an_error_is_one_line_without_the_values(database: Database) -> None:
    with pytest.raises(IntegrityError) as failed, database.writing() as connection:
        for _ in range(2):
            connection.execute(text("INSERT INTO votes VALUES (:number)"), {"number": 123456})
    assert cause_of(failed.value) == "UNIQUE constraint failed: votes.number"
    assert "123456" not in str(failed.value)


def test_a_file_that_is_no_database_is_an_error_of_the_study(tmp_path: Path) -> None:
    url = locate(None, tmp_path)
    (tmp_path / "study.sqlite3").write_bytes(b"no database" * 100)
    database = Database(url)
    with pytest.raises(StudyError, match="study.sqlite3 cannot be used"):
        with readable_errors(url), database.reading():
            pass
    database.close()


@pytest.mark.skipif(find_spec("psycopg") is None, reason="needs psycopg")
def test_the_address_is_that_of_postgresql_or_none(tmp_path: Path) -> None:
    assert locate(None, tmp_path).database == str(tmp_path / "study.sqlite3")
    assert locate("postgresql+psycopg://ann@host/name", tmp_path).host == "host"
    with pytest.raises(StudyError, match="postgresql\\+psycopg://..., got sqlite://..."):
        locate("sqlite:///x", tmp_path)


def test_another_process_waits_for_a_writer(database: Database, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "study.sqlite3", timeout=0)) as other:
        with database.writing(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
