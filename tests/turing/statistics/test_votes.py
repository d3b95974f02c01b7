from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from convergan.turing.simulation.observers import Guesser
from convergan.turing.statistics.votes import Design, Exclusion, Votes
from tests.turing.known_studies import DESIGN, votes_of

VOTES = votes_of([Guesser(), Guesser()])


def test_columns_are_copies_that_nobody_can_change() -> None:
    trial = VOTES.trial.copy()
    votes = replace(VOTES, trial=trial)
    trial[:] = 0
    assert votes.trial.max() == 99
    with pytest.raises(ValueError, match="read-only"):
        votes.trial[0] = 5


def changed(name: str, row: int, value: Any) -> dict[str, Any]:
    column = getattr(VOTES, name).copy()
    column[row] = value
    return {name: column}


JUDGED = int(np.flatnonzero(~VOTES.attention)[0])
OBVIOUS = int(np.flatnonzero(VOTES.attention)[0])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"trial": np.arange(3)}, "trial has 3 rows, but annotator has 200"),
        ({"trial": np.zeros((2, 100), int)}, "trial has 2 dimensions"),
        ({"generated": np.zeros(200)}, "generated has float64, but should have true or false"),
        ({"trial": VOTES.trial + 0.5}, "trial has float64, but should have whole numbers"),
        ({"annotators": ("a",)}, "annotator goes from 0 to 1, but 1 annotators"),
        ({"annotators": ("a", "a")}, "a name occurs twice in annotators"),
        (changed("model", 0, 1), "model goes from 0 to 1, but 1 models"),
        (changed("trial", 0, -1), "trial -1 is negative"),
        (changed("image", JUDGED, -1), "image -1 in row"),
        (changed("image", OBVIOUS, 4), "image 4 in row"),
        (changed("reaction_ms", 3, -1), "reaction_ms has values that are negative or not finite"),
        (changed("reaction_ms", 3, np.inf), "reaction_ms has values"),
        (changed("exposure_ms", 3, 0), "exposure_ms has values that are not above 0"),
        (changed("exposure_ms", 3, np.nan), "exposure_ms has values that are not above 0"),
        (changed("trial", 5, 4), r"row 5 \(annotator 0, trial 4\) is out of order or twice there"),
        (changed("annotator", 0, 1), "row 1 .* is out of order"),
        (changed("feedback", 3, True), "feedback changes within an annotator's session"),
        ({"models": ("a", "b"), **changed("model", 3, 1)}, "model changes within"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        replace(VOTES, **change)
    assert "\n" not in str(caught.value)


def test_a_study_without_votes_is_one() -> None:
    none = VOTES.select(np.zeros(200, bool))
    assert len(none) == 0 and none.annotators == ()


def test_selected_votes_are_of_renumbered_annotators() -> None:
    second = VOTES.select(VOTES.annotator == 1)
    assert second.annotators == VOTES.annotators[1:]
    assert set(second.annotator) == {0}
    for column in fields(Votes)[1:-2]:
        np.testing.assert_array_equal(
            getattr(second, column.name), getattr(VOTES, column.name)[100:]
        )


def test_judged_votes_are_those_without_attention_trials() -> None:
    assert len(VOTES.judged()) == 180 and not VOTES.judged().attention.any()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"protocol": "triple"}, "protocol must be one of single, pair, timed, got 'triple'"),
        ({"feedback": "both"}, "feedback must be one of off, on, split, got 'both'"),
        ({"trials": 0}, "trials must be at least 1, got 0"),
        ({"annotators_wanted": 0}, "annotators_wanted must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"margin": 0.5}, "margin must be between 0 and 0.5, got 0.5"),
        ({"margin": 0.0}, "margin must be between 0 and 0.5, got 0.0"),
        ({"consent_version": ""}, "consent_version must be a text, got ''"),
        ({"created": "2026-11-28T00:00:00"}, "created must be a time in UTC, got '2026"),
        ({"created": "2026-11-28T00:00:00+01:00"}, "created must be a time in UTC, got"),
        ({"created": "yesterday"}, "yesterday"),
    ],
)
def test_designs_out_of_range_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(DESIGN, **change)


@pytest.mark.parametrize("name", ["min_attention", "max_same_answer", "max_alternation"])
@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_shares_of_exclusion_are_from_0_to_1(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be from 0 to 1, got {value}"):
        Exclusion(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-1.0, np.inf, np.nan])
def test_times_of_exclusion_are_not_negative(value: float) -> None:
    with pytest.raises(ValueError, match="min_median_reaction_ms must be 0 or more, got"):
        Exclusion(min_median_reaction_ms=value)


def test_a_design_has_rules_of_exclusion_by_default() -> None:
    assert isinstance(DESIGN, Design) and DESIGN.exclusion == Exclusion()
