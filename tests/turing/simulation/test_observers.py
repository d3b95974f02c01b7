from dataclasses import replace

import numpy as np
import pytest

from convergan.turing.simulation.observers import (
    Alternator,
    AlwaysFake,
    Annotator,
    Counter,
    Crowd,
    FastClicker,
    Guesser,
    Learner,
    Observer,
    StaircaseObserver,
    Stimulus,
    simulate_votes,
)
from convergan.turing.statistics.staircase import next_exposure
from convergan.turing.statistics.votes import HALF, INDEPENDENT
from tests.turing.known_studies import DESIGN, votes_of

FIELDS = ("image", "generated", "said_generated", "trial", "reaction_ms", "exposure_ms")


def test_the_same_seed_gives_the_same_votes_and_another_one_others() -> None:
    first, again, other = (votes_of([Guesser()] * 3, DESIGN, seed) for seed in (0, 0, 1))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.said_generated != other.said_generated).any()


def test_an_answer_depends_on_its_arguments_alone() -> None:
    observer = Observer(1.0, 0.2)
    answers = {
        observer.answer(Stimulus(True, 3, np.inf, False), np.random.default_rng(5))
        for _ in range(3)
    }
    assert len(answers) == 1


@pytest.mark.parametrize("truth", [HALF, INDEPENDENT])
def test_truth_is_as_the_design_has_it_and_no_image_comes_twice(truth: str) -> None:
    votes = votes_of([Guesser()] * 5, replace(DESIGN, truth=truth))
    counts = [votes.generated[votes.annotator == number].sum() for number in range(5)]
    assert (set(counts) == {50}) == (truth == HALF)
    for number in range(5):
        mine = votes.annotator == number
        images = votes.image[mine & ~votes.attention]
        assert len(set(images)) == len(images)
    judged = votes.judged()
    assert ((judged.image >= 400) == judged.generated).all()


def test_of_pairs_the_judged_image_is_always_the_generated_one() -> None:
    votes = votes_of([Guesser()] * 5, replace(DESIGN, protocol="pair")).judged()
    assert (votes.image >= 400).all() and 0.4 < votes.generated.mean() < 0.6


def test_models_and_arms_take_turns_evenly() -> None:
    design = replace(DESIGN, feedback="split", trials=10)
    rng = np.random.default_rng(0)
    votes = simulate_votes([Guesser()] * 8, design, rng, models=("a", "b"))
    first = votes.trial == 0
    cells = list(zip(votes.model[first], votes.feedback[first], strict=True))
    assert sorted(cells) == [(m, f) for m in (0, 1) for f in (False, True) for _ in range(2)]
    generated = votes.image[votes.generated & ~votes.attention]
    model = votes.model[votes.generated & ~votes.attention]
    np.testing.assert_array_equal(generated // 200, 1 + model)


def test_a_session_of_more_images_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="100 trials need 73 images of a kind, got 72"):
        simulate_votes([Guesser()], DESIGN, np.random.default_rng(0), pool=72)


def test_a_crowd_has_skills_of_the_beta_distribution() -> None:
    skills = Crowd(0.6, 0.1).skills(100_000, np.random.default_rng(0))
    assert skills.mean() == pytest.approx(0.6, abs=0.005)
    assert skills.var() == pytest.approx(0.1 * 0.6 * 0.4, rel=0.03)
    assert set(Crowd(0.6, 0).skills(5, np.random.default_rng(0))) == {0.6}
    assert [p.skill for p in Crowd(0.6, 0).people(2, np.random.default_rng(0))] == [0.6, 0.6]


def test_a_learner_gets_better_with_feedback_alone() -> None:
    learner = Learner(slope=1.0)
    odds = [p / (1 - p) for p in (learner.right(Stimulus(True, t, np.inf, True)) for t in (0, 100))]
    assert odds == pytest.approx([1.0, np.e])
    assert learner.right(Stimulus(True, 100, np.inf, False)) == 0.5


def test_a_staircase_observer_is_right_in_75_percent_at_its_threshold() -> None:
    observer = StaircaseObserver(300)
    assert observer.right(Stimulus(True, 0, 300, False)) == 0.75
    assert observer.right(Stimulus(True, 0, 1e-9, False)) == pytest.approx(0.5, abs=0.01)
    assert observer.right(Stimulus(True, 0, np.inf, False)) == 1


def test_an_observer_is_biased_by_the_criterion() -> None:
    observer = Observer(d_prime=2.0, criterion=1.0)
    assert observer.right(Stimulus(True, 0, np.inf, False)) == pytest.approx(0.5)
    assert observer.right(Stimulus(False, 0, np.inf, False)) == pytest.approx(0.97725, abs=1e-5)


def test_honest_people_answer_obvious_images_rightly_and_the_others_do_not() -> None:
    people: list[Annotator] = [Guesser(), AlwaysFake(), Alternator(), FastClicker()]
    votes = votes_of([person for person in people for _ in range(60)])
    obvious = votes.select(votes.attention)
    share = [obvious.correct[obvious.annotator // 60 == kind].mean() for kind in range(4)]
    assert share[0] > 0.95 and max(share[1:]) < 0.65


def test_patterns_and_times_are_as_named() -> None:
    votes = votes_of([AlwaysFake(), Alternator(), FastClicker()])
    said = votes.said_generated.reshape(3, 100)
    assert said[0].all()
    assert (said[1][1:] != said[1][:-1]).all()
    assert set(votes.reaction_ms[200:]) == {80.0} and votes.reaction_ms[:200].min() > 150


def test_exposures_follow_the_staircase_and_begin_anew_with_each_block() -> None:
    design = replace(DESIGN, protocol="timed", trials=90)
    votes = votes_of([StaircaseObserver(400)], design)
    assert votes.exposure_ms[[0, 30, 60]].tolist() == [500.0, 500.0, 500.0]
    for t in range(29):
        before = float(votes.exposure_ms[t])
        after = before if votes.attention[t] else next_exposure(before, bool(votes.correct[t]))
        assert votes.exposure_ms[t + 1] == after


@pytest.mark.parametrize("protocol", ["single", "pair"])
def test_who_counts_beats_a_study_of_before_and_no_study_with_independent_truth(
    protocol: str,
) -> None:
    def error(feedback: str, truth: str) -> float:
        design = replace(DESIGN, trials=50, protocol=protocol, feedback=feedback, truth=truth)
        votes = votes_of([Counter()] * 40, design)
        return float((~votes.judged().correct).mean())

    assert error("on", HALF) == pytest.approx(0.41, abs=0.025)
    assert error("on", INDEPENDENT) == pytest.approx(0.5, abs=0.03)
    assert error("off", HALF) == pytest.approx(0.5, abs=0.03)


def test_untimed_images_stay() -> None:
    assert np.isinf(votes_of([Guesser()]).exposure_ms).all()
