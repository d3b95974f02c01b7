"""A labeller who knows all labels: the error against their number, chosen as here or at random.

Some items are never asked and measure the error. The classifier sees them without labels, as it
sees all others.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import choice, progress
from .model_state import AHEAD
from .refit import Fitted, Request, first_items, fit, predictions_of
from .store import Refit

TOOL, RANDOM = "tool", "random"
POLICIES = (TOOL, RANDOM)


class Step(NamedTuple):
    """What one refit came to.

    Attributes:
        labels: that it was fitted to.
        error: share of the kept items that it gets wrong.
        measured: what the page would show, or None where nothing was drawn at random yet.
        advice: of the page.
        sure: items without a label that a grid would show, and how many of them are wrong.
    """

    labels: int
    error: float
    measured: progress.Point | None
    advice: str
    sure: tuple[int, int]


def simulate(
    rows: Any,
    truth: Sequence[str],
    kept: Collection[int],
    *,
    policy: str = TOOL,
    most: int = 100,
    batch: int = 10,
    seed: int = 0,
    alike: bool = False,
) -> list[Step]:
    """Label items until there are so many labels; fit after every batch.

    Args:
        rows: (n, A) of numbers, a frame, or images (n, C, H, W).
        truth: (n,) the class of each item.
        kept: items that are never asked.
        policy: ``tool``, or ``random`` for all items at random.
        most: labels at the end.
        batch: labels between two fits.
        seed: of all that is drawn.
        alike: whether all columns are of one kind and unit.

    Raises:
        ValueError: for another policy, or fewer items than labels.
    """
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {policy!r}")
    if most > len(truth) - len(kept):
        raise ValueError(f"most must be at most {len(truth) - len(kept)} items, got {most}")
    names = [str(number) for number in range(len(truth))]
    order = [number for number in choice.random_order(names, seed) if number not in kept]
    ranks = max(50, 5 * batch)
    ranked = first_items(rows, ranks, seed, frozenset(kept)) if policy == TOOL else []
    labels: dict[int, str] = {}
    drawn: set[int] = set()
    refits: list[Refit] = []
    steps: list[Step] = []
    while len(labels) < most:
        asked = choice.ask([], order, ranked, lambda n: n not in labels, (len(labels), len(drawn)))
        for (number, at_random), _ in zip(asked, range(batch), strict=False):
            labels[number] = truth[number]
            if at_random:
                drawn.add(number)
        if len(set(labels.values())) < 2:
            continue
        fitted = fit(rows, Request(labels.copy(), frozenset(kept), ranks, seed), alike=alike)
        ranked = fitted.ranked if policy == TOOL else []
        length = choice.sample_length(order, drawn)
        shown = {number: names[number] for number in order[: length + AHEAD]}
        refits.append(Refit(len(labels), predictions_of(fitted, shown)))
        sample = {names[number]: labels[number] for number in order[:length] if number in labels}
        steps.append(_step(fitted, truth, kept, progress.measure(refits, sample, seed)))
    return steps


def _step(
    fitted: Fitted, truth: Sequence[str], kept: Collection[int], found: progress.Progress
) -> Step:
    predicted = np.array(fitted.classes)[fitted.codes]
    wrong = predicted != np.array(truth)
    sure = fitted.confidence >= progress.SURE
    sure[list(fitted.request.labels)] = False
    return Step(
        len(fitted.request.labels),
        float(wrong[sorted(kept)].mean()),
        found.points[-1] if found.points else None,
        found.advice,
        (int(sure.sum()), int(wrong[sure].sum())),
    )
