"""Processes that are forked with everything loaded, so that they begin in milliseconds."""

import mmap
import os
import shutil
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

PEER_SECONDS = 20
"""That processes of one run wait for each other."""
GRACE = 10
"""Seconds in which processes may end in their own way after Ctrl-C."""


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


STOPPING = SharedNumber()
"""1 after Ctrl-C: what is found from then on is not of a fault that was injected."""


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
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
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


def run_in_group(body: Callable[[], int], folder: Path) -> int:
    """Run ``body`` in a child whose processes and folder are gone when this process is.

    Whatever ends this process closes a pipe, at which another child kills the group and removes the
    folder. Ctrl-C reaches this process alone and is passed on to the group, which has `GRACE`
    seconds before that. Processes that have left the group, as a sweep's runs, are not killed.

    Returns:
        How ``body`` ended, as `wait`; after Ctrl-C 130.
    """
    ours, theirs = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until both are there

    def work() -> int:
        os.close(theirs)
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return body()

    def clear_up() -> int:
        os.close(theirs)
        os.setsid()
        os.read(ours, 1)
        for _ in range(50):  # who is killed may write on for a moment
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.1)
        return 0

    group = fork(work)
    os.setpgid(group, group)  # whichever of the two comes first
    warden = fork(clear_up)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        code = wait(group)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
        STOPPING.value = 1
        os.killpg(group, signal.SIGINT)
        with suppress(KeyboardInterrupt):  # who asks twice does not wait
            wait(group, GRACE)
    os.close(theirs)
    wait(warden)
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
    with socket.socket() as kept:  # by the children too, so that nobody else gets its port
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        port = kept.getsockname()[1]
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
