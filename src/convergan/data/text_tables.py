"""Tables in text files, such as CSV: every cell as it is written, and never a row more or less.

The separator and the sign around text are found by CleverCSV (van den Burg, Nazábal and Sutton,
2019, *Wrangling messy CSV files by detecting row and type patterns*) on the first lines. Rows are
split by Python's own reader in its strict form. What is beside it here are checks: a table whose
rows cannot be told apart for certain is refused, and what was left out or supposed is a notice.

Paper and released code: not in Salimans et al. (2016).
"""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .decoding import DataError

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
SAMPLE = 1 << 15
"""Characters from which the separator is found."""
SHOWN = 40
"""Characters of a line that a message shows."""
GUESSED_FROM = 8
"""Bytes beyond ASCII from which another encoding is named; of fewer, any may be right."""
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[;,\t|]*', re.IGNORECASE)
"""By which Excel is told the separator."""


@dataclass(frozen=True, kw_only=True)
class TextFormat:
    """What is known of a text file; None where it is to be found out.

    Attributes:
        separator: between cells: one character, or comma, semicolon, tab or bar.
        encoding: as Python calls it, such as cp1252.

    Raises:
        ValueError: if there is no such separator or encoding.
    """

    separator: str | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        if self.separator is not None and len(self.sign or "") != 1:
            raise ValueError(
                f"--separator must be one character, or {', '.join(SEPARATORS)}, "
                f"got {self.separator!r}"
            )
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise ValueError(
                    f"--encoding must be one that Python knows, such as utf-8 or cp1252, "
                    f"got {self.encoding!r}"
                ) from None

    @property
    def sign(self) -> str | None:
        """The separator as a character."""
        if self.separator in ("\\t", "t"):
            return "\t"
        return SEPARATORS.get(self.separator or "", self.separator)


FOUND_OUT = TextFormat()


@dataclass
class TextTable:
    """A table in a text file.

    Attributes:
        file: that was read.
        names: of the columns, without blanks around them, as the file spells them.
        notices: what was supposed or left out; complete once all `rows` were read.
    """

    file: Path
    names: list[str]
    notices: list[str]
    _reader: "_Lines"

    def rows(self) -> Iterator[list[str]]:
        """Yield the cells of each row, as many as there are names; once.

        Empty lines, and rows at the end without any value, are left out and counted.

        Raises:
            DataError: if a row is longer than the first line, or quotation marks do not match.
        """
        width = len(self.names)
        short, comments, broken = _Counted(), 0, _Counted()
        lines, number, blank, waiting = self._reader, 0, 0, []
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                waiting.append(len(cells))  # rows of the table only if another follows
                continue
            blank += waiting.count(0)
            for _ in filter(None, waiting):
                yield [""] * width
                number += 1
            waiting.clear()
            if len(cells) == 1 < width and cells[0].startswith("#"):
                comments += 1
                continue
            if len(lines.lines) > 1:
                broken.add(f"row {number}")
            if len(cells) < width:
                short.add(f"row {number} ({lines.where()})")
                cells = cells + [""] * (width - len(cells))
            elif any(cell.strip() for cell in cells[width:]):
                raise DataError(
                    f"{self.file} has rows with more cells than its first line has names: "
                    f"{lines.where()} has {len(cells)}, the first line {width}"
                )
            yield cells[:width]
            number += 1
        self._tell(short, blank, len(list(filter(None, waiting))), comments, broken)

    def _tell(
        self, short: "_Counted", blank: int, empty: int, comments: int, broken: "_Counted"
    ) -> None:
        left_out = [
            (blank, "without anything", "without anything"),
            (empty, "at the end without any value", "at the end without any value"),
            (comments, "that begins with # and is no row", "that begin with # and are no rows"),
        ]
        told = [
            f"{count:,} {'line ' + one if count == 1 else 'lines ' + more}"
            for count, one, more in left_out
            if count
        ]
        if told:
            self.notices.append(f"left out of {self.file.name}: {', '.join(told)}")
        if short.count:
            self.notices.append(
                f"rows with fewer cells than the first line has names: {short.count:,}, the first "
                f"is {short.first}; what lacks counts as empty"
            )
        if broken.count:
            self.notices.append(
                f"rows with a cell of several lines: {broken.count:,}, the first is {broken.first}"
            )


