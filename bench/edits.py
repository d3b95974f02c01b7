"""A script of somebody else's with lines replaced, as a diff and as a module."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

Edits = Sequence[tuple[str, str]]
"""What is replaced, wherever the script has it, and by what."""


def edited(script: Path, edits: Edits) -> str:
    """Return the text of a script with edits in it.

    Raises:
        ValueError: if the script has not what is to be replaced.
    """
    text = script.read_text(encoding="utf-8")
    for old, new in edits:
        if old not in text:
            raise ValueError(f"{script.name} has no {old.strip()!r}")
        text = text.replace(old, new)
    return text


def diff(script: Path, edits: Edits) -> list[str]:
    """Return the lines of a unified diff, without its header."""
    plain = script.read_text(encoding="utf-8").splitlines()
    return list(difflib.unified_diff(plain, edited(script, edits).splitlines(), lineterm="", n=1))[
        2:
    ]


def lines_changed(script: Path, edits: Edits) -> int:
    """Return how many lines are there that were not before."""
    return sum(line.startswith("+") for line in diff(script, edits))


def as_module(script: Path, edits: Edits) -> ModuleType:
    """Run the edited script as a module that is not the main one."""
    module = ModuleType(script.stem)
    exec(compile(edited(script, edits), str(script), "exec"), vars(module))
    return module
