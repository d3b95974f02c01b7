"""SIGINT, SIGTERM and SIGUSR1 as requests that a loop reads between steps.

Windows has no SIGUSR1. What one process can send another there is Ctrl-Break, taken as SIGTERM.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType


def _known(*names: str) -> tuple[signal.Signals, ...]:
    """Return those signals that this system has."""
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))


STOPPING = (signal.SIGINT, signal.SIGTERM, *_known("SIGBREAK"))
SAVING = _known("SIGUSR1")
TOGETHER = 2.0
"""Seconds in which several signals to stop are one: ``timeout`` sends two, a terminal many."""


class Interrupted(Exception):
    """A request to stop that was met, with nothing lost.

    Attributes:
        number: of the signal; the process exits with 128 more.
    """

    def __init__(self, number: int, where: str) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name} {where}")
        self.number = number


class StopRequests:
    """What signals have asked for since they were last read.

    Attributes:
        stop: number of the signal that asks to stop, or None.
        save: whether a checkpoint is asked for.
    """

    def __init__(self) -> None:
        self.stop: int | None = None
        self.save = False
        self._first = 0.0

    def counts(self) -> tuple[int, int, int]:
        """Return, as 0 or 1, SIGINT, SIGTERM and the request to save: what processes can add up."""
        return (
            int(self.stop == signal.SIGINT),
            int(self.stop == signal.SIGTERM),
            int(self.save),
        )

    def receive(self, number: int, _: FrameType | None) -> None:
        """Note a signal; a later second one that asks to stop ends the process at once."""
        if number not in STOPPING:
            self.save = True
        elif self.stop is None:
            self.stop = number if number == signal.SIGINT else signal.SIGTERM
            self._first = time.monotonic()
        elif time.monotonic() - self._first > TOGETHER:
            os._exit(128 + number)


def decode_counts(counts: Sequence[int]) -> tuple[int | None, bool]:
    """Return the signal to stop at and whether to save, from all processes' `counts`."""
    interrupts, terminations, saves = counts
    stop = signal.SIGTERM if terminations else signal.SIGINT if interrupts else None
    return stop, saves > 0


@contextmanager
def handle_signals() -> Iterator[StopRequests]:
    """Turn signals into requests inside the block; leave them alone outside the main thread."""
    requests = StopRequests()
    with _handled((*STOPPING, *SAVING), requests.receive):
        yield requests


@contextmanager
def stopping(where: str) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Interrupted` at once, wherever the block is.

    For work that leaves nothing half-written when it is cut short. Outside the main thread signals
    are left alone.

    Args:
        where: end of the message.

    Raises:
        Interrupted: at a signal.
    """
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt  # which nothing catches on its way by mistake

    with _handled(STOPPING, stop):
        try:
            yield
        except KeyboardInterrupt:
            if not received:
                raise
            raise Interrupted(received[0], where) from None


@contextmanager
def _handled(
    numbers: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Send signals to a handler inside the block, where the main thread runs it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        with _unblocked(numbers):
            yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def _unblocked(numbers: Sequence[signal.Signals]) -> Iterator[None]:
    """Let signals come inside the block; below Ray's workers SIGINT does not."""
    if sys.platform == "win32" or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
