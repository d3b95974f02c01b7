"""Processes that are forked with everything loaded, so that they begin in milliseconds."""

import mmap
import os
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial

PEER_SECONDS = 20
"""That processes of one run wait for each other."""


class SharedNumber:
    """A whole number that a process and the children it forks see alike."""

    def __init__(self) -> None:
        """Begin at 0."""
        self._memory = mmap.mmap(-1, 8)

    @property
    def value(self) -> int:
        """The number."""
        return int(struct.unpack("q", self._memory[:])[0])

    @value.setter
    def value(self, number: int) -> None:
        self._memory[:] = struct.pack("q", number)


def fork(body: Callable[[], int]) -> int:
    """Start ``body`` in a child, which ends with the code it returns; return the child's number."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = body()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(child: int, seconds: float | None = None) -> int | None:
    """Return how a child ended, negative for a signal; None if it has not within ``seconds``."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        number, status = os.waitpid(child, 0 if deadline is None else os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status)
        if deadline is not None and time.monotonic() > deadline:
            return None
        time.sleep(0.001)


def code_of(body: Callable[[], int]) -> int:
    """Run ``body`` in a child and return how that ended."""
    code = wait(fork(body))
    assert code is not None
    return code


def kill_after(child: int, seconds: float) -> bool:
    """Kill a child with SIGKILL after ``seconds``; return whether it was still at work."""
    code = wait(child, seconds)
    if code is not None:
        return False
    os.kill(child, signal.SIGKILL)
    return wait(child) == -signal.SIGKILL


def fork_together(body: Callable[[int], int], size: int) -> list[int]:
    """Start ``body`` in several children as a launcher would; it is told its rank.

    Returns:
        The children's numbers, in the order of their ranks.
    """
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    return [fork(partial(_launched, body, rank, size, port)) for rank in range(size)]


def _launched(body: Callable[[int], int], rank: int, size: int, port: int) -> int:
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(size),
        "RANK": str(rank),
        "CONVERGAN_PEER_SECONDS": str(PEER_SECONDS),
    }
    return body(rank)


def wait_all(children: Sequence[int], seconds: float) -> list[int | None]:
    """Return how children ended, each as `wait`; kill those that have not within ``seconds``."""
    deadline = time.monotonic() + seconds
    codes = [wait(child, max(0.0, deadline - time.monotonic())) for child in children]
    for child in (c for c, code in zip(children, codes, strict=True) if code is None):
        os.kill(child, signal.SIGKILL)
        wait(child)
    return codes
