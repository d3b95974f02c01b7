"""Thresholds and errors by exposure of a study."""

from dataclasses import replace

import pytest

from convergan.turing.results.timed import timed_result
from convergan.turing.simulation.observers import StaircaseObserver
from tests.turing.known_studies import DESIGN, votes_of

TIMED = replace(DESIGN, protocol="timed", feedback="on", trials=150)


def test_a_timed_study_has_a_threshold_a_mode_and_errors_that_add_up() -> None:
    votes = votes_of([StaircaseObserver(300)] * 12, TIMED).judged()
    found = timed_result(votes, [310.0, 330.0], TIMED, 100)
    assert found is not None and found.annotators == votes.annotators
    assert found.score_ms == 320 and found.interval is not None
    assert found.threshold.ms == pytest.approx(300, rel=0.08)
    assert sum(step.votes for step in found.exposures) == len(votes)
    assert sum(step.wrong for step in found.exposures) == (~votes.correct).sum()
    for step in found.exposures:
        if step.votes > 100:
            assert step.pooled.low - 0.05 < step.fitted < step.pooled.high + 0.05


def test_other_studies_and_studies_without_votes_have_none() -> None:
    votes = votes_of([StaircaseObserver(300)], TIMED).judged()
    assert timed_result(votes, [300.0], DESIGN, 10) is None
    assert timed_result(votes, [], TIMED, 10) is None
    assert timed_result(votes.select(votes.trial < 0), [300.0], TIMED, 10) is None
