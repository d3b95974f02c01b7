"""Text as numbers: which cells of a text column are numbers, and which only look like some.

pandas reads what is written with a decimal point. A decimal comma and groups of digits are read
once the user has said which mark is the decimal one, as 1,200 may be either. A sign that all
cells share, such as % or a currency's, changes nothing but the unit and is left out.
"""

import re
import warnings
from typing import Any, NamedTuple

from ..data import DataError
from .naming import leave_out

NO_NUMBER = ("NA", "N/A", "n/a", "NaN", "nan", "None", "null", "NULL", "#N/A", "?")
"""Spellings of a missing number."""
TRUTH = {
    **dict.fromkeys(("True", "TRUE", "true"), True),
    **dict.fromkeys(("False", "FALSE", "false"), False),
}
SHEET_ERRORS = ("#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#WERT!", "#BEZUG!")
"""What a spreadsheet leaves where a formula failed."""
DECIMALS = {".": "point", ",": "comma"}
"""Marks of decimals, and what they are called."""
SHORTENED_FROM = 1e11
EXACT = 2**53
"""Whole numbers up to here are floats of their own."""

_SIGN = r"[%‰°$€£¥₹₩₽₺₫₪฿¢]|USD|EUR|GBP|CHF|JPY|CNY|kr|zł|Kč"
_LOOK = re.compile(
    rf"(?P<open>\()?\s*(?P<minus>[-+\u2212]?)\s*(?P<before>{_SIGN})?\s*(?P<inner>[-+\u2212]?)"
    rf"(?P<body>[.,]?\d(?:[\d.,'\u2019 \u00a0\u202f]*\d)?[.,]?)(?P<power>[eE][-+]?\d+)?"
    rf"\s*(?P<after>{_SIGN})?\s*(?P<close>\))?"
)
_GROUPED = r"[1-9]\d{{0,2}}(?P<mark>[{marks}])\d{{2,3}}(?:(?P=mark)\d{{2,3}})*(?<=\d{{3}})"
_BLANKS = "'\u2019 \u00a0\u202f"
_FORMS = {
    decimal: re.compile(
        rf"(?:\d+|{_GROUPED.format(marks=_BLANKS + other)})(?:[{decimal}]\d*)?|[{decimal}]\d+"
    )
    for decimal, other in ((".", ","), (",", "."))
}
_SHORTENED = re.compile(r"-?\d[.,]\d{1,5}E\+(1[1-9]|[2-9]\d)")
"""As spreadsheets show whole numbers of twelve digits and more."""


class TextNumbers(NamedTuple):
    """A text column as numbers.

    Attributes:
        values: a column of numbers or truth values.
        sign: that every cell has, such as %, or an empty text.
        notices: what the user should know.
    """

    values: Any
    sign: str
    notices: list[str]


class _Look(NamedTuple):
    """What a cell that looks like a number is made of."""

    negative: bool
    body: str
    power: str
    sign: str

    def value(self, decimal: str) -> float | None:
        """Return the number, None where it is none with this decimal mark."""
        if not _FORMS[decimal].fullmatch(self.body):
            return None
        digits = re.sub(rf"[^\d{decimal}]", "", self.body).replace(",", ".")
        number = float(digits + self.power)
        return -number if self.negative else number


def read_numbers(cells: Any, name: str, decimal: str | None = None) -> TextNumbers | None:
    """Return a column of text as numbers or truth values, or None where it is text.

    Args:
        cells: text, or no value.
        name: of the column, for messages.
        decimal: ``.`` or ``,``; None for a point, refusing what may be meant otherwise.

    Raises:
        DataError: if the cells look like numbers that cannot be read for certain.
    """
    import pandas as pd

    written = cells.str.strip()
    stripped = written.where(~written.isin(("", *NO_NUMBER)))
    marks = _marks(written, name)
    if decimal != ",":
        values = pd.to_numeric(stripped, errors="coerce")
        if (values.notna() == stripped.notna()).all():
            return TextNumbers(values, "", [*marks, *_doubts(stripped, values, name)])
    texts = stripped.dropna().unique().tolist()
    if texts and all(text in TRUTH for text in texts):
        return TextNumbers(stripped.map(TRUTH).astype("boolean"), "", marks)
    looks = {text: look(text) for text in texts}
    if any(found is None for found in looks.values()):
        return None
    known = {text: found for text, found in looks.items() if found}
    sign = _one_sign(known, name)
    chosen = decimal or _point(known, name)
    numbers = {text: found.value(chosen) for text, found in known.items()}
    if wrong := [text for text, number in numbers.items() if number is None]:
        raise DataError(
            f"column {name!r} holds {wrong[0]!r}, which is no number with a decimal "
            f"{DECIMALS[chosen]}; change it, or {leave_out(name)}"
        )
    values = stripped.map(numbers).astype("float64")
    notices = [*marks, *_doubts(stripped, values, name)]
    if sign:
        notices.append(f"column {name!r} is read as numbers, without its {sign!r}")
    return TextNumbers(values, sign, notices)


