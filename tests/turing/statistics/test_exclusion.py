from dataclasses import replace

import numpy as np
import pytest

from convergan.turing.simulation.observers import (
    Alternator,
    AlwaysFake,
    Annotator,
    FastClicker,
    Guesser,
)
from convergan.turing.statistics.exclusion import MIN_VOTES, Behaviour, behaviours
from convergan.turing.statistics.votes import Exclusion
from tests.turing.known_studies import votes_of

RULES = Exclusion()
FINE = Behaviour(100, 1.0, 0, 900.0, 0.6, 0.5)


@pytest.mark.parametrize(
    ("observer", "reason"),
    [
        (AlwaysFake(), "same answer 100 %, most 90 %"),
        (Alternator(), "alternation"),
        (FastClicker(), "median reaction 80 ms, least 250 ms"),
    ],
)
def test_who_does_not_look_is_found_by_how_they_answer(observer: Annotator, reason: str) -> None:
    for behaviour in behaviours(votes_of([observer] * 20)):
        assert reason in "; ".join(behaviour.reasons(RULES))


def test_who_looks_and_cannot_tell_is_kept() -> None:
    excluded = [bool(b.reasons(RULES)) for b in behaviours(votes_of([Guesser()] * 200, seed=2))]
    assert np.mean(excluded) < 0.02


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"attention": 0.79, "slips": 2}, "attention 79 %, least 80 %"),
        ({"median_reaction_ms": 249.0}, "median reaction 249 ms, least 250 ms"),
        ({"same_answer": 0.91}, "same answer 91 %, most 90 %"),
        ({"alternation": 0.91}, "alternation 91 %, most 90 %"),
    ],
)
def test_each_rule_excludes_beyond_its_limit(change: dict[str, float], reason: str) -> None:
    assert FINE.reasons(RULES) == ()
    assert replace(FINE, **change).reasons(RULES) == (reason,)  # type: ignore[arg-type]


def test_at_the_limit_nobody_is_excluded() -> None:
    assert Behaviour(100, 0.8, 2, 250.0, 0.9, 0.9).reasons(RULES) == ()


def test_one_slip_excludes_nobody_and_two_of_five_do() -> None:
    assert replace(FINE, attention=0.5, slips=1).reasons(RULES) == ()
    assert replace(FINE, attention=0.6, slips=2).reasons(RULES) != ()
    assert replace(FINE, attention=0.5, slips=1).reasons(replace(RULES, allowed_slips=0)) != ()


def test_real_images_among_attention_trials_are_not_scored_but_all_attention_pairs_are() -> None:
    votes = votes_of([Guesser()])
    fooled = votes.attention & ~votes.generated
    wrong = replace(votes, said_generated=votes.generated ^ fooled)
    assert fooled.any()
    assert behaviours(wrong)[0].attention == 1
    assert behaviours(wrong, pairs=True)[0].slips == fooled.sum()


def test_a_rule_without_anything_to_look_at_excludes_nobody() -> None:
    assert Behaviour(0, None, 0, None, None, None).reasons(RULES) == ()


def test_a_behaviour_is_what_was_answered() -> None:
    votes = votes_of([Guesser()])
    (found,) = behaviours(votes)
    judged = ~votes.attention
    said = votes.said_generated[judged]
    scrambled = votes.attention & votes.generated
    assert found.votes == 90 and 0 < scrambled.sum() < 10
    assert found.attention == votes.correct[scrambled].mean()
    assert found.slips == (~votes.correct[scrambled]).sum()
    assert found.median_reaction_ms == np.median(votes.reaction_ms[judged])
    assert found.same_answer == max(said.mean(), (~said).mean())
    every = votes.said_generated.tolist()
    assert found.alternation == np.mean(
        [a != b for a, b in zip(every[1:], every[:-1], strict=True)]
    )


def test_few_answers_are_no_pattern() -> None:
    votes = votes_of([AlwaysFake()])
    few = votes.select(~votes.attention & (np.cumsum(~votes.attention) < MIN_VOTES))
    (found,) = behaviours(few)
    assert found.votes == MIN_VOTES - 1
    assert found.same_answer is None and found.alternation is None and found.attention is None
