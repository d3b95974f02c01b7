"""What is written down of where a result was made."""

import json
from pathlib import Path

from convergan.core.environment import (
    FILE,
    describe_environment,
    environment_table,
    note_environment,
)
from convergan.core.version import __version__


def test_the_command_can_be_given_to_a_shell_again() -> None:
    words = ["/opt/bin/convergan", "train", "my file.py:mine", "--set", "batch_size=5"]
    found = describe_environment(words)
    assert found["command"] == "convergan train 'my file.py:mine' --set batch_size=5"
    assert found["versions"]["convergan"] == __version__
    assert found["threads"] >= 1


def test_the_first_note_stays_and_later_commands_follow_once(tmp_path: Path) -> None:
    for word in ("first", "second", "first", "second"):
        note_environment(tmp_path, ["convergan", word])
    found = json.loads((tmp_path / FILE).read_text())
    assert found["command"] == "convergan first"
    assert environment_table(found).rows[:2] == [
        ("Command", "convergan first"),
        ("Then", "convergan second"),
    ]


def test_without_a_command_the_page_has_no_line_for_it() -> None:
    found = describe_environment([])
    heads = [row[0] for row in environment_table(found).rows]
    assert heads == ["Date", "Machine", "Versions"]
