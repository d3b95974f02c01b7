import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from convergan.turing.results.analysis import Analysis, analyse
from convergan.turing.results.text import (
    ANTI_CONSERVATIVE,
    ResultRow,
    against_guessing,
    cautions,
    csv_text,
    headline,
    number,
    p_value,
    rows,
    span,
    terminal_text,
)
from convergan.turing.simulation.observers import (
    AlwaysFake,
    Annotator,
    Guesser,
    Learner,
    Observer,
    StaircaseObserver,
)
from convergan.turing.statistics.intervals import Interval
from convergan.turing.statistics.votes import Design
from tests.turing.known_studies import DESIGN, votes_of

SPLIT = replace(DESIGN, feedback="split")
STUDY = analyse(votes_of([*[Learner(2.0)] * 16, AlwaysFake()], SPLIT), SPLIT, draws=200)
TIMED = replace(DESIGN, protocol="timed")
STAIRS = analyse(votes_of([StaircaseObserver(400)] * 4, TIMED), TIMED, draws=200)
GUESSED = analyse(votes_of([Guesser()] * 4), DESIGN, draws=200)
PAIRED = replace(DESIGN, protocol="pair")
PAIRS = analyse(votes_of([Observer(1.0, pairs=True)] * 4, PAIRED), PAIRED, draws=200)
NOTHING = analyse(votes_of([AlwaysFake()]), DESIGN, draws=200)


def row_of(analysis: Analysis, quantity: str, group: str) -> ResultRow:
    (found,) = [r for r in rows(analysis) if (r.quantity, r.group) == (quantity, group)]
    return found


def test_every_quantity_of_a_report_is_there() -> None:
    names = {row.quantity for row in rows(STUDY)}
    assert names == {
        "Error",
        "Error on generated",
        "Error on real",
        "Error, other images too",
        "Error, widened",
        "Error within 50 ± 5 %",
        "p against guessing",
        "p of equivalence",
        "Sensitivity d'",
        "Bias (criterion c)",
        "Learning without feedback",
        "Learning with feedback",
        "Learning, difference",
        "Krippendorff's alpha",
        "Fleiss' kappa",
        "Excluded",
        "Error without exclusion",
        "Needed",
        "with feedback",
        "without feedback",
    }


def test_what_takes_votes_as_independent_is_labelled_and_nothing_else() -> None:
    for analysis in (STUDY, STAIRS, GUESSED, PAIRS):
        for row in rows(analysis):
            pooled = row.group == "As if votes were independent"
            assert (row.caution == ANTI_CONSERVATIVE) == pooled, row


def test_the_first_sentence_has_the_interval_over_annotators() -> None:
    assert STUDY.result is not None and STUDY.result.error.interval is not None
    low, high = (100 * end for end in STUDY.result.error.interval)
    first = headline(STUDY)[0]
    assert first.startswith("16 annotators erred in ")
    assert f"(95 % interval over annotators: {low:.1f} to {high:.1f} %)" in first


@pytest.mark.parametrize("analysis", [STUDY, STAIRS, GUESSED, PAIRS, NOTHING])
def test_nothing_is_ever_called_indistinguishable(analysis: Analysis) -> None:
    words = " ".join([*headline(analysis), *(" ".join(row) for row in rows(analysis))])
    assert "distinguish" not in words


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
    alike = replace(votes, said_generated=votes.generated ^ (np.arange(len(votes)) % 10 < 4))
    found = analyse(alike, design, draws=200)
    assert found.result is not None and found.result.error.interval == Interval(0.4, 0.4)
    assert headline(found)[1].endswith("told apart: not shown.")


def test_the_headline_of_few_of_an_unfinished_study_and_of_mixed_parts_has_its_cautions() -> None:
    votes = votes_of([Observer(1.0)] * 4, SPLIT)
    models = replace(votes, model=votes.annotator % 2, models=("one", "two"))
    text = terminal_text(analyse(models, SPLIT, draws=200))
    for caution in ("With 4 annotators", "4 of 30", "mix both arms", "mix all models"):
        assert caution in text
    assert cautions(STUDY) == ["The study is not over: 17 of 30 annotators have finished. To stop "
        "when the figures please is no fair test.",
        "The figures of all votes mix both arms; below, each has its own."]  # fmt: skip


@pytest.mark.parametrize(
    ("design", "person"), [(DESIGN, Observer(1.0)), (TIMED, StaircaseObserver(400))]
)
def test_models_and_their_differences_are_rows(design: Design, person: Annotator) -> None:
    votes = votes_of([person] * 6, design)
    models = replace(votes, model=votes.annotator % 2, models=("one", "two"))
    found = analyse(models, design, draws=200)
    for part in found.models:
        row, result = row_of(found, part.name, "Models"), part.result
        assert result is not None and f"3 annotators, {result.error.votes:,} votes" in row.meaning
        assert ("told apart" in row.meaning) == (design is DESIGN)
    assert row_of(found, "one less two", "Differences of models").interval
    none = analyse(votes_of([Observer(1.0)] * 2), DESIGN, draws=200)
    assert not {"Models", "Arms", "Differences of models"} & {row.group for row in rows(none)}


def test_a_staircase_is_told_in_ms_and_its_error_is_no_verdict() -> None:
    assert " ms (95 % interval" not in headline(STAIRS)[0] and " ms " in headline(STAIRS)[0]
    assert rows(STAIRS)[0].quantity == "Time to be right in 75 %"
    assert not {"Equivalence"} & {row.group for row in rows(STAIRS)}
    assert "p against guessing" not in {row.quantity for row in rows(STAIRS)}


def test_pairs_are_told_by_the_side_of_the_generated_image() -> None:
    assert row_of(PAIRS, "Error, generated on the left", "Error")
    assert '"left"' in row_of(PAIRS, "Bias (criterion c)", "Sensitivity and bias").meaning


def test_a_study_without_votes_that_count_says_so() -> None:
    assert headline(NOTHING) == ["There are no votes that count yet."] and not rows(NOTHING)
    assert terminal_text(NOTHING) == headline(NOTHING)[0]


def test_csv_has_the_rows_and_a_line_of_names() -> None:
    found = list(csv.reader(io.StringIO(csv_text(STUDY))))
    assert found[0] == list(ResultRow._fields)
    assert [ResultRow(*line) for line in found[1:]] == rows(STUDY)


def test_the_terminal_shows_every_row_within_120_columns() -> None:
    lines = terminal_text(STUDY).splitlines()
    for row in rows(STUDY):
        assert any(row.quantity in line and row.value in line for line in lines)
    assert any("undefined" in line and "equal numbers" in line for line in lines)
    assert max(map(len, lines)) <= 120


def test_undefined_agreement_says_why() -> None:
    row = row_of(STUDY, "Fleiss' kappa", "Agreement")
    assert row.value == "undefined" and "equal numbers" in row.meaning


def test_figures_are_spelled_alike() -> None:
    assert span(Interval(-0.5, 0.25), number) == "-0.50 to 0.25"
    assert number(-0.001) == "0.00"
    assert p_value(0.001) == "0.001" and p_value(0.0009) == "below 0.001"
