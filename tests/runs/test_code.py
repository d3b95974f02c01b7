"""A run knows with which code it was trained, and refuses other code unless it is allowed."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from convergan.core.files import write_json
from convergan.runs.code import compare_code, note_changed_code, summary_of_code, trained_with
from tests.commands import convergan

ONE, OTHER = {"mine.py": "1", "nets.py": "1"}, {"mine.py": "2", "more.py": "1"}


def test_the_same_code_needs_no_word() -> None:
    assert compare_code(Path("run"), {"code": ONE}, ONE, allow=False) == ""
    assert compare_code(Path("run"), {}, {}, allow=False) == ""


def test_other_code_is_refused_with_the_files_or_told() -> None:
    changed = "mine.py changed, more.py is new, nets.py is gone"
    with pytest.raises(ValueError, match=f"^run was trained with other code: {changed} since; put"):
        compare_code(Path("run"), {"code": ONE}, OTHER, allow=False)
    told = compare_code(Path("run"), {"code": ONE}, OTHER, allow=True)
    assert told == f"the code is other than run was trained with: {changed}"


def test_nothing_is_known_of_the_code_of_older_versions() -> None:
    told = compare_code(Path("run"), {}, ONE, allow=False)
    assert "nothing is known of what mine.py, nets.py was then" in told


def test_what_was_allowed_is_noted_and_counts_from_then_on(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    write_json(file, {"code": ONE})
    for code in (ONE, OTHER, OTHER, ONE):
        note_changed_code(file, code)
    description = json.loads(file.read_text())
    assert description == {"code": ONE, "changed_code": [OTHER, ONE]}
    assert trained_with(description) == (ONE, OTHER, ONE)
    assert compare_code(tmp_path, description, ONE, allow=False) == ""
    write_json(file, {})
    note_changed_code(file, ONE)
    assert json.loads(file.read_text()) == {}


def test_a_page_says_what_is_unusual_of_the_code() -> None:
    mine, toy = {"settings": {"recipe": "mine.py:mine"}}, {"settings": {"recipe": "toy"}}
    assert summary_of_code(toy) == summary_of_code({**mine, "code": ONE}) == ""
    assert "Nothing is known of its code" in summary_of_code(mine)
    changed = summary_of_code({**mine, "code": ONE, "changed_code": [OTHER]})
    assert changed.endswith("trained: mine.py changed, more.py is new, nets.py is gone.")


# --- by the command line -------------------------------------------------------------------------

MINE = """
from dataclasses import replace
import beside
from convergan.recipes import find_recipe
from convergan.training import adversarial_step

def step(state, batch, chance, **losses):
    found = adversarial_step(state, batch, chance, **losses)
    return {**found, "number": beside.NUMBER}

def mine():
    toy = find_recipe("toy")
    step_of_mine = type(toy.step)(step, **toy.step.keywords)
    return replace(toy, step=step_of_mine, judge=None, checkpoint_every=2, evaluate_every=2)

def failing(state, batch, chance):
    return state.nowhere

def fails():
    return replace(find_recipe("toy"), step=failing, judge=None)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "beside.py").write_text("NUMBER = 1\n")
    return tmp_path


def train(*more: str, steps: int = 4) -> int:
    words = ("--steps", steps, "--out", "run", "--threads", "1")
    return convergan("train", "mine.py:mine", *words, *more)


def read(name: str) -> Any:
    return json.loads(Path("run", name).read_text())


@pytest.mark.slow
def test_changed_code_of_a_finished_run_is_refused_by_all_commands(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train() == 0
    assert read("config.json")["code"].keys() == {"beside.py", "mine.py"}
    assert read("result.json")["code"] == [read("config.json")["code"]]
    before = {file: Path("run", file).read_bytes() for file in ("config.json", "result.json")}

    (place / "beside.py").write_text('"""A comment changes nothing."""\nNUMBER = 1  # as before\n')
    assert train() == 0
    (place / "beside.py").write_text("NUMBER = 22\n")
    capsys.readouterr()
    commands: list[tuple[object, ...]] = [
        ("train", "mine.py:mine", "--steps", 4, "--out", "run", "--threads", 1),
        ("sample", "run", "--out", "samples.npz"),
    ]
    for command in commands:
        assert convergan(*command) == 2
        line = capsys.readouterr().err.strip()
        assert line.startswith("convergan: run was trained with other code: beside.py changed ")
        assert "--allow-changed-code" in line and "\n" not in line
        assert convergan(*command, "--allow-changed-code") == 0
        told = capsys.readouterr()
        assert "the code is other than run was trained with: beside.py" in told.out + told.err
    assert before == {file: Path("run", file).read_bytes() for file in before}
    assert convergan("report", "run") == 0  # which runs no code of the user's


@pytest.mark.slow
def test_an_unfinished_run_goes_on_with_changed_code_where_that_is_allowed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train() == 0
    os.remove("run/result.json")
    first = read("config.json")["code"]
    (place / "beside.py").write_text("NUMBER = 22\n")
    assert train() == 2
    assert "changed_code" not in read("config.json")
    assert train("--allow-changed-code") == 0
    second = read("config.json")["changed_code"][0]
    assert second["beside.py"] != first["beside.py"] and second["mine.py"] == first["mine.py"]
    assert read("result.json")["code"] == [first, second]
    assert train() == 0  # that code is known now
    (place / "beside.py").write_text("NUMBER = 1\n")
    assert train() == 2


@pytest.mark.slow
def test_an_error_in_a_file_of_the_users_shows_its_own_lines(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--steps", 2, "--out", "run", "--threads", 1)
    assert convergan("train", "mine.py:fails", *words) == 1
    said = capsys.readouterr().err
    assert "convergan: unexpected AttributeError: " in said
    [line] = [line for line in said.splitlines() if line.startswith('  File "')]
    assert line.endswith("in failing") and str(place / "mine.py") in line
    assert "    return state.nowhere" in said.splitlines()


@pytest.mark.slow
@pytest.mark.nightly
def test_a_sweep_refuses_changed_code(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = "\n\ndef short():\n    return replace(find_recipe('digits'), steps=2)\n"
    (place / "mine.py").write_text(MINE + digits)
    words = (
        "mnist-table --recipe mine.py:short --data digits --labels 20 --seeds 1 --jobs 1".split()
    )
    words += ["--threads", "1", "--out", "sweep"]
    assert convergan("sweep", *words) == 0
    (place / "beside.py").write_text("NUMBER = 22\n")
    capsys.readouterr()
    assert convergan("sweep", *words) == 2
    assert "sweep was trained with other code: beside.py changed since" in capsys.readouterr().err
    assert convergan("sweep", *words, "--allow-changed-code") == 0
