"""Files that are there wholly or not at all, and the plain values in them."""

import csv
import errno
import hashlib
import io
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
"""Errors of writing that name no file."""
Kind = type | tuple[type, ...]
NUMBER: Kind = (int, float)
NUMBER_OR_NONE: Kind = (int, float, type(None))


class DamagedFileError(ValueError):
    """A file that does not hold what it should; the message names it and what is wrong."""


class Fields(dict[str, Any]):
    """An object of a JSON file; asked for a field that it lacks, it names file and field.

    Args:
        values: by the names of the fields.
        file: that they are from.
    """

    def __init__(self, values: Mapping[str, Any], file: str) -> None:
        super().__init__(values)
        self.file = file

    def __missing__(self, name: str) -> Any:
        raise DamagedFileError(f"{self.file} lacks the field {name!r}")

    def require(self, kinds: Mapping[str, Kind]) -> None:
        """See that fields are there and of their kinds.

        Args:
            kinds: of the values, by the names of the fields.

        Raises:
            DamagedFileError: naming the file and the first field that is not.
        """
        for name, kind in kinds.items():
            if not isinstance(self[name], kind) or isinstance(self[name], bool):
                raise DamagedFileError(f"{self.file}: {name} is {self[name]!r}, no such value")


def canonical_json(value: Any) -> str:
    """Return the one form of ``value``: sorted keys, no spaces, no NaN or infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical_sha256(value: Any) -> str:
    """Return the hash of `canonical_json`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def write_synced(path: Path, data: bytes) -> None:
    """Write ``data`` to a new file and wait until the disk has it."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in ``folder``, on a system that opens folders for that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of ``path``, wholly or not at all."""
    temporary = path.with_name(f".tmp-{path.name}-{secrets.token_hex(4)}")
    try:
        write_synced(temporary, data)
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def named_place(place: Path) -> Iterator[None]:
    """Let a fault of storage inside the block name the place that was asked for.

    What is written under a hidden name beside ``place`` first is called by its own name, and a full
    disk, which names nothing, by that of ``place``.

    Raises:
        OSError: with the place and the reason.

    Example:
        >>> with named_place(Path("full/copy.zip")):
        ...     raise OSError(errno.ENOSPC, "No space left on device")
        Traceback (most recent call last):
        OSError: full/copy.zip cannot be written: No space left on device
    """
    try:
        yield
    except OSError as error:
        prefix = f".tmp-{place.name}-"
        hidden = re.escape(prefix) + "[A-Za-z0-9_-]+"
        ours = error.strerror is None and type(error) is OSError
        if ours and re.search(hidden, str(error)):  # a sentence with a hidden name
            raise OSError(re.sub(hidden, lambda _: place.name, str(error))) from None
        if error.filename is None:
            named = error.errno in FULL
        else:
            file = Path(os.fsdecode(error.filename))
            named = file in place.parents or any(part.startswith(prefix) for part in file.parts)
        if named:
            raise OSError(f"{place} cannot be written: {error.strerror}") from None
        raise


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Make a folder wholly or not at all.

    Yields:
        The name of a folder beside it, to be made and filled; at the end it gets its own name, and
        after an error it is removed.
    """
    temporary = folder.with_name(f".tmp-{folder.name}-{secrets.token_hex(4)}")
    try:
        with named_place(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.rename(folder)
            sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(file: Path, value: Any) -> None:
    """Put ``value`` in the place of ``file`` as JSON for readers."""
    replace_file(file, (json.dumps(value, indent=2, sort_keys=True) + "\n").encode())


def write_array(file: Path, values: "Tensor") -> None:
    """Put ``values`` in the place of ``file`` as an array that numpy reads without pickle."""
    buffer = io.BytesIO()
    np.save(buffer, values.cpu().numpy(), allow_pickle=False)
    replace_file(file, buffer.getvalue())


def csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    """Return ``rows``, the first of them the names of the columns, as the text of a CSV file."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def write_csv(file: Path, rows: Iterable[Sequence[Any]]) -> None:
    """Put `csv_lines` in the place of ``file``."""
    replace_file(file, csv_lines(rows).encode())


def read_json(file: Path) -> Any:
    """Read one JSON file of a folder; its objects are `Fields`.

    Args:
        file: of any JSON.

    Raises:
        DamagedFileError: if it holds something else; the message names it.
    """
    return parse_json(file.read_bytes(), str(file))


def read_fields(file: Path) -> Fields:
    """Read one JSON file of a folder that holds an object.

    Args:
        file: of the object.

    Raises:
        DamagedFileError: if it holds something else; the message names it.
    """
    return parse_fields(file.read_bytes(), str(file))


def parse_json(data: bytes, name: str) -> Any:
    """Return what JSON says; its objects are `Fields`.

    Args:
        data: in UTF-8.
        name: of where it is from, for messages.

    Raises:
        DamagedFileError: if it is no JSON.

    Example:
        >>> parse_json(b'[{"a": 1}]', "a.json")[0]["b"]
        Traceback (most recent call last):
        convergan.core.files.DamagedFileError: a.json lacks the field 'b'
    """
    try:
        return json.loads(data.decode(), object_hook=partial(Fields, file=name))
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{name} is not readable JSON: {error}") from None


def parse_fields(data: bytes, name: str) -> Fields:
    """Return the object that JSON says.

    Args:
        data: in UTF-8.
        name: of where it is from, for messages.

    Raises:
        DamagedFileError: if it is no JSON, or no object.
    """
    found = parse_json(data, name)
    if not isinstance(found, Fields):
        raise DamagedFileError(f"{name} holds no fields")
    return found
