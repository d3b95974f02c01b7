"""All chance comes from here: a generator is a function of (seed, stream, index), never of history.

So nothing about randomness needs to be stored: a resumed run draws what the uninterrupted one
would have drawn, and measuring in between changes nothing.
"""

import zlib

import numpy as np
import torch


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
