"""Whose votes do not count, by rules that were fixed before the first vote.

The rules look at behaviour alone, never at the error on judged images: annotators who cannot tell
them apart are no worse annotators.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .votes import Exclusion, Votes

MIN_VOTES = 10
"""With fewer votes, the shares of the same answer and of alternation mean nothing."""


@dataclass(frozen=True)
class Behaviour:
    """How an annotator answered.

    Attributes:
        votes: on judged images.
        attention: share of scrambled images answered rightly; none without such trials.
        slips: scrambled images answered wrongly.
        median_reaction_ms: of the judged images; none without votes.
        same_answer: share of the answer given more often; none of fewer than ``MIN_VOTES`` votes.
        alternation: share of answers, those to attention trials among them, that differ from the
            one before; likewise.
    """

    votes: int
    attention: float | None
    slips: int
    median_reaction_ms: float | None
    same_answer: float | None
    alternation: float | None

    def reasons(self, rules: Exclusion) -> tuple[str, ...]:
        """Return why the annotator's votes do not count, in words; none if they count.

        Example:
            >>> Behaviour(100, 1.0, 0, 80.0, 0.5, 0.5).reasons(Exclusion())
            ('median reaction 80 ms, least 250 ms',)
        """
        return tuple(self.broken(rules).values())

    def broken(self, rules: Exclusion) -> dict[str, str]:
        """Return each rule that the annotator breaks, in words, with how.

        Example:
            >>> Behaviour(100, 1.0, 0, 80.0, 0.5, 0.5).broken(Exclusion())
            {'median reaction below 250 ms': 'median reaction 80 ms, least 250 ms'}
        """
        least_ms = rules.min_median_reaction_ms
        attention = self.attention if self.slips > rules.allowed_slips else None
        checks = (
            ("attention", attention, "least", rules.min_attention, _percent, ""),
            ("median reaction", self.median_reaction_ms, "least", least_ms, _ms, " ms"),
            ("same answer", self.same_answer, "most", rules.max_same_answer, _percent, ""),
            ("alternation", self.alternation, "most", rules.max_alternation, _percent, ""),
        )
        return {
            f"{name} {'below' if side == 'least' else 'above'} {bound:g}{unit}": (
                f"{name} {form(value)}, {side} {form(bound)}"
            )
            for name, value, side, bound, form, unit in checks
            if value is not None and (value < bound if side == "least" else value > bound)
        }


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _ms(time: float) -> str:
    return f"{time:.0f} ms"


def broken_rules(people: Iterable[Behaviour], rules: Exclusion) -> str:
    """Return in words which rules were broken and by how many, the most frequent first.

    Example:
        >>> fast, steady = (Behaviour(9, 1.0, 0, ms, None, None) for ms in (80.0, 800.0))
        >>> broken_rules([fast, steady, fast], Exclusion())
        'median reaction below 250 ms: 2'
    """
    counts = Counter(rule for person in people for rule in person.broken(rules))
    return ", ".join(f"{rule}: {count}" for rule, count in counts.most_common())


def behaviours(votes: Votes, *, pairs: bool = False) -> list[Behaviour]:
    """Return how each annotator answered, in order of ``votes.annotators``.

    Args:
        votes: all of them.
        pairs: whether two images are shown, one of them scrambled in every trial of attention;
            otherwise it is scrambled where it is not real.
    """
    scrambled = votes.attention & (votes.generated | pairs)
    edges = np.searchsorted(votes.annotator, np.arange(len(votes.annotators) + 1))
    found = []
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        attention = votes.attention[first:last]
        every = votes.said_generated[first:last]
        said = every[~attention]
        times = votes.reaction_ms[first:last][~attention]
        share = float(said.mean()) if len(said) else 0.0
        enough = len(said) >= MIN_VOTES
        attentive = votes.correct[first:last][scrambled[first:last]]
        found.append(
            Behaviour(
                len(said),
                float(attentive.mean()) if len(attentive) else None,
                int((~attentive).sum()),
                float(np.median(times)) if len(times) else None,
                max(share, 1 - share) if enough else None,
                float((every[1:] != every[:-1]).mean()) if enough else None,
            )
        )
    return found
