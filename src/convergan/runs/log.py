"""The log of a run, in JSON lines; after any crash each line is there once, and whole.

A disk that refuses a line does not end the run: the line waits in memory. A checkpoint is written
only after all lines are, so what waits is bounded by the saves that may fail in a row.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.files import Fields, parse_fields, replace_file
from ..training import CheckpointError


def read_log(file: Path) -> list[Fields]:
    """Return the lines of a log, none where it is not there.

    What follows its last line break is left out, as somebody may be writing it.

    Args:
        file: ``metrics.jsonl`` of a run.

    Raises:
        DamagedFileError: if a line is not what was written; the message names it.
    """
    if not file.exists():
        return []
    lines = file.read_bytes().split(b"\n")[:-1]
    return [parse_fields(line, f"line {n} of {file}") for n, line in enumerate(lines, start=1)]


class RunLog:
    """Lines in a file, and those that the disk has refused so far.

    Args:
        file: ``metrics.jsonl`` of a run; created at the first line if it is missing.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._length = file.stat().st_size if file.exists() else 0
        self._waiting: list[bytes] = []

    def add(self, line: Mapping[str, Any]) -> tuple[str, ...]:
        """Write a line, or keep it; return a notice where the disk refused it."""
        self._waiting.append(json.dumps(line).encode() + b"\n")
        try:
            self.write()
        except OSError as error:
            return (f"{len(self._waiting)} lines of {self.file} wait: {error}",)
        return ()

    def write(self) -> None:
        """Write all lines that wait, over what a failed attempt may have left of them.

        Raises:
            OSError: if the disk refuses.
        """
        data = b"".join(self._waiting)
        self.file.touch()
        with self.file.open("r+b") as log:
            log.truncate(self._length)
            log.seek(self._length)
            log.write(data)
            log.flush()
        self._length += len(data)
        self._waiting.clear()

    def sync(self) -> dict[str, Any]:
        """Write and sync everything; return what a checkpoint must know of the log.

        Raises:
            OSError: if the disk refuses.
        """
        self.write()
        with self.file.open("rb") as log:
            written = log.read()
            os.fsync(log.fileno())
        return {"log_bytes": len(written), "log_sha256": hashlib.sha256(written).hexdigest()}

    def require_beginning(self, synced: Mapping[str, Any]) -> None:
        """See that the file begins with the lines that `sync` returned ``synced`` for.

        Raises:
            CheckpointError: if it does not.
        """
        if hashlib.sha256(self._until(synced)).hexdigest() != synced.get("log_sha256"):
            raise CheckpointError(
                f"{self.file} is not the log that the checkpoint was written with"
            )

    def cut_back(self, synced: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Go back to the lines that `sync` returned ``synced`` for, and return them."""
        kept = self._until(synced)
        replace_file(self.file, kept)
        self._length = len(kept)
        self._waiting.clear()
        return [json.loads(line) for line in kept.splitlines()]

    def clear(self) -> None:
        """Begin anew."""
        self.file.unlink(missing_ok=True)
        self._length = 0
        self._waiting.clear()

    def _until(self, synced: Mapping[str, Any]) -> bytes:
        length = synced.get("log_bytes")
        if not (isinstance(length, int) and length >= 0 and self.file.exists()):
            return b""
        with self.file.open("rb") as log:
            return log.read(length)
