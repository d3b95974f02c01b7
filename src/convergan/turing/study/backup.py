"""Copies of a study that can be made while it is served, and studies made of them again.

SQLite's own files cannot be copied while a server writes: what is in the log is then missing. A
backup reads one consistent view through the database itself, so it has every vote that was
acknowledged before it began, and is checked once it is written. It is a folder or a zip archive
with the database, the key and `MANIFEST`, and nobody but its owner can read it.
"""

import errno
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.files import named_place, new_folder, sync_folder
from ...core.version import __version__
from ..errors import StudyError
from ..private_files import FILE_MODE, FOLDER_MODE, create_private
from .database import SQLITE_FILE, locate
from .postgresql_dump import DUMP_FILE, dump, load
from .study import DATABASE_URL, KEY, check_absent, database_url, open_study, read_key

MANIFEST = "backup.json"
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


@dataclass(frozen=True)
class Backup:
    """What a backup holds.

    Attributes:
        study: the name of the study.
        rows: how many rows each table has.
    """

    study: str
    rows: Mapping[str, int]


def make_backup(folder: Path, target: Path) -> Backup:
    """Write a backup of a study, which may be served meanwhile.

    Args:
        folder: of the study.
        target: a new folder, or a new zip archive where the name ends in ``.zip``.

    Raises:
        StudyError: if there is no study, or the copy is not what was read.
        ValueError: if something is at ``target``, or it lies inside of the study.
        OSError: if it cannot be read or written.
    """
    with open_study(folder) as study:  # an older one is brought up to the schema
        name = study.name
    inside = (target.parent.resolve() / target.name).is_relative_to(folder.resolve())
    if inside:
        raise ValueError(f"{target} is the study itself or in it; choose another place")
    if target.exists() or target.is_symlink():
        raise ValueError(f"{target} exists; a backup gets a new file or folder")
    with _new_target(target) as place:
        url = database_url(folder)
        if url.get_backend_name() == "sqlite":
            data = place / SQLITE_FILE
            create_private(data)
            rows = _copy_sqlite(folder / SQLITE_FILE, data)
        else:
            data = place / DUMP_FILE
            create_private(data)
            rows = dump(url, data)
        create_private(place / KEY, (folder / KEY).read_bytes())
        found = {"study": name, "rows": rows, "sha256": _sha256(data), "convergan": __version__}
        create_private(place / MANIFEST, json.dumps(found, indent=1).encode() + b"\n")
        read_key(place / KEY)
    return Backup(name, rows)


def restore_backup(source: Path, folder: Path, address: str | None = None) -> Backup:
    """Make a study of a backup, or leave nothing behind.

    Args:
        source: folder or archive that `make_backup` wrote.
        folder: a new one.
        address: of an empty PostgreSQL database, for a backup of a study that was on one.

    Raises:
        StudyError: if it is no backup, or damaged.
        ValueError: if something is at ``folder``.
    """
    check_absent(folder)
    with _opened(source) as place, new_folder(folder) as made:
        found = _manifest(source, place)
        made.mkdir(mode=FOLDER_MODE)
        name = DUMP_FILE if (place / DUMP_FILE).exists() else SQLITE_FILE
        if (address is not None) != (name == DUMP_FILE):
            wanted = "wants" if name == DUMP_FILE else "is of SQLite and takes no"
            raise StudyError(f"{source} {wanted} --database postgresql+psycopg://...")
        for part in (name, KEY):
            if not (place / part).is_file():
                raise StudyError(f"{source} has no {part}")
            create_private(made / part, (place / part).read_bytes())
        if _sha256(made / name) != found["sha256"]:
            raise StudyError(f"{source} is damaged: {name} is not what was written")
        read_key(made / KEY)
        if address is None:
            rows = _check_sqlite(made / name, f"{source}")
        else:
            rows = load(locate(address, made), made / name)
            (made / name).unlink()
            create_private(made / DATABASE_URL, f"{address}\n".encode())
        if rows != found["rows"]:
            raise StudyError(f"{source} has other rows than it says: {rows}")
    return Backup(found["study"], rows)


