"""Where a study was last served: links are made for that address, by whoever makes them."""

import json
from pathlib import Path

from ...core.files import named_place, sync_folder
from ..errors import StudyError
from ..private_files import write_private
from .tokens import new_id

FILE = "serving.json"


def record_address(folder: Path, url: str) -> None:
    """Note the address at which people reach a study.

    Raises:
        OSError: if the study's folder cannot be written.
    """
    temporary = folder / f".tmp-{FILE}-{new_id()}"
    with named_place(folder / FILE):
        write_private(temporary, json.dumps({"url": url}).encode() + b"\n")
        temporary.replace(folder / FILE)
        sync_folder(folder)


def served_address(folder: Path) -> str | None:
    """Return where people reach a study, None if it was never served.

    Raises:
        StudyError: if the note cannot be read.
    """
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return str(found["url"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        raise StudyError(f"{folder / FILE} cannot be read; serve the study again") from None
