"""The command line as a whole."""

import pytest

from tests.commands import convergan


def test_version_and_help_say_what_they_should(capsys: pytest.CaptureFixture[str]) -> None:
    assert convergan("--version") == 0
    assert capsys.readouterr().out.strip().count(".") == 2
    assert convergan("train", "--help") == 0
    assert "--labels" in capsys.readouterr().out
