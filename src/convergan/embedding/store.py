"""Features that were computed before, by what is in a file and by the network.

A SQLite file for each network in the user's cache folder, see `convergan.core.cache`. It may be
removed at any time, and where there can be none, or it is damaged, all is computed again. Files
whose path, size, times and number are as they were are taken to hold what they held, as version
control does, so that a second look at many gigabytes takes seconds.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from ..core.cache import cache_folder

Array = np.ndarray[Any, Any]

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS features (content BLOB PRIMARY KEY, row BLOB) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, stamp TEXT, content BLOB)"
    " WITHOUT ROWID",
)
BUSY_SECONDS = 60.0
AT_A_TIME = 500
"""Values in one query."""


class FeatureStore:
    """The features of one network that are known, to be used as a context manager.

    Args:
        name: of the network.
        keep: False to keep and to know nothing.
    """

    def __init__(self, name: str, *, keep: bool = True) -> None:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self._file = cache_folder() / "features" / f"{digest}.sqlite"
        self._keep = keep
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        if self._keep:
            try:
                self._database = _open(self._file)
            except (OSError, sqlite3.Error):
                self._database = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._database is not None:
            self._database.close()

    def contents(self, files: Iterable[Path]) -> dict[Path, bytes]:
        """Return the hash of what is in each file that is as it was when it was last read."""
        paths = {_key(file): file for file in files}
        query = "SELECT path, stamp, content FROM files WHERE path IN"
        return {
            paths[bytes(path)]: bytes(content)
            for path, stamp, content in self._chosen(query, list(paths))
            if stamp == file_stamp(paths[bytes(path)])
        }

    def known(self) -> frozenset[bytes]:
        """Return all contents whose features are known."""
        return frozenset(bytes(content) for (content,) in self._all("SELECT content FROM features"))

    def rows(self, contents: Iterable[bytes]) -> dict[bytes, Array]:
        """Return the features that are known of these contents, each (D,) float32."""
        query = "SELECT content, row FROM features WHERE content IN"
        return {
            bytes(content): np.frombuffer(row, dtype=np.float32)
            for content, row in self._chosen(query, list(dict.fromkeys(contents)))
        }

    def add(self, rows: Mapping[bytes, Array], files: Mapping[Path, tuple[str, bytes]]) -> None:
        """Keep features by content, and of files their stamp and content."""
        if self._database is None:
            return
        try:
            with self._database:
                self._database.executemany(
                    "INSERT OR REPLACE INTO features VALUES (?, ?)",
                    [(content, row.astype(np.float32).tobytes()) for content, row in rows.items()],
                )
                self._database.executemany(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?)",
                    [(_key(file), stamp, content) for file, (stamp, content) in files.items()],
                )
        except sqlite3.Error:  # a full disk costs the cache, not the work
            self._database.close()
            self._database = None

    def _chosen(self, query: str, values: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query that ends before the values in brackets."""
        for start in range(0, len(values), AT_A_TIME):
            some = values[start : start + AT_A_TIME]
            yield from self._all(f"{query} ({','.join('?' * len(some))})", some)

    def _all(self, query: str, values: Iterable[bytes] = ()) -> list[tuple[Any, ...]]:
        if self._database is None:
            return []
        try:
            return self._database.execute(query, tuple(values)).fetchall()
        except sqlite3.Error:
            return []


def file_stamp(file: Path) -> str:
    """Return what changes when a file is written to: size, times and number; "" if it is not there.

    The time of its last change of status cannot be set by a program.
    """
    try:
        status = file.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _key(file: Path) -> bytes:
    return os.fsencode(file.absolute())


def _open(file: Path) -> sqlite3.Connection:
    """Open the file, or make it; one that is damaged is replaced."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _connect(file)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # busy, full, or not to be written
            raise
        for damaged in (
            file,
            file.with_name(f"{file.name}-wal"),
            file.with_name(f"{file.name}-shm"),
        ):
            damaged.unlink(missing_ok=True)
        return _connect(file)


def _connect(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=BUSY_SECONDS)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        for statement in SCHEMA:
            database.execute(statement)
        database.commit()
    except BaseException:
        database.close()
        raise
    return database
