"""Functions in files of the user's."""

from pathlib import Path

import pytest

from convergan.core.user_code import load_function

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
