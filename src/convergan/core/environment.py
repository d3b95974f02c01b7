"""Where and how a result was made: the command, the time, the machine, the versions.

It is written beside a run and is no part of what the run is, so another machine may go on.
"""

import datetime
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .files import read_fields, write_json
from .html import Table
from .version import __version__

FILE = "environment.json"


def note_environment(folder: Path, words: Sequence[str]) -> None:
    """Write down what has just made a run or a model, and later commands that added to it.

    Args:
        folder: of the run or the model, which is there.
        words: of the command line, the program's name first.
    """
    described = describe_environment(words)
    if (folder / FILE).exists():
        first, command = read_fields(folder / FILE), described["command"]
        later = first.get("later_commands", [])
        if command in (first["command"], *later):
            return
        described = {**first, "later_commands": [*later, command]}
    write_json(folder / FILE, described)


def environment_rows(folder: Path) -> list[Table]:
    """Return what a page shows of it, nothing where nothing is written down.

    Args:
        folder: that `note_environment` wrote to.
    """
    return [environment_table(read_fields(folder / FILE))] if (folder / FILE).exists() else []


def environment_table(found: Mapping[str, Any]) -> Table:
    """Return what a page shows of where and how something was made.

    Args:
        found: what `describe_environment` returned.
    """
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    rows = [
        ("Date", found["date"]),
        ("Machine", f"{found['machine']}; threads: {found['threads']}"),
        ("Versions", versions),
    ]
    commands = [found["command"], *found.get("later_commands", [])]
    labels = ("Command", *["Then"] * (len(commands) - 1))
    made = [pair for pair in zip(labels, commands, strict=True) if pair[1]]
    return Table((), [*made, *rows])


def program(word: str) -> str:
    """Return what a user types for the program that the first word of a command names.

    Example:
        >>> program("/opt/bin/convergan"), program("/opt/lib/convergan/__main__.py")
        ('convergan', 'python -m convergan')
    """
    name = Path(word).name
    return "python -m convergan" if name == "__main__.py" else name


def describe_environment(words: Sequence[str]) -> dict[str, Any]:
    """Return what a reader needs to make a result once more.

    Args:
        words: of the command line, the program's name first; none where there was none.
    """
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "command": f"{program(words[0])} {shlex.join(words[1:])}" if words else None,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
        + (f", {gpu}" if gpu else ""),
        "threads": torch.get_num_threads(),
        "versions": {
            "convergan": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }
