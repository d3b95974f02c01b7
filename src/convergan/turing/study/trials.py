"""Which images a session shows, in which order, and what is true of them.

The truth of every trial is a fair coin of its own, attention trials and sides of pairs included:
whoever counts what came so far, with feedback or without, knows nothing about what comes. Images of
a kind that were shown least come first, so that all get about as many votes; how people answered
plays no part. No image comes twice within a session, unless a kind runs out, which `images_needed`
makes rarer than one session in a million.

Attention trials show a scrambled image or, as the coin falls, an ordinary real one. Only scrambled
ones say whether somebody looks, since no real image is obviously real; neither kind is part of an
error rate. In attention pairs, a scrambled image stands beside a real one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from ..statistics.staircase import BLOCKS
from ..statistics.votes import IntArray

RUN_OUT = 1e-6
"""Most probability with which a session needs more images of a kind than `images_needed` says."""


@dataclass(frozen=True)
class Pool:
    """Numbers of the images that a session may show.

    Attributes:
        real: real ones.
        generated: those of the session's model.
        attention: scrambled ones.
        shown: how often each was shown to others so far; not at all where it is not named.
    """

    real: Sequence[int]
    generated: Sequence[int]
    attention: Sequence[int]
    shown: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """One question.

    Attributes:
        images: number of the image, or of the left and the right one.
        generated: the truth about the first.
        attention: whether it is part of no error rate.
        block: counted from 0.
    """

    images: tuple[int, ...]
    generated: bool
    attention: bool
    block: int


class ImagesNeeded(NamedTuple):
    """How many images of a kind a study must have."""

    real: int
    generated: int


def images_needed(protocol: str, trials: int, attention: int) -> ImagesNeeded:
    """Return how many real images, and how many of each model, a study must have.

    A pair has one of each. Otherwise, a session of n trials shows as many of a kind as n coins show
    heads: half of n and about five standard deviations more are enough for all but one session in a
    million, which shows an image again.

    Args:
        protocol: single, pair or timed.
        trials: of each block.
        attention: attention trials of each block.

    Example:
        >>> images_needed("single", 50, 10), images_needed("pair", 50, 5)
        (ImagesNeeded(real=48, generated=41), ImagesNeeded(real=50, generated=50))
    """
    if protocol == "pair":
        return ImagesNeeded(trials, trials)
    blocks = block_count(protocol)
    return ImagesNeeded(_most(blocks * (trials + attention)), _most(blocks * trials))


def _most(coins: int) -> int:
    """Return how many heads so many coins show at most, except with the chance `RUN_OUT`."""
    return int(binom.isf(RUN_OUT, coins, 0.5))


def block_count(protocol: str) -> int:
    """Return the number of blocks, each with all of a study's trials."""
    return BLOCKS if protocol == "timed" else 1


def plan_session(
    protocol: str, pool: Pool, *, trials: int, attention: int, seed: int, number: int
) -> list[Trial]:
    """Return the trials of a session in their order: a function of the arguments.

    Args:
        protocol: single, pair or timed.
        pool: images, see `images_needed`, and how often they were shown.
        trials: in each block; attention trials come on top.
        attention: trials of that kind in each block; none is the first.
        seed: of the study.
        number: of the session.

    Example:
        >>> pool = Pool(real=[0, 1, 2, 3], generated=[4, 5, 6, 7], attention=[])
        >>> plan = plan_session("single", pool, trials=4, attention=0, seed=0, number=0)
        >>> [trial.generated for trial in plan], [trial.images[0] >= 4 for trial in plan]
        ([False, True, True, True], [False, True, True, True])
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0, number]))
    pair, blocks, each = protocol == "pair", block_count(protocol), trials + attention
    truth = rng.random(blocks * each) < 0.5
    checks = np.zeros((blocks, each), bool)
    for row in checks:
        row[1 + rng.choice(each - 1, attention, replace=False)] = True
    check = checks.ravel()
    made = (truth | pair) & ~check
    generated = iter(_draw(pool, pool.generated, [int(made.sum())], rng)[0])
    # An attention pair gives its real image away, so it takes those that are left.
    real_counts = [trials, attention] if pair else [int((~truth).sum()), 0]
    real, beside = map(iter, _draw(pool, pool.real, real_counts, rng))
    plan = []
    for place in range(len(truth)):
        block, first, obvious = place // each, bool(truth[place]), bool(check[place])
        if place % each == 0:
            scrambled = iter(rng.permutation(pool.attention))
        if pair:
            fake, other = (scrambled, beside) if obvious else (generated, real)
            images = (int(next(fake)), int(next(other)))
            plan.append(Trial(images if first else images[::-1], first, obvious, block))
        else:
            kind = real if not first else scrambled if obvious else generated
            plan.append(Trial((int(next(kind)),), first, obvious, block))
    return plan


def _draw(
    pool: Pool, images: Sequence[int], counts: Sequence[int], rng: np.random.Generator
) -> list[IntArray]:
    """Return groups of images, least shown ones first, each group in an order by chance.

    All are different as long as there are enough; then they come again.
    """
    mixed = rng.permutation(np.asarray(images, np.int64))
    order = np.argsort([pool.shown.get(int(image), 0) for image in mixed], kind="stable")
    drawn = np.resize(mixed[order], sum(counts))
    return [rng.permutation(part) for part in np.split(drawn, np.cumsum(counts)[:-1])]


def choose_cell(counts: Sequence[int], seed: int, number: int) -> int:
    """Return the place of a least count, by chance where there are several.

    Args:
        counts: people of each cell, a model and an arm.
        seed: of the study.
        number: of the session.

    Example:
        >>> choose_cell([3, 1, 2], seed=0, number=7)
        1
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 1, number]))
    least = np.flatnonzero(np.asarray(counts) == min(counts))
    return int(rng.choice(least))