def open_text_table(file: Path, form: TextFormat = FOUND_OUT, *, usual: str = ",") -> TextTable:
    """Open a table; its first line has the names of the columns.

    Args:
        file: of text, in any encoding that is found or named.
        form: what is known of it.
        usual: separator to suppose where there is none, as in a table of one column.

    Raises:
        DataError: if it is not text in the encoding, or has no line with names.
    """
    text, notices = decode_text(file, form.encoding)
    first, _, others = text.partition("\n")
    separator, quote, skipped = form.sign, '"', 0
    if named := SEPARATOR_LINE.fullmatch(first.strip("\r ")):
        separator, text, skipped = separator or named[1], others, 1
    if separator is None:
        separator, quote = _find_dialect(text, usual)
        if separator != usual:
            name = next(name for name, sign in SEPARATORS.items() if sign == separator)
            notices.append(f"{file.name} is read with a {name} between columns")
        if quote != '"':
            notices.append(f"text in {file.name} is read as standing between {quote} and {quote}")
    reader = _Lines(file, text, separator, quote, skipped)
    names = reader.header()
    notices += reader.notices
    if len(names) == 1 and (other := set(names[0]) & {*SEPARATORS.values()} - {separator}):
        shown = names[0] if len(names[0]) <= SHOWN else f"{names[0][:SHOWN]}..."
        raise DataError(
            f"{file} has one column, {shown!r}: it is read with {separator!r} between columns; "
            f"name {other.pop()!r} with --separator if that stands between them"
        )
    return TextTable(file, names, notices, reader)


def decode_text(file: Path, encoding: str | None = None) -> tuple[str, list[str]]:
    """Return the text of a file, and a notice where its encoding was supposed.

    UTF-8 is certain where it is possible, and so is what a byte order mark says. Western European
    text (Windows-1252) is supposed where charset-normalizer finds nothing strange in it.

    Raises:
        DataError: if it is in another encoding, or no text.
    """
    data = file.read_bytes()
    marked = next((name for mark, name in MARKS if data.startswith(mark)), None)
    notices: list[str] = []
    chosen = encoding or marked or "utf-8"
    if chosen.lower().replace("_", "-") == "utf-8":
        chosen = "utf-8-sig"
    try:
        text = data.decode(chosen)
    except UnicodeDecodeError as error:
        if encoding or marked:
            raise DataError(
                f"{file} is not text in {encoding or marked}: byte {error.start:,} cannot be read"
            ) from None
        chosen = _supposed_encoding(file, data)
        text = data.decode(chosen)
        strange = next((line for line in text.splitlines() if not line.isascii()), "")
        notices.append(
            f"{file.name} is not in UTF-8 and was read as {chosen}, Western European, as in "
            f"{strange[:40]!r}; if that is wrong, name its encoding with --encoding"
        )
    if "\0" in text:
        raise DataError(
            f"{file} holds zero bytes, so it is no text, or in UTF-16 without a mark; then name "
            "--encoding utf-16-le or utf-16-be"
        )
    return text, notices


def _supposed_encoding(file: Path, data: bytes) -> str:
    from charset_normalizer import from_bytes

    sample = b"\n".join(line for line in data.splitlines() if not line.isascii())[:SAMPLE]
    if b"\0" in data[:SAMPLE]:
        raise DataError(f"{file} is not text in UTF-8, and holds zero bytes")
    if from_bytes(sample, cp_isolation=["cp1252"]).best() is not None:
        try:
            data.decode("cp1252")
        except UnicodeDecodeError:
            return "latin-1"
        return "cp1252"
    best = from_bytes(sample).best()
    certain = len(sample.translate(None, bytes(range(128)))) >= GUESSED_FROM
    advice = f"; it may be {best.encoding}" if best and certain else ""
    raise DataError(f"{file} is not text in UTF-8{advice}: name its encoding with --encoding")


def plain_name(name: str) -> str:
    r"""Return the form of a name or label that all its spellings share.

    Unicode's two forms of an accent (NFC, and NFD as macOS writes it) and line breaks or several
    blanks in a row make no difference.

    Example:
        >>> plain_name("gro\u0308ße\n(cm) ")
        'größe (cm)'
    """
    return unicodedata.normalize("NFC", " ".join(name.split()))


