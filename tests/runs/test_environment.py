"""What is written down of where a run was made."""

import json
from pathlib import Path

from convergan.core.version import __version__
from convergan.runs.environment import FILE, describe_environment, note_environment


def test_the_command_can_be_given_to_a_shell_again() -> None:
    words = ["/opt/bin/convergan", "train", "my file.py:mine", "--set", "batch_size=5"]
    found = describe_environment(words)
    assert found["command"] == "convergan train 'my file.py:mine' --set batch_size=5"
    assert found["versions"]["convergan"] == __version__
    assert found["threads"] >= 1


def test_the_first_note_stays(tmp_path: Path) -> None:
    for word in ("first", "second"):
        note_environment(tmp_path, ["convergan", word])
    assert json.loads((tmp_path / FILE).read_text())["command"] == "convergan first"
