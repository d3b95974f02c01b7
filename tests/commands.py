"""The commands of a user, in this process or in one of their own."""

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NamedTuple

from convergan.cli import main as cli

Call = Callable[..., tuple[int, str, str]]
"""From the words of a command line to its exit code, output and errors."""
PRELOADED = (
    *("torch._dynamo", "sklearn.linear_model", "sklearn.semi_supervised", "matplotlib.figure"),
    *("convergan.recipes", "convergan.runs.run", "convergan.cli.main"),
)


def convergan(*arguments: object) -> int:
    """Run a command line in this process; return its exit code."""
    before = sys.argv
    sys.argv = ["convergan", *map(str, arguments)]
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = before
    return 0


def forkserver() -> ForkServerContext:
    """Where processes are forked from: one that has loaded torch and the package, and is idle."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


class Ended(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Command:
    """``python -m convergan`` in a process of its own.

    It begins in milliseconds, where a fresh interpreter takes seconds to load torch.

    Args:
        arguments: of the command.
        folder: where it is called.
        environment: beside that of this process.
    """

    def __init__(
        self, *arguments: object, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._printed = Path(tempfile.mkdtemp(prefix="command-"))
        self._process = forkserver().Process(
            target=_perform,
            args=(
                ["convergan", *map(str, arguments)],
                folder,
                {**os.environ, **(environment or {})},
                self._printed,
            ),
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = 180) -> int:
        """Wait for the end and return the exit code."""
        self._process.join(seconds)
        code = self._process.exitcode
        assert code is not None, f"process {self.pid} has not ended after {seconds} seconds"
        return code

    def result(self, seconds: float = 180) -> Ended:
        """Wait for the end; return the exit code and what was printed."""
        code = self.wait(seconds)
        stdout, stderr = ((self._printed / name).read_text() for name in ("stdout", "stderr"))
        return Ended(code, stdout, stderr)


def _perform(argv: list[str], folder: Path, environment: dict[str, str], printed: Path) -> None:
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(printed / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    sys.stdout, sys.stderr = (os.fdopen(d, "w", closefd=False) for d in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = argv
    runpy.run_module("convergan", run_name="__main__", alter_sys=True)


def run_in_two(work: Callable[[int, str], None], meeting: Path) -> None:
    """Call ``work`` in two processes, with the rank and a file that does not exist yet."""
    started = [forkserver().Process(target=work, args=(rank, str(meeting))) for rank in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join(timeout=120)
        assert process.exitcode == 0
