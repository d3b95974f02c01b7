"""Which items are asked next: those whose labels help, and a share that is drawn at random.

Chosen items are the hard ones, so an error that is measured on them is too high, and what is
confirmed in a grid is easy, so there it is too low. Only items drawn at random tell the error of
all. Here they are the beginning of one fixed random order of all items, whatever was chosen
besides: an item of the beginning that was chosen, or had its label before, counts as well. What is
skipped there is missing, and is counted.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np

from ..estimator import rank_for_labeling

RANDOM_SHARE = 0.2
"""Of the items that are asked one by one."""
MOST_CANDIDATES = 2000
"""Rows from which the first ones are chosen, drawn at random."""

Array = np.ndarray[Any, Any]


def random_order(names: Sequence[str], seed: int) -> list[int]:
    """Return all items in a random order, by number.

    It depends on names and seed alone, so that items that come later do not change the order of the
    others.
    """
    keys = [hashlib.sha256(f"{seed}\0{name}".encode()).digest() for name in names]
    return sorted(range(len(names)), key=keys.__getitem__)


def sample_length(order: Sequence[int], drawn: Collection[int]) -> int:
    """Return the length of the beginning of a random order up to the last that was drawn.

    Example:
        >>> sample_length([4, 2, 0, 1], {2, 4})
        2
    """
    return next((p + 1 for p in range(len(order) - 1, -1, -1) if order[p] in drawn), 0)


def choose_first(rows: Any, count: int, seed: int, excluded: Collection[int] = ()) -> list[int]:
    """Return items to label before there is a classifier: each stands for many that are alike.

    Args:
        rows: (n, A) of numbers on one scale.
        count: how many, at most.
        seed: of the draw of `MOST_CANDIDATES`, if there are more.
        excluded: items that are not to be chosen.
    """
    rows = np.asarray(rows, dtype=np.float64)
    allowed = np.setdiff1d(np.arange(len(rows)), np.array(sorted(excluded), dtype=np.int64))
    chance = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    drawn = np.sort(chance.permutation(allowed)[:MOST_CANDIDATES])
    if not len(drawn):
        return []
    unsure = np.full((len(drawn), 2), 0.5)
    found = rank_for_labeling(unsure, rows[drawn], count=min(count, len(drawn)))
    return [int(place) for place in drawn[found]]


def choose_next(
    probabilities: Array,
    features: Array,
    count: int,
    labeled: Collection[int],
    excluded: Collection[int] = (),
) -> list[int]:
    """Return items that a classifier is unsure of, and that stand for others.

    Args:
        probabilities: (n, K).
        features: (n, F) of one scale.
        count: how many, at most.
        labeled: items with a label.
        excluded: others that are not to be chosen.
    """
    known = np.array(sorted(labeled), dtype=np.int64)
    gone = np.array(sorted({*labeled, *excluded}), dtype=np.int64)
    candidates = np.setdiff1d(np.arange(len(features)), gone)
    if not len(candidates):
        return []
    found = rank_for_labeling(
        probabilities,
        features,
        count=min(count, len(candidates)),
        candidates=candidates,
        labeled=known,
    )
    return [int(place) for place in found]


def ask(
    rejected: Sequence[int],
    order: Sequence[int],
    ranked: Sequence[int],
    is_open: Callable[[int], bool],
    given: tuple[int, int],
) -> Iterator[tuple[int, bool]]:
    """Yield items to ask, and whether each was drawn at random, for as long as there are any.

    Args:
        rejected: items that a person has just found to be predicted wrongly; these come first.
        order: the random order.
        ranked: items whose labels help, the best first.
        is_open: whether an item is neither answered nor shown to somebody else.
        given: how many were asked before, of which how many were drawn at random.
    """
    asked, at_random = given
    taken: set[int] = set()

    def remaining(numbers: Sequence[int]) -> Iterator[int]:
        return (n for n in numbers if n not in taken and is_open(n))

    sources = remaining(rejected), remaining(order), remaining(ranked)
    while True:
        number = next(sources[0], None)
        drawn = False
        if number is None:
            due = at_random < RANDOM_SHARE * (asked + 1)
            number = None if due else next(sources[2], None)
            if number is None:
                number, drawn = next(sources[1], None), True
        if number is None:
            return
        taken.add(number)
        asked, at_random = asked + 1, at_random + drawn
        yield number, drawn
