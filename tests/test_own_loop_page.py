"""The programs of docs/own_loop.md, each as it stands."""

import re
from pathlib import Path

import pytest
import torch

PAGE = Path(__file__).parents[1] / "docs" / "own_loop.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_page_has_its_programs() -> None:
    assert len(BLOCKS) == 8


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_program_runs_and_shows_something(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown: list[tuple[object, ...]] = []
    with torch.random.fork_rng(devices=[]):
        names = {"print": lambda *values: shown.append(values), "__name__": "page"}
        exec(compile(BLOCKS[number], f"{PAGE}, program {number}", "exec"), names)
    assert shown
