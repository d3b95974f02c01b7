"""How a command ends: exit codes, one line for an error, and several processes with the same."""

import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..collective import Ranks

UNFINISHED, USAGE, REFUSED, NON_FINITE, STORAGE, LOST = 1, 2, 65, 70, 74, 75
UNREAD = 128 + 13  # SIGPIPE, which not every system has
"""All was done, but whoever read the output left before its end."""


class UnfinishedError(Exception):
    """A sweep that came to its end with runs that failed."""


def run_in_every_process(work: "Callable[[Ranks], None]", ranks: "Ranks") -> None:
    """Do the work; if it fails, tell the other processes and let rank 0 alone print why.

    Raises:
        PeerLeftError: in the process that prints, with what the error was explained by.
        SystemExit: in all processes but rank 0, with the code that rank 0 exits with. Where rank 0
            is lost, the first to notice prints.
    """
    from ..collective import PeerLeftError, PeerLostError

    try:
        work(ranks)
    except Exception as error:
        code, message = explain(error)
        first = ranks.leave(code, message)
        if ranks.leads or (first and isinstance(error, PeerLostError) and error.rank_0):
            raise PeerLeftError(code, message) from error
        raise SystemExit(code) from None
    ranks.finish()


def explain(error: Exception) -> tuple[int, str]:
    """Return the exit code and the one line for an error; see the command's help for the codes.

    An error that came through a file of the user's has the lines of that file after the one line.
    """
    from ..core.extras import what_to_install
    from ..core.signals import Interrupted
    from ..core.user_code import raised_by_user, user_traceback
    from ..turing.errors import StudyError

    if isinstance(error, Interrupted):
        return 128 + error.number, str(error)
    if isinstance(error, ModuleNotFoundError) and (needed := what_to_install(error.name)):
        return USAGE, f"this needs {needed}"
    line, more = " ".join(str(error).split()), ""
    if isinstance(error, StudyError):  # before torch is loaded, which takes seconds
        return REFUSED, line
    from ..collective import PeerLeftError, PeerLostError
    from ..core.files import DamagedFileError
    from ..data import DataError
    from ..data.decoding import LISTED
    from ..training import CheckpointError, NonFiniteError

    if isinstance(error, PeerLeftError):
        return error.code, str(error)
    if isinstance(error, DataError) and len(error.files) > LISTED:
        more = f"; all are in {write_aside('unreadable.txt', chr(10).join(error.files))}"
    codes: list[tuple[type[Exception], int]] = [
        (UnfinishedError, UNFINISHED),
        (PeerLostError, LOST),
        (DataError, REFUSED),
        (DamagedFileError, REFUSED),
        (CheckpointError, REFUSED),
        (NonFiniteError, NON_FINITE),
        (OSError, STORAGE),
        (ValueError, USAGE),
    ]
    for kind, code in codes:
        if code == USAGE and (isinstance(error, UnicodeError) or raised_by_user(error)):
            break  # no argument is wrong
        if isinstance(error, kind):
            told = "" if code in (NON_FINITE, LOST) else user_traceback(error)
            return code, line + more + told
    log = write_aside("traceback.txt", "".join(traceback.format_exception(error)))
    told = f"unexpected {type(error).__name__}: {line}; the traceback is in {log}"
    return 1, told + user_traceback(error)


def write_aside(name: str, text: str) -> Path:
    """Write what is too long for one line to a new file, and return that."""
    file = Path(tempfile.mkdtemp(prefix="convergan-")) / name
    file.write_text(text, encoding="utf-8")
    return file
