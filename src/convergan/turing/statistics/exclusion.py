"""Whose votes do not count, by rules that were fixed before the first vote.

The rules look at behaviour alone, never at whether judged images were told apart: who cannot tell
them apart is no worse an annotator.
"""

from dataclasses import dataclass

import numpy as np

from .votes import Exclusion, Votes

MIN_VOTES = 10
"""Of fewer votes, the shares of the same answer and of alternation say nothing."""


@dataclass(frozen=True)
class Behaviour:
    """How an annotator answered.

    Attributes:
        votes: on judged images.
        attention: share of attention trials answered rightly; none without such trials.
        median_reaction_ms: of the judged images; none without votes.
        same_answer: share of the answer given more often; none of fewer than ``MIN_VOTES`` votes.
        alternation: share of answers that differ from the one before, likewise.
    """

    votes: int
    attention: float | None
    median_reaction_ms: float | None
    same_answer: float | None
    alternation: float | None

    def reasons(self, rules: Exclusion) -> tuple[str, ...]:
        """Return why the annotator's votes do not count, in words; none if they count.

        Args:
            rules: fixed beforehand.

        Example:
            >>> Behaviour(100, 1.0, 80.0, 0.5, 0.5).reasons(Exclusion())
            ('median reaction 80 ms, least 250 ms',)
        """
        found = []
        if self.attention is not None and self.attention < rules.min_attention:
            found.append(
                f"attention {_percent(self.attention)}, least {_percent(rules.min_attention)}"
            )
        time, least = self.median_reaction_ms, rules.min_median_reaction_ms
        if time is not None and time < least:
            found.append(f"median reaction {time:.0f} ms, least {least:.0f} ms")
        if self.same_answer is not None and self.same_answer > rules.max_same_answer:
            found.append(
                f"same answer {_percent(self.same_answer)}, most {_percent(rules.max_same_answer)}"
            )
        if self.alternation is not None and self.alternation > rules.max_alternation:
            found.append(
                f"alternation {_percent(self.alternation)}, most {_percent(rules.max_alternation)}"
            )
        return tuple(found)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def behaviours(votes: Votes) -> list[Behaviour]:
    """Return how each annotator answered, in order of ``votes.annotators``."""
    edges = np.searchsorted(votes.annotator, np.arange(len(votes.annotators) + 1))
    found = []
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        attention = votes.attention[first:last]
        said = votes.said_generated[first:last][~attention]
        times = votes.reaction_ms[first:last][~attention]
        share = float(said.mean()) if len(said) else 0.0
        enough = len(said) >= MIN_VOTES
        attentive = votes.correct[first:last][attention]
        found.append(
            Behaviour(
                len(said),
                float(attentive.mean()) if len(attentive) else None,
                float(np.median(times)) if len(times) else None,
                max(share, 1 - share) if enough else None,
                float((said[1:] != said[:-1]).mean()) if enough else None,
            )
        )
    return found
