"""What is called after each step of a loop, and how it is kept from changing one."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch

from ..core.progress import Progress
from .loggers import Logger

Callback = Callable[[Progress], None]
"""Takes the progress of a step; a function, or a logger of `convergan.training.loggers`."""


class CallbackError(RuntimeError):
    """A callback that failed; the message names it, the step and the reason."""


def call_back(callbacks: Sequence[Callback], progress: Progress) -> Progress:
    """Call each with the progress, and return that.

    Raises:
        CallbackError: if one fails.
    """
    if not callbacks:
        return progress
    with undisturbed():
        for callback in callbacks:
            try:
                callback(progress)
            except Exception as error:
                raise CallbackError(
                    f"callback {name_of(callback)} failed after step {progress.step} of "
                    f"{progress.method}: {type(error).__name__}: {error}"
                ) from error
    return progress


def name_of(function: Callable[..., object]) -> str:
    """Return what a step or callback is called.

    Example:
        >>> name_of(partial(sorted, reverse=True))
        'sorted'
    """
    if isinstance(function, partial):
        return name_of(function.func)
    if isinstance(function, Logger):
        return function.name
    if isinstance(function, Every):
        return name_of(function.callback)
    return getattr(function, "__qualname__", type(function).__qualname__)


class Every:
    """A callback that is called at every so-manieth step, and at the last one.

    Args:
        steps: between two calls.
        callback: to call.

    Raises:
        ValueError: if ``steps`` is no whole number or not positive.
    """

    def __init__(self, steps: int, callback: Callback) -> None:
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise ValueError(
                f"a callback is called every so many steps, a whole number from 1, got {steps!r}"
            )
        self.steps = steps
        self.callback = callback

    def __call__(self, progress: Progress) -> None:
        """Call the callback if it is time."""
        if progress.step % self.steps == 0 or progress.step == progress.steps:
            self.callback(progress)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put the global random numbers of Python, NumPy and torch back to where they were."""
    python, numpy = random.getstate(), np.random.get_state()
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if used else []):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
