"""Which images a session shows, in which order: a function of the study's seed and its number.

Half of the trials show a generated image, half a real one; a pair has one of each. No image comes
twice within a session, except in attention pairs when real images run out: shown beside an obvious
one, an image is known to be real. Attention trials, whose images nobody can take for real, are
mixed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..statistics.staircase import BLOCKS


@dataclass(frozen=True)
class Pool:
    """Numbers of the images that a session may show."""

    real: Sequence[int]
    generated: Sequence[int]
    attention: Sequence[int]


@dataclass(frozen=True)
class Trial:
    """One question.

    Attributes:
        images: number of the image, or of the left and the right one.
        generated: the truth about the first.
        attention: whether the image is an obvious one.
        block: counted from 0.
    """

    images: tuple[int, ...]
    generated: bool
    attention: bool
    block: int


def images_needed(protocol: str, trials: int) -> int:
    """Return how many real images, and as many of each model, a session needs.

    Example:
        >>> images_needed("single", 50), images_needed("pair", 50), images_needed("timed", 50)
        (25, 50, 75)
    """
    return block_count(protocol) * (trials if protocol == "pair" else trials // 2)


def block_count(protocol: str) -> int:
    """Return the number of blocks, each with all of a study's trials."""
    return BLOCKS if protocol == "timed" else 1


def plan_session(
    protocol: str, pool: Pool, *, trials: int, attention: int, seed: int, number: int
) -> list[Trial]:
    """Return the trials of a session in their order.

    Args:
        protocol: single, pair or timed.
        pool: enough images, see `images_needed`.
        trials: in each block, even unless they are pairs; attention trials come on top.
        attention: trials of that kind in each block.
        seed: of the study.
        number: of the session.

    Example:
        >>> pool = Pool(real=[0, 1], generated=[2, 3], attention=[4])
        >>> plan = plan_session("single", pool, trials=4, attention=1, seed=0, number=0)
        >>> sorted(trial.images for trial in plan)
        [(0,), (1,), (2,), (3,), (4,)]
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0, number]))
    blocks, needed = block_count(protocol), images_needed(protocol, trials)
    shuffled = rng.permutation(pool.real)
    real, spare = shuffled[:needed].reshape(blocks, -1), shuffled[needed:]
    generated = rng.permutation(pool.generated)[:needed].reshape(blocks, -1)
    plan: list[Trial] = []
    for block in range(blocks):
        obvious = rng.permutation(pool.attention)[:attention]
        if protocol == "pair":
            ours = _pairs(real[block], generated[block], block, False, rng)
            others = np.concatenate([spare, shuffled])[: len(obvious)]
            checks = _pairs(others, obvious, block, True, rng)
        else:
            ours = [Trial((int(i),), False, False, block) for i in real[block]]
            ours += [Trial((int(i),), True, False, block) for i in generated[block]]
            checks = [Trial((int(i),), True, True, block) for i in obvious]
        ours = [ours[place] for place in rng.permutation(len(ours))]
        for check in checks:  # never the first trial of a block
            ours.insert(int(rng.integers(1, len(ours) + 1)), check)
        plan += ours
    return plan


def _pairs(
    real: Sequence[int] | np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    generated: Sequence[int] | np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    block: int,
    attention: bool,
    rng: np.random.Generator,
) -> list[Trial]:
    """Put a generated image left in half of the pairs, in one more or less where they are odd."""
    count = len(real)
    left = rng.permutation(np.arange(count) < count // 2 + rng.integers(0, 1 + count % 2))
    return [
        Trial((int(g), int(r)) if first else (int(r), int(g)), bool(first), attention, block)
        for r, g, first in zip(real, generated, left, strict=True)
    ]


def choose_cell(counts: Sequence[int], seed: int, number: int) -> int:
    """Return the place of a least count, by chance where there are several.

    Example:
        >>> choose_cell([3, 1, 2], seed=0, number=7)
        1
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 1, number]))
    least = np.flatnonzero(np.asarray(counts) == min(counts))
    return int(rng.choice(least))
