"""Lists of people as panels export them."""

from pathlib import Path

import pytest

from convergan.turing.errors import StudyError
from convergan.turing.panel_list import read_panel_list
from convergan.turing.people import ListedPerson

EXPORT = """\
Submission id,Participant id,Status,Started at,Completion code,Age
60ab01,5f1e0a,APPROVED,2026-11-01T10:00:00Z,DONE-C1,31
60ab02,5f1e0b,RETURNED,,,"CONSENT_REVOKED"
"""


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / "list.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_prolifics_export_names_people_and_submissions(tmp_path: Path) -> None:
    expected = [ListedPerson("5f1e0a", "60ab01"), ListedPerson("5f1e0b", "60ab02")]
    assert read_panel_list(write(tmp_path, EXPORT)) == expected
    assert read_panel_list(write(tmp_path, b"\xef\xbb\xbf" + EXPORT.encode())) == expected
    windows = EXPORT.replace("\n", "\r\n")
    assert read_panel_list(write(tmp_path, windows)) == expected


def test_ids_line_by_line_are_people_whose_visits_are_unknown(tmp_path: Path) -> None:
    found = read_panel_list(write(tmp_path, "5f1e0a\n\n5f1e0b\n5f1e0a"))
    assert found == [ListedPerson("5f1e0a"), ListedPerson("5f1e0b")]
    found = read_panel_list(write(tmp_path, "Participant id,Age\n5f1e0a,30\n"))
    assert found == [ListedPerson("5f1e0a")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names nobody"),
        ("\n\n", "names nobody"),
        ("Participant id,Age\n", "names nobody"),
        ("name,age\nann,3\n", 'has no column "Participant id"'),
        ("Participant id,Age\n5f1e 0a,30\n", "person 1: '5f1e 0a' is no id"),
        ("5f1e0a\n=SUM(A1)\n", "person 2: '=SUM"),
        (b"\xff\xfe5f1e0a", "is not a text in UTF-8"),
    ],
)
def test_what_is_no_list_is_one_line(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(StudyError, match=reason):
        read_panel_list(write(tmp_path, text))
