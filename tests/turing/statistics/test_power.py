import math

import pytest

from convergan.turing.statistics.intervals import Z, design_effect
from convergan.turing.statistics.power import annotators_needed, power_table


@pytest.mark.parametrize(("votes", "needed"), [(100, [23, 64, 143]), (math.inf, [20, 54, 121])])
def test_annotators_are_those_of_the_closed_form(votes: float, needed: list[int]) -> None:
    assert power_table([0.05, 0.03, 0.02], [votes], 0.05) == [(votes, needed)]


def half_width(annotators: int, votes_each: float, rho: float) -> float:
    return Z / 2 * math.sqrt(design_effect(votes_each, rho) / (annotators * votes_each))


def test_so_many_annotators_reach_the_half_width_and_one_less_does_not() -> None:
    for half in (0.05, 0.02):
        people = annotators_needed(half, 60, 0.1)
        assert half_width(people, 60, 0.1) <= half < half_width(people - 1, 60, 0.1)


def test_without_correlation_only_the_number_of_votes_counts() -> None:
    assert [annotators_needed(0.02, each, 0) for each in (1, 100, 2500)] == [2401, 25, 1]


@pytest.mark.parametrize(
    ("half", "votes", "rho", "sentence"),
    [
        (0, 100, 0.1, "half-width must be above 0 and below 0.5, got 0"),
        (0.5, 100, 0.1, "half-width must be above 0 and below 0.5, got 0.5"),
        (math.nan, 100, 0.1, "half-width must be above 0 and below 0.5, got nan"),
        (0.05, 0, 0.1, "votes of an annotator must be at least 1, got 0"),
        (0.05, math.nan, 0.1, "votes of an annotator must be at least 1, got nan"),
        (0.05, 100, -0.1, "rho must be from 0 to 1, got -0.1"),
        (0.05, 100, 1.1, "rho must be from 0 to 1, got 1.1"),
    ],
)
def test_values_out_of_range_are_refused(
    half: float, votes: float, rho: float, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        annotators_needed(half, votes, rho)
