import sys
from pathlib import Path

import pytest

from convergan.cli.main import main
from tests.cli.refused import Ask, Refusal, the_one_line


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
