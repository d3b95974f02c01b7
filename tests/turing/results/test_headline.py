"""Sentences about what a study found."""

from dataclasses import replace

import numpy as np
import pytest

from convergan.turing.results.analysis import analyse
from convergan.turing.results.headline import (
    FEW_ANNOTATORS,
    against_guessing,
    cautions,
    error_of_staircase,
    headline,
)
from convergan.turing.results.text import rows, terminal_text
from convergan.turing.simulation.observers import AlwaysFake, FastClicker, Guesser, Observer
from convergan.turing.statistics.intervals import Interval
from convergan.turing.statistics.votes import HALF
from tests.turing.known_studies import DESIGN, votes_of
from tests.turing.results.known_analyses import GUESSED, NOTHING, PAIRS, SPLIT, STAIRS, STUDY


def test_the_first_sentence_has_the_interval_over_annotators() -> None:
    assert STUDY.result is not None and STUDY.result.error.interval is not None
    low, high = (100 * end for end in STUDY.result.error.interval)
    first = headline(STUDY)[0]
    assert first.startswith("16 annotators erred in ")
    assert f"(95 % interval over annotators: {low:.1f} to {high:.1f} %)" in first


def test_guessing_is_not_shown_to_be_guessing() -> None:
    assert headline(GUESSED)[1].endswith("told apart: not shown.")
    assert ": not shown (90 %" in headline(GUESSED)[2]


@pytest.mark.parametrize(
    ("interval", "pooled_p", "words"),
    [
        (Interval(0.4, 0.49), 0.01, "told apart: shown"),
        (Interval(0.4, 0.49), 0.06, "told apart: not shown"),
        (Interval(0.4, 0.51), 0.01, "told apart: not shown"),
        (Interval(0.51, 0.6), 0.01, "wrong more often than right: shown"),
        (Interval(0.51, 0.6), 0.06, "told apart: not shown"),
        (None, 0.01, "told apart: not shown"),
    ],
)
def test_a_difference_from_guessing_is_shown_by_the_interval_and_the_pooled_test(
    interval: Interval | None, pooled_p: float, words: str
) -> None:
    assert GUESSED.result is not None
    error = replace(GUESSED.result.error, interval=interval)
    assert words in against_guessing(replace(GUESSED.result, error=error, pooled_p=pooled_p))


def test_two_annotators_who_happen_to_be_alike_show_nothing() -> None:
    design = replace(DESIGN, trials=10, annotators_wanted=2)
    votes = votes_of([Guesser()] * 2, design)
    wrong = ~votes.attention & (np.cumsum(~votes.attention) % 9 < 4)
    alike = replace(votes, said_generated=votes.generated ^ wrong)
    found = analyse(alike, design, draws=200)
    assert found.result is not None and found.result.error.interval == Interval(4 / 9, 4 / 9)
    many = replace(found.result, annotators=30)
    assert against_guessing(many).endswith("told apart: not shown.")


def test_the_headline_of_few_of_an_unfinished_study_and_of_mixed_parts_has_its_cautions() -> None:
    votes = votes_of([Observer(1.0)] * 4, SPLIT)
    models = replace(votes, model=votes.annotator % 2, models=("one", "two"))
    text = terminal_text(analyse(models, SPLIT, draws=200))
    for caution in ("With 4 annotators", "4 of 30", "mix both arms", "mix all models"):
        assert caution in text
    assert cautions(STUDY) == ["The study is not over: 17 of 30 annotators have finished. To stop "
        "when the figures please is no fair test.",
        "The figures of all votes mix both arms; below, each has its own."]  # fmt: skip


def test_below_the_least_number_of_annotators_nothing_is_shown_anywhere() -> None:
    for people, decided in ((FEW_ANNOTATORS - 1, False), (FEW_ANNOTATORS, True)):
        design = replace(DESIGN, annotators_wanted=people)
        found = analyse(votes_of([Observer(2.0)] * people, design), design, draws=100)
        text = terminal_text(found)
        assert ("shown" in text) == ("told apart: shown" in text) == decided
        assert (f"no verdict with {people} annotators" in text) != decided


def test_the_error_of_a_staircase_is_called_25_percent_only_where_it_is_so() -> None:
    assert STAIRS.result is not None
    error = STAIRS.result.error
    near, far = (
        error_of_staircase(replace(STAIRS.result, error=replace(error, interval=interval)))
        for interval in (Interval(0.24, 0.27), Interval(0.1, 0.2))
    )
    assert "near 25 %" in near
    assert "near 25 %" not in far and f"{100 * error.error:.1f} %" in far


def test_a_study_whose_sessions_are_all_open_says_so() -> None:
    votes = votes_of([Guesser()] * 3)
    begun = analyse(votes.select(votes.trial < 50), DESIGN, draws=50)
    assert begun.partial == 3
    excluded, partial, everybody = rows(begun)
    assert (excluded.value, partial.quantity) == ("0 of 3", "Error with partial sessions")
    assert everybody.quantity == "Error without exclusion"
    assert headline(begun) == [
        "There are no complete sessions that count yet; only complete ones do."
    ]
    nobody = analyse(votes.select(votes.trial < 0), DESIGN, draws=50)
    assert headline(nobody) == ["There are no votes that count yet."] and not rows(nobody)


def test_a_study_whose_people_are_all_excluded_says_by_which_rules() -> None:
    assert headline(NOTHING) == [
        "1 of 1 annotator was excluded (same answer above 0.9: 1), so no vote counts."
    ]
    votes = votes_of([AlwaysFake()] * 2 + [FastClicker(), Guesser()])
    left = votes.select((votes.annotator < 3) | (votes.trial < 50))
    (said,) = headline(analyse(left, DESIGN, draws=50))
    assert said.startswith("3 of 4 annotators were excluded (")
    assert "same answer above 0.9: 2, " in said and "median reaction below 250 ms: 1" in said
    assert said.endswith(") and 1 did not finish, so no vote counts.")


def test_a_study_of_before_says_that_counting_could_beat_it() -> None:
    for analysis, words in ((STUDY, "images were generated"), (PAIRS, "stood on the left")):
        assert not any("whoever counts" in said for said in cautions(analysis))
        before = replace(analysis, design=replace(analysis.design, truth=HALF))
        (said,) = [said for said in cautions(before) if "whoever counts" in said]
        assert words in said and said.startswith("Half of each session's")
