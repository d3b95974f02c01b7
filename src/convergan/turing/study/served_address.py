"""Where a study is served: links are made for that address, by whoever makes them."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.files import named_place, sync_folder
from ...core.locks import lock_file
from ..errors import StudyError
from ..private_files import append_private, write_private
from .tokens import new_id

FILE, LOCK = "serving.json", "serving.lock"

TAKE_OVER_SECONDS = 0.5
"""How often a server that waits looks whether the first has ended."""


@contextmanager
def noted_address(folder: Path, url: str) -> Iterator[str | None]:
    """Note the address at which people reach a study, which is served while the block lasts.

    Of several servers the first has the note, and one that waits takes it over once that has ended,
    however it ends: the note leads to no dead server while there is another one.

    Args:
        folder: of the study.
        url: where this process serves it.

    Yields:
        The address of the server that has the note; None if it is this one.

    Raises:
        OSError: if the study's folder cannot be written.
    """
    os.close(append_private(folder / LOCK))
    with lock_file(folder / LOCK) as is_first:
        if is_first:
            record_address(folder, url)
            yield None
            return
    ended = threading.Event()
    waiting = threading.Thread(target=_take_over, args=(folder, url, ended), daemon=True)
    waiting.start()
    try:
        yield served_address(folder)
    finally:
        ended.set()
        waiting.join()


def _take_over(folder: Path, url: str, ended: threading.Event) -> None:
    while not ended.wait(TAKE_OVER_SECONDS):
        with lock_file(folder / LOCK) as is_first:
            if is_first:
                record_address(folder, url)
                ended.wait()


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
    """Return where people reach a study, or did last; None if it was never served.

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
