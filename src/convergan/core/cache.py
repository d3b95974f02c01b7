"""A cache of results in the user's folder, and a lock for processes that fill it together.

It may be removed at any time: what is kept there changes nothing but time.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder for what may be found again, ``$CONVERGAN_CACHE`` or one in the home."""
    return Path(os.environ.get("CONVERGAN_CACHE") or Path.home() / ".cache" / "convergan")


@contextlib.contextmanager
def in_turn(file: Path) -> Iterator[None]:
    """Let one process at a time look for a file of the cache, and make it where it is missing.

    Of several that begin together the first makes it and the others wait. Where there can be no
    cache nobody waits.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(file.with_suffix(".lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
