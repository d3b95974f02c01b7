"""A study's PostgreSQL database as one file, by PostgreSQL's own programs, and back."""

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL, Connection, text

from ..errors import StudyError
from .database import Database, readable_errors

DUMP_FILE = "study.pgdump"
TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")


def dump(url: URL, file: Path) -> dict[str, int]:
    """Write all of a database to a file; return the rows of its tables, as they are in the file.

    Raises:
        StudyError: if pg_dump is not installed, with the command to be used elsewhere, or fails.
        OSError: if the database cannot be read.
    """
    words = ["--format=custom", "--no-owner", "--no-privileges", "--file"]
    database = Database(url)
    try:
        with readable_errors(url), database.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
            rows = _count(connection)
            _run("pg_dump", url, [*words, str(file), f"--snapshot={snapshot}"])
    finally:
        database.close()
    return rows


def load(url: URL, file: Path) -> dict[str, int]:
    """Fill an empty database from a file; return the rows of its tables.

    Raises:
        StudyError: if pg_restore is not installed or fails, or the database is not empty.
        OSError: if the database cannot be used.
    """
    words = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    database = Database(url)
    try:
        with readable_errors(url):
            with database.reading() as connection:
                if connection.execute(TABLES).first() is not None:
                    raise StudyError("the database is not empty; give the study one of its own")
            _run("pg_restore", url, [*words, str(file)])
            with database.reading() as connection:
                return _count(connection)
    finally:
        database.close()


def _count(connection: Connection) -> dict[str, int]:
    names = connection.execute(TABLES).scalars().all()
    quote = connection.dialect.identifier_preparer.quote
    query = "SELECT count(*) FROM {}"
    return {n: connection.exec_driver_sql(query.format(quote(n))).scalar_one() for n in names}


def _run(program: str, url: URL, words: list[str]) -> None:
    """Run one of PostgreSQL's programs; the password is in no command line."""
    address = url.set(drivername="postgresql", password=None).render_as_string()
    words = [*words, f"--dbname={address}"]
    if (found := shutil.which(program)) is None:
        command = " ".join([program, *(word for word in words if "--snapshot" not in word)])
        raise StudyError(
            f"{program} is not installed; where it is: {command}, and keep secret.key with it"
        )
    environment = {**os.environ, **({"PGPASSWORD": url.password} if url.password else {})}
    done = subprocess.run([found, *words], capture_output=True, text=True, env=environment)
    if done.returncode:
        reason = done.stderr.strip().partition("\n")[0] or f"exit code {done.returncode}"
        raise StudyError(f"{program} failed: {reason}")