def one_form(texts: Sequence[str], what: str) -> tuple[list[str], list[str]]:
    r"""Return texts in one Unicode form, and notices of those that others may be meant by.

    Args:
        texts: labels, without blanks around them.
        what: they are, for notices.

    Example:
        >>> one_form(["süß", "su\u0308ß"], "labels")
        (['süß', 'süß'], ["labels in two Unicode forms count as one: 'süß'"])
    """
    forms = [unicodedata.normalize("NFC", text) for text in texts]
    both = sorted({form for form, text in zip(forms, texts, strict=True) if form != text})
    both = [form for form in both if form in set(texts)]
    notices = []
    if both:
        notices.append(
            f"{what} in two Unicode forms count as one: {', '.join(map(repr, both[:3]))}"
        )
    alike: dict[str, set[str]] = {}
    for form in set(forms):
        alike.setdefault(plain_name(form).casefold(), set()).add(form)
    if differ := sorted(" and ".join(map(repr, sorted(s))) for s in alike.values() if len(s) > 1):
        notices.append(
            f"{what} that differ in case or blanks alone count as different: {differ[0]}"
        )
    return forms, notices


def _find_dialect(text: str, usual: str) -> tuple[str, str]:
    """Return separator and quotation mark; the usual ones where none are found."""
    import clevercsv

    sample = text[:SAMPLE]
    if len(text) > SAMPLE:
        sample = sample[: sample.rfind("\n") + 1] or sample
    found = clevercsv.Detector().detect(sample, delimiters=[*SEPARATORS.values()])
    if found is None or not found.delimiter:
        return usual, '"'
    single = found.quotechar == "'" and sample.lstrip().startswith("'")
    return found.delimiter, "'" if single else '"'


@dataclass
class _Counted:
    """How many there were, and the first."""

    count: int = 0
    first: str = ""

    def add(self, what: str) -> None:
        self.count += 1
        self.first = self.first or what


class _Lines:
    """The rows of a text, by Python's reader, and the lines where they are."""

    def __init__(self, file: Path, text: str, separator: str, quote: str, skipped: int) -> None:
        self.file, self.separator, self.skipped = file, separator, skipped
        self.notices: list[str] = []
        self.lines: list[str] = []  # of the last row
        self._ahead: list[list[str]] = []
        self._like: list[bool] = []
        blanks = re.search(re.escape(separator) + " +" + quote, text[:SAMPLE])
        self._csv = csv.reader(
            self._noted(io.StringIO(text, newline="")),
            delimiter=separator,
            quotechar=quote,
            skipinitialspace=separator != " " and blanks is not None,
            strict=True,
        )

    def __iter__(self) -> Iterator[list[str]]:
        while self._ahead:
            yield self._ahead.pop()
        while True:
            self.lines.clear()
            try:
                cells = next(self._csv)
            except StopIteration:
                return
            except csv.Error as error:
                raise DataError(
                    f"{self.file} cannot be read as a table: {self.where()}: {error}; a "
                    "quotation mark within quotation marks is written twice"
                ) from None
            if len(self.lines) > 1:
                self._require_one_row()
            elif cells:
                self._like = [_is_number(cell) for cell in cells]
            yield cells

    def where(self) -> str:
        """Name the lines of the last row, counted from 1."""
        last = self._csv.line_num + self.skipped
        first = last - len(self.lines) + 1
        return f"line {last}" if first >= last else f"lines {first} to {last}"

    def header(self) -> list[str]:
        """Return the names: the first line that is neither empty nor a comment.

        Lines before it that begin with # are comments, unless the last has as many cells.
        """
        comments: list[list[str]] = []
        names: list[str] = []
        for cells in self:
            if any(cell.strip() for cell in cells):
                if not cells[0].startswith("#"):
                    names = cells
                    break
                comments.append(cells)
        if comments and (not names or len(comments[-1]) == len(names) > 1):
            if names:
                self._ahead.append(names)
            names = comments.pop()
        if comments:
            self.notices.append(
                f"{len(comments):,} lines before the names in {self.file.name} begin with # and "
                "were left out"
            )
        if not names:
            raise DataError(f"{self.file} cannot be read as a table: it has no line with names")
        return [name.strip() for name in names]

    def _noted(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self.lines.append(line)
            yield line

    def _require_one_row(self) -> None:
        """Refuse a row whose later lines are rows themselves, as a lost quotation mark makes it."""
        for line in self.lines[1:]:
            cells = line.rstrip("\r\n").split(self.separator)
            if any(self._like) and [_is_number(cell) for cell in cells] == self._like:
                raise DataError(
                    f"{self.file} has a quotation mark too many or too few: one cell in "
                    f"{self.where()} would hold the row {line.strip()[:60]!r}"
                )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
