"""In tutorials: commands of this environment, whose output is one piece of text without colours."""

import os
import subprocess
import sys
from pathlib import Path

from IPython.core.magic import register_cell_magic


@register_cell_magic
def bash(line: str, cell: str) -> None:
    """Run a cell as a shell script and print what it prints, errors among it.

    Args:
        line: unused.
        cell: the script.

    Raises:
        RuntimeError: if it fails; the message is its output.
    """
    places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    plain = {"PATH": places, "COLUMNS": "110", "TERM": "dumb"}
    kept = {name: value for name, value in os.environ.items() if "FORCE" not in name}
    done = subprocess.run(
        ["bash", "-ec", cell],
        env=kept | plain,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
    print(done.stdout, end="")
