from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from convergan.turing.errors import StudyError
from convergan.turing.study.database import Database
from convergan.turing.study.postgresql_dump import dump, load
from faults.studies import POSTGRESQL, scratch_database

pytestmark = pytest.mark.skipif(POSTGRESQL is None, reason="no CONVERGAN_TEST_POSTGRESQL")


def test_a_database_goes_into_a_file_and_into_an_empty_database_alone(tmp_path: Path) -> None:
    with scratch_database(POSTGRESQL) as full, scratch_database(POSTGRESQL) as empty:
        assert full is not None and empty is not None
        database = Database(make_url(full))
        with database.writing() as connection:
            connection.execute(text('CREATE TABLE "Odd name" (id INTEGER)'))
            connection.execute(text('INSERT INTO "Odd name" VALUES (1), (2)'))
        database.close()
        assert dump(make_url(full), tmp_path / "dump") == {"Odd name": 2}
        assert load(make_url(empty), tmp_path / "dump") == {"Odd name": 2}
        with pytest.raises(StudyError, match="not empty"):
            load(make_url(empty), tmp_path / "dump")


def test_a_file_that_is_no_dump_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(b"nothing")
    with scratch_database(POSTGRESQL) as empty:
        assert empty is not None
        with pytest.raises(StudyError, match="pg_restore failed: pg_restore: error: "):
            load(make_url(empty), tmp_path / "dump")
