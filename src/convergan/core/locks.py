"""Locks of the operating system on files, which go with the process however that ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def lock_file(file: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold the lock of a file for as long as the block lasts, if nobody else does.

    Args:
        file: what is locked; it is created, with its folder, and may stay. It is not to be read or
            written: where a lock is mandatory, that fails.
        wait: wait until the lock is free.

    Yields:
        Whether this process holds the lock now; always true after waiting.

    Raises:
        OSError: if the file cannot be made or written.
    """
    lock = FileLock(file)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
