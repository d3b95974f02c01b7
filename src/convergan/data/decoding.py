"""Many image files: reading ahead, stacking their pixels, and what errors name.

How one file becomes pixels is `convergan.core.images.decode`.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from ..core.image_folders import name_below as name_below
from ..core.images import IMAGE_SUFFIXES as IMAGE_SUFFIXES
from ..core.images import Decoded as Decoded
from ..core.images import decode as decode
from ..core.images import why_not as why_not

Found = TypeVar("Found")

LISTED = 20
"""How many bad files an error message names."""


class DataError(ValueError):
    """Data that were found but cannot be used.

    Attributes:
        files: what is wrong with which file, one line each, where it is about single files.
    """

    def __init__(self, message: str, files: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.files = tuple(files)


def read_ahead(
    perform: Callable[[int], Found], count: int, *, workers: int, ahead: int
) -> Iterator[Found]:
    """Yield ``perform(0)``, ``perform(1)`` and so on, some of them done ahead by threads.

    Args:
        perform: what is done.
        count: how often.
        workers: threads; 0 to do each when it is taken.
        ahead: how many are done or waited for beyond the next one.

    Raises:
        ValueError: if ``workers`` is negative.
    """
    if workers < 0:
        raise ValueError(f"workers must not be negative, got {workers}")
    if not workers:
        yield from map(perform, range(count))
        return
    waiting: deque[Future[Found]] = deque()
    with ThreadPoolExecutor(workers) as threads:
        try:
            for number in range(count):
                waiting.append(threads.submit(perform, number))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)


def stacked(arrays: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Stack images of one size, (N, C, H, W): grey where all are grey, otherwise all RGB."""
    if all(array.ndim == 2 for array in arrays):
        return np.stack(arrays)[:, None]
    colour = [a if a.ndim == 3 else np.repeat(a[..., None], 3, axis=2) for a in arrays]
    return np.ascontiguousarray(np.stack(colour).transpose(0, 3, 1, 2))


def some(items: Sequence[str], most: int = LISTED) -> str:
    """Name the first of many, and say how many more there are."""
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest:,} more" if rest > 0 else "")
