"""Functions in files of the user's."""

from pathlib import Path

import pytest
import torch

from convergan.core.user_code import PACKAGE, is_own_code, load_function, user_traceback

CODE = """
from dataclasses import dataclass

FACTOR = 2

@dataclass
class Pair:
    left: int

def double(number):
    return FACTOR * number

def _hidden():
    pass
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "code_of_a_user.py"
    file.write_text(CODE)
    return file


def test_a_function_of_a_file_is_found(file: Path) -> None:
    assert load_function(file, "double")(4) == 8


@pytest.mark.parametrize("name", ["triple", "FACTOR"])
def test_what_is_no_function_of_the_file_is_refused_with_those_it_has(
    file: Path, name: str
) -> None:
    with pytest.raises(ValueError, match=f"has no function '{name}'; it has .*double") as raised:
        load_function(file, name)
    assert "_hidden" not in str(raised.value)


def test_a_file_finds_what_lies_beside_it_and_reads_it_anew(tmp_path: Path) -> None:
    for name, number in (("one", 1), ("other", 22)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "beside.py").write_text(f"NUMBER = {number}")
        text = "import beside\n\n\ndef number():\n    return beside.NUMBER\n"
        (tmp_path / name / "main_file.py").write_text(text)
        assert load_function(tmp_path / name / "main_file.py", "number")() == number
    (tmp_path / "one" / "beside.py").write_text("NUMBER = 333")
    assert load_function(tmp_path / "one" / "main_file.py", "number")() == 333


FAILING = """
import torch

def fail(rows):
    return torch.linspace(0, 1, 2) @ rows

def call(function):
    function()

def name():
    return NOWHERE
"""


def test_an_error_is_told_by_the_lines_of_the_file_and_no_others(tmp_path: Path) -> None:
    file = tmp_path / "failing.py"
    file.write_text(FAILING)
    with pytest.raises(RuntimeError) as raised:
        load_function(file, "call")(lambda: load_function(file, "fail")(torch.zeros(3, 3)))
    told = user_traceback(raised.value)
    assert told.startswith("\nIn your code (most recent call last):\n")
    assert told.count('  File "') == told.count(str(file)) == 2
    assert "in call" in told and "return torch.linspace(0, 1, 2) @ rows" in told
    assert told.splitlines()[-1].startswith("RuntimeError: ")


def test_the_first_cause_is_told_of_an_error_that_explains_it(tmp_path: Path) -> None:
    file = tmp_path / "failing.py"
    file.write_text(FAILING)
    with pytest.raises(ValueError) as raised:
        try:
            load_function(file, "name")()
        except NameError as error:
            raise ValueError("explained") from error
    assert user_traceback(raised.value).endswith("NameError: name 'NOWHERE' is not defined")


def test_an_error_elsewhere_has_no_lines_of_the_users(file: Path) -> None:
    load_function(file, "double")
    with pytest.raises(ZeroDivisionError) as raised:
        _ = 1 / 0
    assert user_traceback(raised.value) == ""


def test_a_file_that_is_no_python_is_told_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "no_python.py"
    file.write_text("x = 1\ndef f(:\n")
    with pytest.raises(SyntaxError) as raised:
        load_function(file, "f")
    told = user_traceback(raised.value)
    assert f'File "{file}", line 2' in told and "def f(:" in told


def test_installed_packages_and_this_one_are_nobodys_own_code(tmp_path: Path) -> None:
    assert is_own_code(tmp_path / "below" / "a.py", tmp_path)
    assert not is_own_code(tmp_path / "lib" / "site-packages" / "a.py", tmp_path)
    assert not is_own_code(tmp_path.parent / "a.py", tmp_path)
    assert not is_own_code(PACKAGE / "core" / "names.py", PACKAGE.parent)
