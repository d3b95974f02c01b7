"""Files that only their owner can read: they hold what people said, and the key that hides them."""

import os
import stat
from contextlib import suppress
from pathlib import Path

FILE_MODE, FOLDER_MODE = 0o600, 0o700


def create_private(file: Path, data: bytes = b"") -> None:
    """Make a new file that nobody else can read, from its first moment on.

    Raises:
        FileExistsError: if it is there.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(descriptor)


def write_private(file: Path, data: bytes) -> None:
    """Write a file anew, and the folder that it is to be in; nobody else can read it then.

    Raises:
        OSError: naming the file, if that is not possible.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as opened:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                file.chmod(FILE_MODE)  # one that was there keeps its mode otherwise
            opened.write(data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"{file} cannot be written: {reason}") from None


def append_private(file: Path) -> int:
    """Open a file to append to it; return its descriptor, which the caller closes."""
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)


def close_to_others(folder: Path) -> None:
    """Take a study's folder and the files in it from others, as older versions let them read.

    What belongs to somebody else is left as it is.
    """
    for place in (folder, *folder.iterdir()):
        with suppress(PermissionError, FileNotFoundError):
            mode = place.lstat().st_mode
            wanted = FOLDER_MODE if place == folder else FILE_MODE
            if (place == folder or stat.S_ISREG(mode)) and stat.S_IMODE(mode) & 0o077:
                place.chmod(wanted)
