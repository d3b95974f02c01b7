"""The command line as a whole: its help, and how a process of it ends."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from convergan.cli.main import app, main
from tests.commands import Call, convergan


def test_version_and_help_say_what_they_should(capsys: pytest.CaptureFixture[str]) -> None:
    assert convergan("--version") == 0
    assert capsys.readouterr().out.strip().count(".") == 2
    assert convergan("train", "--help") == 0
    assert "--labels" in capsys.readouterr().out


def commands(group: Any, *names: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *names, name)
        else:
            yield (*names, name), command


def test_whatever_prints_a_result_gives_it_to_programs_as_well() -> None:
    """All but the two that serve pages until they are stopped."""
    lacking = {
        names
        for names, command in commands(typer.main.get_command(app))
        if not {"--json", "--quiet"} <= {word for one in command.params for word in one.opts}
    }
    assert lacking == {("label",), ("turing", "serve")}


def test_a_shell_can_complete_commands() -> None:
    asked = {
        "_CONVERGAN_COMPLETE": "complete_bash",
        "COMP_WORDS": "convergan s",
        "COMP_CWORD": "1",
    }
    found = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['convergan']; import convergan.__main__"],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert set(found.stdout.split()) == {"sweep", "scan", "sample", "score"}


def fresh(code: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``code`` and then the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", f"{code}\nfrom convergan.cli.main import main\nmain()", *arguments],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"
"""No file may grow beyond 200,000 bytes: grids of samples fit, tensors do not."""


@pytest.mark.nightly
def test_a_disk_without_space_ends_the_run_with_74_and_once_there_is_some_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "digits", "--threads", "1", "--device", "cpu", "--no-baselines"]
    arguments += ["--steps", "1", "--out", "mine"]
    stopped = fresh(FULL, *arguments, folder=tmp_path)
    assert stopped.returncode == 74
    assert "Traceback" not in stopped.stderr and stopped.stdout == ""
    lines = stopped.stderr.splitlines()
    assert [line for line in lines if line.startswith("convergan: ")] == lines[-1:]
    assert "File too large" in lines[-1]
    assert not list((tmp_path / "mine" / "checkpoints").iterdir())
    assert not list((tmp_path / "mine").rglob(".tmp-*"))
    assert not (tmp_path / "mine" / "result.json").exists()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["convergan", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    assert (tmp_path / "mine" / "result.json").exists()
    assert "report: mine/report.html" in capsys.readouterr().out


@pytest.mark.slow
def test_a_fresh_process_leaves_with_the_code_and_one_line_on_stderr(tmp_path: Path) -> None:
    left = fresh("", "train", "nonsense", folder=tmp_path)
    assert left.returncode == 2 and left.stdout == ""
    assert left.stderr.count("\n") == 1
    assert left.stderr.startswith("convergan: no recipe 'nonsense'")
    assert not list(tmp_path.iterdir())


def test_an_unexpected_error_leaves_its_traceback_in_a_file_and_shows_the_users_lines(
    call: Call,
) -> None:
    Path("mine.py").write_text("def broken():\n    return {}['lost']\n")
    code, _, stderr = call("train", "mine.py:broken")
    line, *shown = stderr.splitlines()
    assert code == 1
    start = "convergan: unexpected KeyError: 'lost'; the traceback is in "
    assert line.startswith(start)
    log = Path(line.removeprefix(start))
    assert "mine.py" in log.read_text() and "KeyError: 'lost'" in log.read_text()
    assert [text for text in shown if text.startswith('  File "')] == [
        f'  File "{Path("mine.py").resolve()}", line 2, in broken'
    ]
    assert shown[-1] == "KeyError: 'lost'"


def test_an_unexpected_error_of_several_lines_is_told_in_one(call: Call) -> None:
    Path("mine.py").write_text('def broken():\n    raise RuntimeError("one\\ntwo")\n')
    code, _, stderr = call("train", "mine.py:broken")
    assert code == 1
    assert stderr.startswith("convergan: unexpected RuntimeError: one two; the traceback is in /")


OWN_STEP = """from dataclasses import replace

from convergan.recipes import find_recipe


def step(state, batch, chance):
    {body}


def mine():
    return replace(find_recipe("toy"), step=step, steps=3)
"""


def train_step(call: Call, body: str) -> tuple[int, list[str]]:
    """Train a recipe whose step has this line; return the exit code and the message."""
    Path("own_step.py").write_text(OWN_STEP.format(body=body))
    code, _, stderr = call(
        "train", "own_step.py:mine", "--data", "ring", "--threads", "1", "--out", "run"
    )
    return code, stderr[stderr.index("convergan: ") :].splitlines()


def test_a_loss_of_ones_own_step_that_is_not_finite_ends_the_run_with_70(call: Call) -> None:
    code, [line, *_] = train_step(call, 'return {"fine": 1.0, "mine": float("nan")}')
    assert code == 70
    assert line.startswith("convergan: step 1: step step returned nan as mine, which is not finite")
    assert not Path("run/result.json").exists()


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        ("raise ValueError('of mine')", "ValueError", "of mine"),
        ("raise KeyError('of mine')", "KeyError", "'of mine'"),
        ("return __import__('numpy').zeros(3).reshape(2)", "ValueError", "cannot reshape"),
    ],
)
def test_errors_of_ones_own_step_end_alike_with_1_and_a_traceback(
    call: Call, body: str, kind: str, reason: str
) -> None:
    code, [line, *shown] = train_step(call, body)
    assert code == 1
    told, _, log = line.partition("; the traceback is in ")
    assert told.startswith(f"convergan: unexpected {kind}: {reason}")
    assert body in Path(log).read_text() and any(body in text for text in shown)


def test_what_a_step_of_ours_refuses_in_ones_own_stays_a_wrong_argument(call: Call) -> None:
    refused = "raise_ = find_recipe('nonsense')"
    code, [line, *shown] = train_step(call, refused)
    assert code == 2 and line.startswith("convergan: no recipe 'nonsense'")
    assert any(refused in text for text in shown)
