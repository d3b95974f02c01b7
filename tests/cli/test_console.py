"""What goes to which stream, and how."""

import io
import os
import re
import subprocess
import sys

import pytest

from convergan.cli.console import (
    degrade_output,
    errors,
    output,
    print_line,
    print_table,
    require_standard_output,
)
from tests.commands import convergan


@pytest.mark.parametrize("text", ["runs/[bold]x[/bold]/a.html", "12 of 345 'rows'", "long " * 100])
def test_a_line_of_results_is_printed_as_it_is(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_line(text)
    assert capsys.readouterr() == (f"{text}\n", "")


@pytest.mark.parametrize("width", [20, 70, 200])
@pytest.mark.parametrize("terminal", [False, True])
def test_tables_are_whole_at_any_width(
    width: int, terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convergan.cli.console.output._width", width)
    monkeypatch.setattr("convergan.cli.console.output._force_terminal", terminal)
    head = [f"head-{n}" for n in range(5)]
    print_table([*head, "words"], [[*"abcde", "one [bold]two[/bold] three"]] * 2)
    shown = capsys.readouterr().out
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in shown.splitlines()]
    first = lines[1].replace("┃", " ").split()
    assert first == [*head, "words"]  # no name is cut or broken
    assert "…" not in shown and "[bold]two[/bold]" in " ".join(lines)
    folded = terminal and width == 70
    assert max(map(len, lines)) <= 70 if folded else len(lines) == 6
    assert output.width == width


def test_a_long_word_is_broken_in_a_terminal_that_has_room_for_the_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convergan.cli.console.output._width", 40)
    monkeypatch.setattr("convergan.cli.console.output._force_terminal", True)
    print_table(["name", "rows"], [["n" * 100, "12"]])
    shown = capsys.readouterr().out
    assert shown.replace("name", "").count("n") == 100
    assert max(map(len, shown.splitlines())) == 40


@pytest.mark.parametrize("options", [["--quiet"], ["--json", "-"]])
def test_a_command_keeps_nobody_quiet_who_comes_after_it(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert convergan("recipes", *options) == 0
    capsys.readouterr()
    print_line("won")
    errors.print("lost")
    assert capsys.readouterr() == ("won\n", "lost\n")


def test_errors_leave_the_results_alone(capsys: pytest.CaptureFixture[str]) -> None:
    errors.print("lost")
    assert capsys.readouterr() == ("", "lost\n")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "so\u0301".replace("\u0301", "") + "... ?-"), ("utf-8", "só… 木–")],
)
def test_signs_that_cannot_be_shown_become_plainer(
    encoding: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    degrade_output()
    print("só… 木–", end="", flush=True)
    assert written.getvalue().decode(encoding) == shown


@pytest.mark.slow
@pytest.mark.parametrize(("lines", "code"), [(None, 0), (0, 141)])
def test_a_reader_who_leaves_ends_a_command_without_a_traceback(
    lines: int | None, code: int
) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "convergan", "recipes"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None and process.stderr is not None
    if lines is None:
        assert b"digits" in process.stdout.read()
    process.stdout.close()
    told = process.stderr.read()
    assert (process.wait(), told) == (code, b"")
    process.stderr.close()


def test_closed_standard_output_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OSError, match="standard output is closed, so results would be lost"):
        require_standard_output()
