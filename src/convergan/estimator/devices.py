"""Where trainings run, and on how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

_ONE_FIT_AT_A_TIME = Lock()


def find_device(name: str) -> str:
    """Return the name of the device to train on, a GPU for ``auto`` where torch finds one.

    Raises:
        ValueError: if torch knows no such device, or finds no GPU for ``cuda``.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise ValueError(
            f"device must be auto, cpu, cuda or another name of torch's, got {name!r}"
        ) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {name!r}, but torch finds no GPU: use 'auto' or 'cpu'")
    return str(device)


@contextmanager
def one_thread() -> Iterator[None]:
    """Train on one thread: small products are faster, and have the same bits on every machine."""
    # The number of threads and torch's cache of normalised weights belong to the process, so fits
    # in several threads of Python would change them for each other.
    with _ONE_FIT_AT_A_TIME:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
