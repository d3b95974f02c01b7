"""All chance comes from here: a generator is a function of (seed, stream, index), never of history.

So nothing about randomness needs to be stored: a resumed run draws what the uninterrupted one
would have drawn, and measuring in between changes nothing.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from torch import Tensor


def derive(
    seed: int, stream: str, *index: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a fresh generator for one purpose at one time.

    Args:
        seed: the seed of the run, not negative.
        stream: what the numbers are for; different names give independent numbers.
        index: when they are for, for example the step or the epoch; not negative.
        device: where the numbers are drawn.

    Example:
        >>> a, b = derive(0, "noise", 7), derive(0, "noise", 8)
        >>> a.initial_seed() == b.initial_seed()
        False
        >>> a.initial_seed() == derive(0, "noise", 7).initial_seed()
        True
    """
    sequence = np.random.SeedSequence([seed, zlib.crc32(stream.encode()), *index])
    word = int(sequence.generate_state(1, np.uint64)[0])
    return torch.Generator(device).manual_seed(word)


_SUPPLIED: ContextVar[Iterator[Tensor] | None] = ContextVar("supplied draws", default=None)


@contextmanager
def supplied_draws(draws: Iterable[Tensor]) -> Iterator[None]:
    """Take latents and noise from ``draws`` inside the block, in their order, and none from chance.

    That holds for the thread and context of the block.

    This is how draws that another program recorded are replayed, see `bench.golden`. Each is what
    the generator would have drawn: uniform numbers for dropout, which keeps those of at least its
    probability; Gaussian noise with its deviation in it; a latent before a generator scales it.
    `recorded_draws` records draws of ours.

    Args:
        draws: of the shapes that are asked for, any dtype, which is kept.

    Raises:
        ValueError: if a draw has another shape, or there are too few of them or too many.

    Example:
        >>> with supplied_draws([torch.ones(2)]):
        ...     draw_into(torch.empty(2), lambda empty: empty.normal_())
        tensor([1., 1.])
    """
    supply = iter(draws)
    token = _SUPPLIED.set(supply)
    try:
        yield
    finally:
        _SUPPLIED.reset(token)
    if (left := next(supply, None)) is not None:
        raise ValueError(
            "not all of the supplied draws were asked for: one of shape "
            f"{tuple(left.shape)} is left"
        )


_RECORD: ContextVar[list[Tensor] | None] = ContextVar("recorded draws", default=None)


@contextmanager
def recorded_draws() -> Iterator[list[Tensor]]:
    """Give a list that takes a copy of each draw inside the block, in their order.

    `supplied_draws` replays them, for example on another device, whose generators draw other
    numbers.

    Example:
        >>> with recorded_draws() as draws:
        ...     drawn = draw_into(torch.empty(2), lambda empty: empty.normal_())
        >>> torch.equal(drawn, draws[0])
        True
    """
    draws: list[Tensor] = []
    token = _RECORD.set(draws)
    try:
        yield draws
    finally:
        _RECORD.reset(token)


def draw_into(empty: Tensor, draw: Callable[[Tensor], Tensor]) -> Tensor:
    """Return ``empty`` filled by ``draw``; inside of `supplied_draws`, a copy of the next one.

    Args:
        empty: of the shape, dtype and device that are wanted.
        draw: fills a tensor in place from chance and returns it.
    """
    supply, record = _SUPPLIED.get(), _RECORD.get()
    drawn = draw(empty) if supply is None else _next_of(supply, empty)
    if record is not None:
        record.append(drawn.clone())
    return drawn


def _next_of(supply: Iterator[Tensor], empty: Tensor) -> Tensor:
    supplied = next(supply, None)
    if supplied is None:
        raise ValueError(f"no supplied draw is left for one of shape {tuple(empty.shape)}")
    if supplied.shape != empty.shape:
        raise ValueError(
            f"a draw of shape {tuple(empty.shape)} is asked for, the next supplied one has shape "
            f"{tuple(supplied.shape)}"
        )
    return supplied.to(empty.device, copy=True)
