import json
from dataclasses import replace

import numpy as np
import pytest

from convergan.turing.results.analysis import Analysis, analyse, to_json
from convergan.turing.simulation.observers import (
    Alternator,
    AlwaysFake,
    Annotator,
    FastClicker,
    Guesser,
    Learner,
    Observer,
    StaircaseObserver,
    simulate_votes,
)
from convergan.turing.statistics.votes import Exclusion
from tests.turing.known_studies import DESIGN, votes_of

DRAWS = 300
LAX = Exclusion(min_attention=0, min_median_reaction_ms=0, max_same_answer=1, max_alternation=1)


def analysed(observers: list[Annotator], seed: int = 0) -> Analysis:
    return analyse(votes_of(observers, DESIGN, seed), DESIGN, draws=DRAWS)


def test_excluding_nobody_changes_nothing() -> None:
    found = analyse(votes_of([Guesser()] * 6), replace(DESIGN, exclusion=LAX), draws=DRAWS)
    assert found.excluded == 0 and found.result == found.without_exclusion


def test_results_are_told_with_and_without_those_who_did_not_look() -> None:
    bad: list[Annotator] = [AlwaysFake(), Alternator(), FastClicker()]
    found = analysed([*[Observer(3.0)] * 20, *bad])
    assert found.result is not None and found.without_exclusion is not None
    assert [bool(person.excluded) for person in found.annotators] == [False] * 20 + [True] * 3
    assert found.result.annotators == 20 and found.without_exclusion.annotators == 23
    assert found.result.error.error < found.without_exclusion.error.error


def test_the_same_votes_give_the_same_bits() -> None:
    first, again = (analysed([Observer(0.5)] * 8) for _ in range(2))
    assert first == again
    other = replace(DESIGN, seed=8)
    moved = analyse(votes_of([Observer(0.5)] * 8), other, draws=DRAWS)
    assert moved.crossed != first.crossed


def test_the_order_of_annotators_moves_no_count() -> None:
    people: list[Annotator] = [Observer(0.2), Observer(1.0), Observer(2.0)]
    votes = votes_of(people)
    order = np.concatenate([np.arange(200, 300), np.arange(200)])
    columns = {
        name: column[order]
        for name, column in vars(votes).items()
        if isinstance(column, np.ndarray)
    }
    columns["annotator"] = np.repeat([0, 1, 2], 100)
    moved = replace(votes, **columns, annotators=("c", "a", "b"))
    first, second = (analyse(v, DESIGN, draws=DRAWS) for v in (votes, moved))
    assert first.result is not None and second.result is not None
    assert first.result.error.pooled == second.result.error.pooled
    assert first.result.rho == pytest.approx(second.result.rho, rel=1e-12)
    assert first.alpha == second.alpha and first.images == second.images


def test_arms_are_told_apart_and_learning_is_found() -> None:
    design = replace(DESIGN, feedback="split")
    found = analyse(votes_of([Learner(slope=2.0)] * 40, design), design, draws=DRAWS)
    without, told = found.arms
    assert without.result is not None and told.result is not None
    people = without.result.annotators + told.result.annotators
    assert people == 40 - found.excluded and found.excluded < 3
    assert told.result.error.error < without.result.error.error - 0.1
    assert found.learning.interval is not None and found.learning.interval.low > 0


def test_models_are_compared_by_the_errors_of_their_own_annotators() -> None:
    people: list[Annotator] = [Observer(0.0), Observer(2.0)] * 8
    votes = simulate_votes(people, DESIGN, np.random.default_rng(0), models=("good", "bad"))
    found = analyse(votes, DESIGN, draws=DRAWS)
    good, bad = found.models
    assert good.result is not None and bad.result is not None
    assert good.result.annotators == bad.result.annotators == 8
    (difference,) = found.comparison.differences
    by_name = {difference.first: 1, difference.second: -1}
    gap = good.result.error.error - bad.result.error.error
    assert difference.difference * by_name["good"] == pytest.approx(gap, abs=0.01)
    assert difference.tukey_p < 0.001


