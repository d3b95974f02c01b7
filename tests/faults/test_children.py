"""Processes that are started for trials, and that none of them is left."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from convergan.collective import join
from faults.children import fork_together, wait_all

pytestmark = pytest.mark.slow

PROGRAM = """
import subprocess
import sys
from pathlib import Path
from faults.children import code_of, run_in_group

folder = Path("place")
folder.mkdir()

def start():
    server = subprocess.Popen(["sleep", "600"])
    Path("new").write_text(str(server.pid))
    Path("new").rename("server")
    server.wait()
    return 0

sys.exit(run_in_group(lambda: code_of(start), folder))
"""


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_nothing_is_left_of_trials_whatever_ends_them(
    tmp_path: Path, number: int, code: int
) -> None:
    process = start(PROGRAM, tmp_path)
    server = int((tmp_path / "server").read_text())
    assert is_running(server)
    process.send_signal(number)
    _, said = process.communicate()
    assert (process.returncode, said) == (code, b"")
    wait_until(lambda: not is_running(server) and not (tmp_path / "place").exists())


BROKEN = """
import sys
import time
from multiprocessing import Value
from pathlib import Path
from faults.__main__ import perform_all
from faults.children import run_in_group
from faults.rows import Row, Trial

def perform(trial, place):
    Path("server").write_text("0")
    try:
        time.sleep(600)
    except KeyboardInterrupt:  # as a run in this process would
        return Trial("", 1, "the run ended with 130")

row = Row(number=1, fault="", holds="", ci=1, full=1, perform=perform)
Path("place").mkdir()
work = lambda: perform_all([(row, 0)], Value("q", 0), Path("found.jsonl"))
sys.exit(run_in_group(work, Path("place")))
"""


@pytest.mark.nightly
def test_what_ctrl_c_has_broken_is_no_failure(tmp_path: Path) -> None:
    process = start(BROKEN, tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1] == b""
    assert process.returncode == 130
    assert not (tmp_path / "found.jsonl").exists()


def test_nobody_else_gets_the_port_of_processes_that_are_to_meet() -> None:
    def meet(rank: int) -> int:
        port = int(os.environ["MASTER_PORT"])
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        ranks = join("cpu")
        ranks.barrier()
        ranks.leave(0, "done")
        return 0

    assert wait_all(fork_together(meet, 2), 120) == [0, 0]


def start(program: str, folder: Path) -> "subprocess.Popen[bytes]":
    """Start a program and wait until it has written the file ``server``."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
    )
    wait_until((folder / "server").exists)
    return process


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def is_running(process: int) -> bool:
    """Whether a process has not ended; who has adopted it may not have asked yet how it did."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
    except OSError:
        return False
    return state.split()[0] != "Z"
