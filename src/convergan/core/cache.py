"""A cache of results in the user's folder, and a lock for processes that fill it together.

It may be removed at any time: what is kept there changes nothing but time.
"""

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .locks import lock_file


def cache_folder() -> Path:
    """Return the folder for what may be found again, ``$CONVERGAN_CACHE`` or one in the home.

    A user whom the machine does not know has no home, as in a container under any number; then it
    is a folder of this process.
    """
    if given := os.environ.get("CONVERGAN_CACHE"):
        return Path(given)
    home = _home()
    return (home / ".cache" if home else scratch_folder()) / "convergan"


@functools.cache
def scratch_folder() -> Path:
    """Return a folder of this process, which is removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix="convergan-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def make_hub_cache_writable() -> None:
    """Let the library datasets, which is not loaded yet, write elsewhere where its folder refuses.

    It writes what it reads from Parquet to a folder in the home. What was downloaded before is
    still read from there.
    """
    home = _home()
    if home is None:
        os.environ.setdefault("HF_HOME", str(scratch_folder() / "huggingface"))
    base = Path(os.environ.get("HF_HOME") or (home or Path()) / ".cache" / "huggingface")
    for name, part in (("HF_DATASETS_CACHE", "datasets"), ("HF_MODULES_CACHE", "modules")):
        if not _writable(Path(os.environ.get(name) or base / part)):
            os.environ[name] = str(scratch_folder() / part)


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def in_turn(file: Path) -> Iterator[None]:
    """Let one process at a time look for a file of the cache, and make it where it is missing.

    Of several that begin together the first makes it and the others wait. Where there can be no
    cache nobody waits.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(lock_file(file.with_suffix(".lock"), wait=True))
        yield