def test_the_staircases_threshold_is_recovered() -> None:
    design = replace(DESIGN, protocol="timed", trials=450)
    votes = votes_of([StaircaseObserver(400)] * 30, design)
    found = analyse(votes, design, draws=DRAWS)
    assert found.timed is not None and found.timed.interval is not None
    threshold = found.timed.threshold
    assert threshold.ms == pytest.approx(400, abs=20) and threshold.interval is not None
    assert threshold.interval.low < threshold.ms < threshold.interval.high
    assert found.timed.score_ms == pytest.approx(400, abs=20)
    assert found.timed.interval.low < found.timed.score_ms < found.timed.interval.high
    for step in found.timed.exposures:
        if step.votes > 200:
            assert step.fitted == pytest.approx(step.wrong / step.votes, abs=0.06)
    assert found.result is not None
    assert sum(step.votes for step in found.timed.exposures) == found.result.error.votes
    shares = [step.wrong / step.votes for step in found.timed.exposures if step.votes > 200]
    assert shares == sorted(shares, reverse=True)


def test_who_left_early_is_in_no_time_score_and_in_no_comparison_of_models() -> None:
    design = replace(DESIGN, protocol="timed")
    votes = votes_of([StaircaseObserver(300)] * 6, design)
    models = replace(votes, model=votes.annotator % 2, models=("a", "b"))
    stay = models.select(models.annotator < 4)
    early = models.select((models.annotator < 4) | (models.trial < 2))
    alone, found = (analyse(some, design, draws=50) for some in (stay, early))
    assert alone.timed is not None and found.timed is not None
    assert found.timed == alone.timed and found.partial == 2
    assert found.comparison == alone.comparison and found.comparison.p is not None
    begun = analyse(models.select(models.trial < 2), design, draws=50)
    assert begun.timed is None and begun.result is None and begun.finished == 0
    before = replace(design, exclusion=Exclusion(complete_only=False))
    assert analyse(models.select(models.trial < 2), before, draws=50).timed is not None


def test_counts_of_people_and_images_add_up() -> None:
    found = analysed([Guesser()] * 5)
    assert found.result is not None
    assert found.attention_votes == 50 and found.finished == 5
    assert sum(image.votes for image in found.images) == found.result.error.votes
    assert sum(image.wrong for image in found.images) == found.result.error.wrong
    counted = [p for p in found.annotators if not p.excluded]
    assert sum(p.wrong for p in counted) == found.result.error.wrong


def test_of_pairs_annotators_agree_where_all_find_the_generated_image() -> None:
    design = replace(DESIGN, protocol="pair")
    found = analyse(votes_of([Observer(9.0, pairs=True)] * 9, design), design, draws=DRAWS)
    assert found.alpha.value is None and found.alpha.why == "all answers are the same"


def test_a_study_that_has_just_begun_has_an_analysis() -> None:
    votes = votes_of([Guesser()])
    for first in (0, 1, 5):
        rows = np.arange(100) < first
        found = analyse(votes.select(rows), DESIGN, draws=DRAWS)
        assert found.result is None
        assert (found.with_partial is None) == (not (rows & ~votes.attention).any())
        json.dumps(to_json(found), allow_nan=False)


def test_a_study_whose_annotators_are_all_excluded_has_only_the_other_figures() -> None:
    found = analysed([AlwaysFake()] * 3)
    assert found.result is None and found.without_exclusion is not None and found.excluded == 3


def test_the_analysis_is_plain_json_with_every_figure_by_name() -> None:
    found = json.loads(json.dumps(to_json(analysed([Observer(0.5)] * 4)), allow_nan=False))
    assert set(found["result"]["error"]) == {"votes", "wrong", "error", "pooled", "interval"}
    assert set(found["result"]["error"]["interval"]) == {"low", "high"}
    assert found["excluded"] == 0 and found["result"]["equivalence"]["shown"] is False
    assert found["design"]["exclusion"]["min_attention"] == 0.8


def test_what_the_design_does_not_have_is_refused() -> None:
    votes = votes_of([Guesser()])
    with pytest.raises(ValueError, match="trial 99, but the design has 50, from 0"):
        analyse(votes, replace(DESIGN, trials=50))
    with pytest.raises(ValueError, match="draws must be at least 1, got 0"):
        analyse(votes, DESIGN, draws=0)
