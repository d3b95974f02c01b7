"""The lists of commands."""

import pytest

from tests.commands import convergan


@pytest.mark.parametrize("width", ["50", "80", "200"])
@pytest.mark.parametrize("words", [(), ("turing",)])
def test_what_a_command_does_is_said_whole_at_any_width(
    words: tuple[str, ...],
    width: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    assert convergan(*words, "--help") == 0
    shown = capsys.readouterr().out
    listed = shown[shown.index("Commands:") :]
    assert "..." not in listed and max(map(len, listed.splitlines())) <= int(width)
    said = {
        (): "List the recipes that train and sweep know, or the numbers of one.",
        ("turing",): "Print how many people a study needs for an interval of some width.",
    }
    assert said[words] in " ".join(listed.split())
