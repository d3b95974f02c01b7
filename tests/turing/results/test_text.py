import csv
import io
from dataclasses import replace

import pytest

from convergan.turing.results.analysis import Analysis, analyse
from convergan.turing.results.headline import headline
from convergan.turing.results.text import (
    ANTI_CONSERVATIVE,
    ResultRow,
    csv_text,
    rows,
    terminal_text,
)
from convergan.turing.simulation.observers import (
    Annotator,
    Observer,
    StaircaseObserver,
)
from convergan.turing.statistics.votes import Design, Exclusion
from tests.turing.known_studies import DESIGN, votes_of
from tests.turing.results.known_analyses import GUESSED, NOTHING, PAIRS, STAIRS, STUDY, TIMED


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
        "Votes of a generated image",
        "Votes of a real image",
        "Error with partial sessions",
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


@pytest.mark.parametrize("analysis", [STUDY, STAIRS, GUESSED, PAIRS, NOTHING])
def test_nothing_is_ever_called_indistinguishable(analysis: Analysis) -> None:
    words = " ".join([*headline(analysis), *(" ".join(row) for row in rows(analysis))])
    assert "distinguish" not in words


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
    assert [row.quantity for row in rows(STAIRS)[:2]] == [
        "Time to be right in 75 %",
        "Modal exposure",
    ]
    assert not {"Equivalence"} & {row.group for row in rows(STAIRS)}
    assert "p against guessing" not in {row.quantity for row in rows(STAIRS)}


def test_pairs_are_told_by_the_side_of_the_generated_image() -> None:
    assert row_of(PAIRS, "Error, generated on the left", "Error")
    assert '"left"' in row_of(PAIRS, "Bias (criterion c)", "Sensitivity and bias").meaning


def test_without_votes_that_count_those_without_exclusion_are_told() -> None:
    assert [row.quantity for row in rows(NOTHING)] == ["Excluded", "Error without exclusion"]
    said, text = headline(NOTHING)[0], terminal_text(NOTHING)
    assert (
        text.startswith(said)
        and "1 of 1" in text
        and "Error without exclusion" in csv_text(NOTHING)
    )


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


def test_votes_per_image_are_told_as_they_are() -> None:
    counts = sorted(image.votes for image in STUDY.images if not image.generated)
    row = row_of(STUDY, "Votes of a real image", "Images")
    assert row.value == str(counts[len(counts) // 2])
    assert f"from {counts[0]} to {counts[-1]}, on {len(counts)} images" in row.meaning
    assert f"{sum(counts):,} votes in all" in row.meaning
    (row,) = [row for row in rows(PAIRS) if row.group == "Images"]
    assert "in all" not in row.meaning


def test_the_error_with_partial_sessions_stands_beside_that_of_complete_ones() -> None:
    votes = votes_of([*[Observer(1.0)] * 4, Observer(0.0)])
    left = votes.select((votes.annotator < 4) | (votes.trial < 40))
    found = analyse(left, DESIGN, draws=100)
    assert found.result is not None and found.with_partial is not None and found.partial == 1
    row = row_of(found, "Error with partial sessions", "Annotators")
    assert row.meaning == f"1 left early, {found.with_partial.error.votes:,} votes"
    assert found.with_partial.error.votes > found.result.error.votes
    assert "1 left early" not in " ".join(row.meaning for row in rows(STUDY))
    before = replace(DESIGN, exclusion=Exclusion(complete_only=False))
    counted = analyse(left, before, draws=100)
    assert counted.result == found.with_partial
    assert "Error with partial sessions" not in {row.quantity for row in rows(counted)}
