"""The server of a study as a process of its own, for simulations and fault tests."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StudyError
from ..private_files import append_private
from ..study.study import database_url

START_SECONDS = 60.0
"""After its start, a server has to answer within this time."""
STOP_SECONDS = 30.0
"""Seconds after which a server that was asked to end is killed."""


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def start_server(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start to serve a study on this machine; return once it answers.

    The server's warnings and errors go to ``server.log`` in the study's folder.

    Raises:
        StudyError: if it ends at once, or does not answer in time.
    """
    database_url(folder)
    command = [
        sys.executable,
        "-m",
        "convergan",
        "turing",
        "serve",
        str(folder),
        "--no-browser",
        "--no-note",
    ]
    with os.fdopen(append_private(folder / "server.log"), "ab") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    deadline = time.monotonic() + START_SECONDS
    while not is_up(port):
        if process.poll() is not None or time.monotonic() > deadline:
            end_server(process)
            raise StudyError(f"the server of {folder} does not start; see {folder}/server.log")
        time.sleep(0.05)
    return process


def end_server(process: "subprocess.Popen[bytes]") -> None:
    """Ask a server to end, and kill it if it does not."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a study for as long as the block lasts; yield the address."""
    port = free_port()
    process = start_server(folder, port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        end_server(process)


def is_up(port: int) -> bool:
    """Whether a server of a study answers on a port of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/owner")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
