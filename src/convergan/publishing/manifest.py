"""``convergan.json`` of a repository: which files are a model, and one hash of them all.

It is plain JSON. Reading it checks its own hash and every name, before any other file is asked for.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..core.files import canonical_sha256
from ..core.version import __version__
from ..data import DataError

FORMAT = 1
NAME, CARD = "convergan.json", "README.md"
"""The manifest, and the model card, which is no part of the model and may be edited on the hub."""
RUN, TABLE, PHOTOGRAPHS = "run", "table", "photographs"
WORDS = {
    RUN: "a run",
    TABLE: "a model of a table",
    PHOTOGRAPHS: "a model of photographs",
}
"""What a model is called, by its kind."""
PLAIN_NAME = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9_-]*/)*[A-Za-z0-9][A-Za-z0-9_-]*\.(json|jsonl|safetensors|png|zip)"
)
"""Of a file below the folder of a model, of a kind that nothing runs."""
SHA256 = re.compile(r"[0-9a-f]{64}")

Content = bytes | Path
"""Of a file: its bytes, or where they are."""


class Entry(NamedTuple):
    """What is known of a file before it is there."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What is in a repository.

    Attributes:
        kind: of model, one of `WORDS`.
        version: of convergan that pushed it.
        files: by their names in the repository.
        sha256: of all of this: the same for the same model, pushed by the same version.
    """

    kind: str
    version: str
    files: Mapping[str, Entry]
    sha256: str

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(entry.bytes for entry in self.files.values())

    def as_bytes(self) -> bytes:
        """Return the file."""
        described = _describe(self.kind, self.version, self.files)
        return (json.dumps(described | {"sha256": self.sha256}, indent=1) + "\n").encode()


def make_manifest(kind: str, files: Mapping[str, Content]) -> Manifest:
    """Return the manifest of files.

    Args:
        kind: of model, one of `WORDS`.
        files: by the names that they are to have.
    """
    entries = {name: entry_of(files[name]) for name in sorted(files)}
    described = _describe(kind, __version__, entries)
    return Manifest(kind, __version__, entries, canonical_sha256(described))


def entry_of(content: Content) -> Entry:
    """Return length and hash of a file.

    Args:
        content: its bytes, or where they are.
    """
    if isinstance(content, bytes):
        return Entry(len(content), hashlib.sha256(content).hexdigest())
    with content.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Entry(file.tell(), digest)


def parse_manifest(data: bytes, source: str) -> Manifest:
    """Read a manifest that may be anybody's.

    Args:
        data: of the file.
        source: where it is from, for messages.

    Raises:
        DataError: if it is none, is damaged, of a later format, or names files that no model has.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{NAME} of {source} is damaged, no readable JSON: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise DataError(f"{source} is no model of convergan: its {NAME} is another program's")
    if found["format"] > FORMAT:
        raise DataError(
            f"{source} is of convergan {found.get('version')} and has format {found['format']}; "
            f"this is {__version__}, which reads up to {FORMAT}: install the later version"
        )
    sha256 = found.pop("sha256", None)
    try:
        if sha256 != canonical_sha256(found):
            raise ValueError("its hash is another")
        files = {str(name): _parse_entry(name, entry) for name, entry in found["files"].items()}
        if found["kind"] not in WORDS or not files:
            raise ValueError(f"it holds no model but {found['kind']!r}")
        return Manifest(found["kind"], str(found["version"]), files, sha256)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{NAME} of {source} is damaged: {error}") from None


def _parse_entry(name: str, entry: Any) -> Entry:
    if not PLAIN_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a model's file")
    size, sha256 = entry["bytes"], entry["sha256"]
    if not isinstance(size, int) or size < 0 or not SHA256.fullmatch(sha256):
        raise ValueError(f"length or hash of {name} is none")
    return Entry(size, sha256)


def _describe(kind: str, version: str, files: Mapping[str, Entry]) -> dict[str, Any]:
    entries = {name: entry._asdict() for name, entry in files.items()}
    return {"format": FORMAT, "kind": kind, "version": version, "files": entries}
