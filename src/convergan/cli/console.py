"""The terminal: results on standard output, everything else on standard error.

A terminal that cannot show a sign gets a plainer one, and tables are whole at any width. Where
nobody reads on, as after ``convergan recipes | head -1``, the work goes on in silence.
"""

import codecs
import io
import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

PLAINER = "plainer"
"""Name of the error handler of codecs that writes plainer signs."""
WIDE = 10_000
"""Columns of a terminal that any table fits into."""
ROOM = 12
"""Columns of a terminal that a column of a table wants; with fewer, too many words break."""


class QuietConsole(Console):
    """A console that says no more once its reader has gone.

    Attributes:
        abandoned: whether it has.
    """

    abandoned = False

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on."""
        self.abandoned = self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())

    def print_whole(self, table: Table) -> None:
        """Print a table of which nothing is lost.

        Cells are folded where a terminal is wide enough for their longest words, or has room for
        all columns. Elsewhere lines are as long as they need to be.
        """
        needed = self.measure(table, options=self.options.update(width=WIDE))
        least = min(needed.minimum, ROOM * len(table.columns))
        folded = self.is_terminal and least <= self.width
        before, self._width = self._width, self._width if folded else needed.maximum
        try:
            self.print(table)
        finally:
            self._width = before


COLOURS: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
output = QuietConsole(color_system=COLOURS)
errors = QuietConsole(color_system=COLOURS, stderr=True)


def print_line(text: str) -> None:
    """Print a line of results as it is: no markup, no colours, no wrapping."""
    output.print(text, highlight=False, markup=False, soft_wrap=True)


def print_aside(text: str) -> None:
    """Print a line beside the results, as `print_line` does, unless ``--quiet`` was said."""
    if not errors.quiet:
        print_line(text)


def print_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table of results, whole at any width; its cells are text as it is."""
    table = Table()
    for name in head:
        table.add_column(escape(name), overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    output.print_whole(table)


def restore_output() -> None:
    """Take back what ``--quiet`` and ``--json -`` said, for whoever still reads."""
    for console in (output, errors):
        console.quiet = console.abandoned


def write_values(
    file: Path | None, values: Any, write: Callable[[Path, bytes], None] | None = None
) -> None:
    """Write a result as JSON to a file, or to standard output where it is called ``-``.

    Args:
        file: None to write nothing.
        values: plain ones.
        write: how a file is written; None for a file that others may read.

    Raises:
        OSError: naming the file, if it cannot be written.
    """
    if file is None:
        return
    text = json.dumps(values, indent=2, sort_keys=True)
    if str(file) == "-":
        output.quiet = output.abandoned
        print_line(text)
        return
    from ..core.files import replace_file

    (write or replace_file)(file, f"{text}\n".encode())
    print_line(str(file))


def flush() -> None:
    """Write what waits for standard output, if anybody reads it."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        output.on_broken_pipe()


def require_standard_output() -> None:
    """Refuse to work for nobody.

    Raises:
        OSError: if standard output was closed before the command began.
    """
    if sys.stdout is None:
        raise OSError(
            "standard output is closed, so results would be lost; send them to a file, or to "
            f"{os.devnull}"
        )


def degrade_output() -> None:
    """Let standard output and error write a plainer sign where their encoding lacks one."""
    codecs.register_error(PLAINER, _plainer)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAINER)


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """Return signs of ASCII for those that cannot be encoded, such as ``...`` for an ellipsis."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    plain = unicodedata.normalize("NFKD", wrong.replace("\N{EN DASH}", "-"))
    shown = (sign for sign in plain if not unicodedata.combining(sign))
    return "".join(sign if sign.isascii() else "?" for sign in shown), error.end
