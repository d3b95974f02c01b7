"""Every plot of a study's page, on studies whose plots have least to draw."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from convergan.core.html import Picture
from convergan.turing.results.analysis import Analysis, analyse, counted_votes
from convergan.turing.results.plots import (
    annotator_plot,
    exposure_plot,
    image_plot,
    interval_plot,
    learning_plot,
    reaction_plot,
    staircase_plot,
)
from convergan.turing.simulation.observers import Annotator, FastClicker, Guesser
from convergan.turing.statistics.votes import Design, Votes
from tests.turing.known_studies import DESIGN, votes_of

TIMED = replace(DESIGN, protocol="timed", feedback="on")


def analysed(people: list[Annotator], design: Design) -> tuple[Analysis, Votes]:
    votes = votes_of(people, design)
    analysis = analyse(votes, design, draws=50)
    return analysis, counted_votes(votes, analysis.annotators)


def is_drawn(picture: Picture) -> bool:
    """Whether it is a PNG file that says what it shows."""
    return picture.png.startswith(b"\x89PNG") and picture.alt != ""


@pytest.mark.parametrize(
    "people", [[Guesser()], [Guesser(1.0)] * 2, [Guesser(0.0), Guesser(), FastClicker()]]
)
@pytest.mark.parametrize("draw", [interval_plot, annotator_plot, learning_plot, image_plot])
def test_a_plot_of_few_or_perfect_annotators_is_drawn(
    people: list[Annotator], draw: Callable[[Analysis], Picture]
) -> None:
    assert is_drawn(draw(analysed(people, DESIGN)[0]))


@pytest.mark.parametrize("skill", [0.0, 0.5, 1.0])
def test_reaction_times_are_drawn_where_all_answers_are_right_or_wrong(skill: float) -> None:
    assert is_drawn(reaction_plot(analysed([Guesser(skill)], DESIGN)[1]))


def test_staircases_are_drawn_of_a_timed_study() -> None:
    analysis, kept = analysed([Guesser(0.75)] * 2, TIMED)
    assert is_drawn(staircase_plot(kept)) and is_drawn(exposure_plot(analysis))
