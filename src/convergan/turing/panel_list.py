"""A panel's own list of people: Prolific's export of a study's submissions, or ids line by line."""

import csv
import io
import re
from pathlib import Path

from .errors import StudyError
from .people import ListedPerson

PERSON_COLUMNS = ("participant id", "participant_id", "workerid", "prolific_pid")
"""Names of a column of people's ids, in small letters: Prolific's export and API, MTurk."""
VISIT_COLUMNS = ("submission id", "submission_id", "session_id", "assignmentid")
"""Names of a column of visits: what Prolific calls a submission is the SESSION_ID of its link."""

MAX_BYTES = 20_000_000
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


def read_panel_list(file: Path) -> list[ListedPerson]:
    """Return the people whom a file names, in its order, each once.

    Args:
        file: a CSV file with one of `PERSON_COLUMNS`, and one of `VISIT_COLUMNS` if it has visits;
            or a text with one id a line.

    Raises:
        StudyError: if it is neither, or empty.
        OSError: if it cannot be read.
    """
    if file.stat().st_size > MAX_BYTES:
        raise StudyError(f"{file} is larger than {MAX_BYTES:,} bytes, which no list of people is")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise StudyError(f"{file} is not a text in UTF-8") from None
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if any(map(str.strip, row))]
    except csv.Error as error:
        raise StudyError(f"{file} is no CSV file: {error}") from None
    if not rows:
        raise StudyError(f"{file} names nobody")
    names = [name.strip().lower() for name in rows[0]]
    person = next((names.index(name) for name in PERSON_COLUMNS if name in names), None)
    visit = next((names.index(name) for name in VISIT_COLUMNS if name in names), None)
    if person is not None:
        rows = rows[1:]
    elif len(names) == 1:
        person, visit = 0, None
    else:
        raise StudyError(f'{file} has no column "Participant id", as Prolific\'s export has')
    found: dict[str, ListedPerson] = {}
    for number, row in enumerate(rows, 1):
        value = row[person].strip() if person < len(row) else ""
        if not _ID.fullmatch(value):
            raise StudyError(f"{file}, person {number}: {value[:40]!r} is no id of a panel")
        seen = row[visit].strip() if visit is not None and visit < len(row) else ""
        found[value] = ListedPerson(value, seen or None)
    if not found:
        raise StudyError(f"{file} names nobody")
    return list(found.values())
