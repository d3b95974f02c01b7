"""The database of a study: SQLite in its folder, or PostgreSQL when that is outgrown.

SQLite keeps a write-ahead log and syncs every commit. A transaction that writes takes the
lock before it reads (``BEGIN IMMEDIATE``): one that reads first and then writes fails at once if
another has written meanwhile, whatever the time-out. PostgreSQL's writers lock rows instead.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from ..errors import StudyError

SQLITE_FILE = "study.sqlite3"
"""In the folder of a study whose database is not PostgreSQL."""
BUSY_SECONDS = 30
"""How long a writer of SQLite waits for one in another process."""


class Database:
    """An engine, and the two kinds of transaction that are made with it."""

    def __init__(self, url: URL) -> None:
        self.engine = _engine(url)
        self._is_sqlite = url.get_backend_name() == "sqlite"
        if self._is_sqlite:
            _prepare_sqlite(self.engine)
        self._writer = self.engine.execution_options(writes=True)
        self._write_lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view for as long as the block lasts."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, committed when the block ends and undone when it raises.

        Writers of one process to SQLite queue here: SQLite itself waits by sleeping and polling.
        """
        if not self._is_sqlite:
            with self._writer.begin() as connection:
                yield connection
            return
        with self._write_lock, self._writer.begin() as connection:
            yield connection

    def empty_log(self) -> None:
        """Empty SQLite's write-ahead log, which keeps what rows held before they were deleted.

        It waits for readers, and is left as it is where one reads on for `BUSY_SECONDS`.
        """
        if self._is_sqlite:
            with self._write_lock:
                self._execute_alone("PRAGMA wal_checkpoint(TRUNCATE)")

    def shrink(self, tables: Sequence[str]) -> None:
        """Write tables anew, of SQLite all, so that nothing that was deleted stays on the disk."""
        self._execute_alone("VACUUM" if self._is_sqlite else f"VACUUM FULL {', '.join(tables)}")
        self.empty_log()

    def _execute_alone(self, statement: str) -> None:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(statement)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def locate(address: str | None, folder: Path) -> URL:
    """Return where a study's database is.

    Args:
        address: ``postgresql+psycopg://...``, or None for SQLite in the folder.
        folder: of the study.

    Raises:
        StudyError: if the address is of another kind, or what it needs is not installed.
    """
    if address is None:
        return URL.create("sqlite", database=str(folder / SQLITE_FILE))
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise StudyError(
            "the database's address is not of the form postgresql+psycopg://..."
        ) from None
    if url.drivername != "postgresql+psycopg":
        raise StudyError(f"a database is postgresql+psycopg://..., got {url.drivername}://...")
    if find_spec("psycopg") is None:
        raise StudyError("PostgreSQL needs psycopg: pip install 'convergan[postgresql]'")
    return url


@contextmanager
def readable_errors(url: URL) -> Iterator[None]:
    """Turn errors of the database inside the block into one line without the password.

    Raises:
        OSError: if it cannot be reached or written.
        StudyError: if it is not a database, or not one of a study.
    """
    try:
        yield
    except SQLAlchemyError as error:
        shown = url.render_as_string(hide_password=True)
        kind = OSError if isinstance(error, OperationalError) else StudyError
        raise kind(f"the database {shown} cannot be used: {cause_of(error)}") from None


def cause_of(error: SQLAlchemyError) -> str:
    """Return the database's message in one line, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _engine(url: URL) -> Engine:
    """Return an engine whose errors hold no values: those may be what people answered."""
    if url.get_backend_name() == "sqlite":
        options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS}}
    else:
        options = {"pool_pre_ping": True}
    return create_engine(url, pool_size=20, max_overflow=0, hide_parameters=True, **options)


def _prepare_sqlite(engine: Engine) -> None:
    """Sync every commit, and begin transactions that write with a lock."""

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing, we do
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            return
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