def look(text: str) -> _Look | None:
    """Return what a text is made of that looks like a number in one country or another.

    Example:
        >>> look("-1.234,50 €").value(","), look("12%").sign, look("1.2.2024")
        (-1234.5, '%', None)
    """
    found = _LOOK.fullmatch(text.strip())
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    if found["before"] and found["after"]:
        return None
    if sum(map(bool, (found["open"], found["minus"], found["inner"]))) > 1:
        return None  # two signs, such as --1
    negative = found["open"] or {found["minus"], found["inner"]} & {"-", "\u2212"}
    sign = found["before"] or found["after"] or ""
    made = _Look(bool(negative), found["body"], found["power"] or "", sign)
    return made if any(made.value(decimal) is not None for decimal in _FORMS) else None


def is_dates(texts: list[str]) -> bool:
    """Return whether all texts are dates or times of one form."""
    import pandas as pd
    from pandas.tseries.api import guess_datetime_format

    if not texts or not any(mark in texts[0] for mark in "-/.:"):
        return False
    if re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?", texts[0]):
        forms = ["%H:%M", "%H:%M:%S"]
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that the day is not where it was tried
            forms = [guess_datetime_format(texts[0], dayfirst=first) for first in (False, True)]
    return any(
        form is not None and pd.to_datetime(texts, format=form, errors="coerce").notna().all()
        for form in forms
    )


def _one_sign(looks: dict[str, _Look], name: str) -> str:
    """Return the sign that all cells share."""
    first = next(iter(looks.values())).sign if looks else ""
    other = next((text for text, found in looks.items() if found.sign != first), None)
    if other is not None:
        raise DataError(
            f"column {name!r} holds numbers with different signs, {next(iter(looks))!r} and "
            f"{other!r}; write them in one unit, or {leave_out(name)}"
        )
    return first


def _point(looks: dict[str, _Look], name: str) -> str:
    """Return the decimal point where no other mark stands in the cells."""
    marked = [text for text, found in looks.items() if re.search(r"[^\d.]", found.body)]
    marked += [text for text, found in looks.items() if found.value(".") is None]
    if not marked:
        return "."
    able = [mark for mark in _FORMS if all(f.value(mark) is not None for f in looks.values())]
    if not able:
        raise DataError(
            f"column {name!r} holds numbers of different forms, such as {marked[0]!r} and "
            f"{next((text for text in looks if text != marked[0]), '')!r}; write them in one, or "
            f"{leave_out(name)}"
        )
    advice = " or ".join(f"--decimal {DECIMALS[mark]}" for mark in able)
    what = "with a decimal comma" if able == [","] else "with marks between digits"
    raise DataError(
        f"column {name!r} holds numbers {what}, such as {marked[0]!r}: say {advice}, for the whole "
        f"table, or {leave_out(name)}"
    )


def _marks(texts: Any, name: str) -> list[str]:
    """Return a notice of the cells that are not empty and count as empty among numbers."""
    counts = texts[texts.isin(NO_NUMBER)].value_counts()
    if not len(counts):
        return []
    shown = ", ".join(f"{mark!r} ({count:,})" for mark, count in sorted(counts.items()))
    cells = "1 cell that counts" if counts.sum() == 1 else f"{counts.sum():,} cells that count"
    return [f"column {name!r} holds {cells} as empty: {shown}"]


def _doubts(texts: Any, values: Any, name: str) -> list[str]:
    """Return notices of digits that numbers lose."""
    notices = []
    zeros = texts[texts.str.match(r"[+-]?0\d", na=False)]
    if len(zeros):
        notices.append(
            f"column {name!r} holds leading zeros, such as {zeros.iloc[0]!r}, as codes do, and is "
            f"read as numbers; if it is a code, {leave_out(name)}"
        )
    large = texts[(values.abs() >= SHORTENED_FROM).fillna(False)]
    short = large[large.str.fullmatch(_SHORTENED.pattern)]
    large = texts[(values.abs() > EXACT).fillna(False)]
    if len(short):
        notices.append(
            f"column {name!r} holds {short.iloc[0]!r}, as spreadsheets shorten long numbers, whose "
            f"other digits are lost in the file; if it is an identifier, {leave_out(name)}"
        )
    elif len(large := large[large.str.fullmatch(r"[+-]?\d+")]):
        notices.append(_too_large(large.iloc[0], name))
    return notices


def large_numbers(cells: Any, name: str) -> list[str]:
    """Return a notice of whole numbers that lose digits as floats.

    Args:
        cells: a column of integers, or no value.
        name: of the column.
    """
    present = cells.dropna()
    large = present[(present > EXACT) | (present < -EXACT)]
    return [_too_large(str(large.iloc[0]), name)] if len(large) else []


def _too_large(example: str, name: str) -> str:
    return (
        f"column {name!r} holds whole numbers above 2^53, such as {example}, whose last "
        f"digits are lost in learning; if it is an identifier, {leave_out(name)}"
    )
