"""Going back to a checkpoint where a step is not finite, and leaving out the steps since.

A replay is bit-identical, so that going back alone would come to the same step. The steps that are
left out are a function of their numbers, so that which checkpoints happen to be there, and when
the run was stopped or killed, changes no bit: what is between an older checkpoint and the first
step that is left out is taken again.

Paper and released code: not in Salimans et al. (2016); Chowdhery et al. (2022), "PaLM", section
5.1, go back to before a spike of the loss and leave out the batches around it.
"""

from collections.abc import Sequence
from typing import NamedTuple


class RollBack(NamedTuple):
    """What a run did once, in the place of stopping.

    Attributes:
        first: first step that is left out; the run went back to where the one before it ended.
        last: the step that was not finite.
        reason: what was not finite.
    """

    first: int
    last: int
    reason: str


def roll_back(before: Sequence[RollBack], step: int, *, every: int, reason: str) -> RollBack:
    """Decide where to go back to: the last checkpoint that is due before ``step``.

    If the run has come nowhere since it went back there, the one before it.

    Args:
        before: what the run has gone back already.
        step: that is not finite.
        every: steps between checkpoints.
        reason: what is not finite.

    Example:
        >>> first = roll_back([], 25, every=10, reason="loss")
        >>> first
        RollBack(first=21, last=25, reason='loss')
        >>> roll_back([first], 27, every=10, reason="loss").first
        11
    """
    kept = (step - 1) // every * every
    for earlier in reversed(before):
        if earlier.first - 1 <= kept <= earlier.last:
            kept = max(0, earlier.first - 1 - every)
    return RollBack(kept + 1, step, reason)
