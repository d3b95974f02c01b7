import sys
from pathlib import Path

import pytest

from convergan.cli.main import main
from tests.cli.refused import Ask, Refusal, the_one_line
from tests.commands import Call, convergan


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return a function that runs the command line here and gives its exit code and message."""
    monkeypatch.chdir(tmp_path)

    def refused(*arguments: str) -> Refusal:
        monkeypatch.setattr(sys, "argv", ["convergan", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        stdout, stderr = capsys.readouterr()
        assert stdout == ""
        assert isinstance(left.value.code, int)
        return left.value.code, the_one_line(stderr)

    return refused


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Return a function that runs the command line in an empty folder: code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        return convergan(*arguments), *capsys.readouterr()

    return run