def _copy_sqlite(source: Path, target: Path) -> dict[str, int]:
    """Copy a database by SQLite's own means; return the rows of its tables."""
    try:
        with (
            closing(sqlite3.connect(source, isolation_level=None)) as database,
            closing(sqlite3.connect(target, isolation_level=None)) as copy,
        ):
            database.execute("BEGIN")  # the rows are counted in the view that is copied
            rows = _count(database)
            database.backup(copy)
            database.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:  # where the copy is to be
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        raise OSError(f"{source} cannot be copied: {error}") from None
    if (copied := _check_sqlite(target, f"the copy of {source}")) != rows:
        raise StudyError(f"the copy of {source} has other rows: {copied}, not {rows}")
    return rows


def _check_sqlite(file: Path, called: str) -> dict[str, int]:
    """Return the rows of a database's tables.

    Args:
        file: of the database.
        called: what messages call it.

    Raises:
        StudyError: if it is damaged.
    """
    try:
        with closing(sqlite3.connect(file)) as database:
            wrong = [line for (line,) in database.execute("PRAGMA integrity_check")]
            wrong = [line for line in wrong if line != "ok"]
            wrong += [str(line) for line in database.execute("PRAGMA foreign_key_check")]
            rows = _count(database)
    except sqlite3.DatabaseError as error:
        wrong = [str(error)]
    if wrong:
        raise StudyError(f"{called} is damaged: {wrong[0]}")
    return rows


def _count(database: sqlite3.Connection) -> dict[str, int]:
    names = sorted(name for (name,) in database.execute(TABLES))
    query = 'SELECT count(*) FROM "{}"'
    return {n: int(database.execute(query.format(n)).fetchone()[0]) for n in names}


@contextmanager
def _new_target(target: Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes the target, or the archive, once it is whole."""
    if target.suffix != ".zip":
        with new_folder(target) as place:
            place.mkdir(mode=FOLDER_MODE)
            yield place
        return
    with named_place(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        hidden = f".tmp-{target.name}-"
        with tempfile.TemporaryDirectory(prefix=hidden, dir=target.parent) as scratch:
            place = Path(scratch) / "backup"
            place.mkdir(mode=FOLDER_MODE)
            yield place
            archive = Path(scratch) / "backup.zip"
            create_private(archive)
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
                for file in sorted(place.iterdir()):
                    written.write(file, file.name)
            with zipfile.ZipFile(archive) as read:
                if (damaged := read.testzip()) is not None:
                    raise StudyError(f"{damaged} in {target} cannot be read back")
            archive.rename(target)
        sync_folder(target.parent)


@contextmanager
def _opened(source: Path) -> Iterator[Path]:
    """Give a folder with the parts of a backup."""
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise StudyError(f"there is no backup {source}")
    with tempfile.TemporaryDirectory(prefix="convergan-restore-") as scratch:
        try:
            with zipfile.ZipFile(source) as archive:
                names = set(archive.namelist())
                for name in (MANIFEST, KEY, SQLITE_FILE, DUMP_FILE):  # no other leaves the archive
                    if name in names:
                        with archive.open(name) as part, (Path(scratch) / name).open("xb") as file:
                            shutil.copyfileobj(part, file)
                        (Path(scratch) / name).chmod(FILE_MODE)
        except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
            raise StudyError(f"{source} is not a whole zip archive: {error}") from None
        yield Path(scratch)


def _manifest(source: Path, place: Path) -> dict[str, Any]:
    try:
        found = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        study, rows, sha256 = found["study"], found["rows"], found["sha256"]
    except FileNotFoundError:
        raise StudyError(f"{source} is no backup of a study: it has no {MANIFEST}") from None
    except (ValueError, TypeError, KeyError):
        raise StudyError(f"{source} is no backup of a study: {MANIFEST} is damaged") from None
    return {"study": str(study), "rows": rows, "sha256": sha256}


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
