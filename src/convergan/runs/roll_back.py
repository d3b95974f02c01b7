"""Steps that a run leaves out as they are not finite: one by one, or back to a checkpoint.

A replay is bit-identical, so that going back alone would come to the same step. The steps that are
left out are a function of their numbers, so that which checkpoints happen to be there, and when
the run was stopped or killed, changes no bit: what is between an older checkpoint and the first
step that is left out is taken again.

Paper and released code: not in Salimans et al. (2016); Chowdhery et al. (2022), "PaLM", section
5.1, go back to before a spike of the loss and leave out the batches around it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


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


class LeftOut(NamedTuple):
    """All that a run has left out so far.

    Attributes:
        skipped: steps whose loss or gradient was not finite, one by one.
        skipped_in_a_row: those right before the next step.
        rolled_back: times that the run went back to a checkpoint, in order.
    """

    skipped: int = 0
    skipped_in_a_row: int = 0
    rolled_back: tuple[RollBack, ...] = ()

    def after(self, skipped: bool) -> "LeftOut":
        """Return what is left out after one more step, which was skipped or taken."""
        if not skipped:
            return self._replace(skipped_in_a_row=0)
        return LeftOut(self.skipped + 1, self.skipped_in_a_row + 1, self.rolled_back)

    def holds(self, step: int) -> bool:
        """Whether a step is among those that going back has left out."""
        return any(made.first <= step <= made.last for made in self.rolled_back)

    def plain(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint or for other processes."""
        counts = [self.skipped, self.skipped_in_a_row]
        return {"skipped": counts, "rolled_back": [list(made) for made in self.rolled_back]}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> "LeftOut":
        """Return what `plain` is of; nothing for checkpoints that do not say."""
        made = tuple(RollBack(*fields) for fields in values.get("rolled_back", ()))
        skipped, in_a_row = values.get("skipped", (0, 0))
        return cls(skipped, in_a_row, made)
