"""Names of columns: as a file has them, as a user writes them, as a shell wants them.

Several names in one option are separated by commas and quoted as in a line of CSV, so any name
can be written.
"""

import csv
import difflib
import io
import os
import shlex
from collections.abc import Sequence

from ..data import DataError
from ..data.text_tables import plain_name


def named_columns(names: Sequence[str], where: str) -> list[str]:
    """Return the names of a file's columns, each once and none empty.

    A column without a name gets one as pandas gives it: ``Unnamed: 0`` where it is the first.

    Args:
        names: as the file has them.
        where: the file, for messages.

    Raises:
        DataError: if two columns have one name.
    """
    named = [plain_name(name) or f"Unnamed: {place}" for place, name in enumerate(names)]
    twice = [name for place, name in enumerate(named) if name in named[:place]]
    if twice:
        raise DataError(f"{where} has two columns {twice[0]!r}; give them names of their own")
    return named


def parse_names(text: str | None) -> list[str]:
    """Return the names in an option.

    Args:
        text: names separated by commas, one with a comma in quotation marks; None for none.

    Raises:
        ValueError: if quotation marks do not match.

    Example:
        >>> parse_names('id,"width, cm",0')
        ['id', 'width, cm', '0']
    """
    if not text:
        return []
    try:
        return next(csv.reader([text], strict=True, skipinitialspace=True))
    except csv.Error:
        raise ValueError(
            f"names are separated by commas, and one with a comma or quotation mark is quoted as "
            f"in CSV, got {text!r}"
        ) from None


def leave_out(name: str) -> str:
    r"""Return the advice to fit without a column, to be pasted into a shell.

    Example:
        >>> leave_out("id"), leave_out("width, cm")
        ('fit without it, with --drop id', 'fit without it, with --drop \'"width, cm"\'')
    """
    return f"fit without it, with --drop {option_value([name])}"


def option_value(names: Sequence[str]) -> str:
    """Return names as the value of an option, quoted for the shell."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return shlex.quote(line.getvalue())


def find_column(name: str, known: Sequence[str], where: str) -> str:
    """Return a column's name as it is known; refuse one that is not there, naming the nearest.

    Args:
        name: wanted, in any spelling that `convergan.data.text_tables.plain_name` makes one.
        known: what there is.
        where: what has these columns, for the message.

    Raises:
        ValueError: if it is not there.

    Example:
        >>> find_column("colour", ["color", "size"], "wine.csv")
        Traceback (most recent call last):
        ValueError: wine.csv has no column 'colour'; did you mean 'color'?
    """
    if name in known:
        return name
    spelled = {plain_name(other): other for other in known}
    wanted = plain_name(_as_utf8(str(name)))
    if wanted in spelled:
        return spelled[wanted]
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    if near:
        either = " or ".join(map(repr, near))
        raise ValueError(f"{where} has no column {name!r}; did you mean {either}?")
    raise ValueError(f"{where} has no column {name!r}; its columns are {first_names(known, 8)}")


def first_names(names: Sequence[str], most: int) -> str:
    """Return the first names in quotes, for a message."""
    return ", ".join(map(repr, names[:most])) + (" and more" if len(names) > most else "")


def _as_utf8(argument: str) -> str:
    """Return an argument that a shell without a locale has handed over, as it was typed."""
    try:
        return os.fsencode(argument).decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return argument
