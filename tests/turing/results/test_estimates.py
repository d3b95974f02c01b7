import numpy as np
import pytest

from convergan.turing.results.estimates import (
    Estimates,
    confusion_counts,
    crossed_interval,
    estimate,
)
from convergan.turing.simulation.observers import AlwaysFake, Crowd, Guesser, Observer, Stimulus
from convergan.turing.statistics.votes import Design, Votes
from tests.turing.known_studies import DESIGN, votes_of


def result_of(votes: Votes, draws: int = 400, design: Design = DESIGN) -> Estimates:
    found = estimate(votes, design, draws=draws, purpose="test")
    assert found is not None
    return found


def test_cells_count_what_was_said_of_what() -> None:
    votes = votes_of([Guesser()] * 3)
    for number, row in enumerate(confusion_counts(votes).tolist()):
        mine = (votes.annotator == number) & ~votes.attention
        said, truth = votes.said_generated[mine], votes.generated[mine]
        pairs = list(zip(said.tolist(), truth.tolist(), strict=True))
        hits, alarms = pairs.count((True, True)), pairs.count((True, False))
        assert row == [hits, int(truth.sum()), alarms, int((~truth).sum())]


def test_errors_are_counted_for_all_for_generated_and_for_real() -> None:
    votes = votes_of([Observer(1.0, 0.4)] * 10).judged()
    found = result_of(votes)
    fake = votes.generated
    assert found.on_generated is not None and found.on_real is not None
    assert found.error.error == pytest.approx((~votes.correct).mean(), rel=1e-12)
    assert found.on_generated.error == pytest.approx((~votes.correct)[fake].mean(), rel=1e-12)
    assert found.on_real.error == pytest.approx((~votes.correct)[~fake].mean(), rel=1e-12)
    assert found.on_generated.error > found.error.error > found.on_real.error
    assert found.annotators == 10 and found.error.votes == 900


def test_equal_halves_with_equal_errors_have_equal_error_rates() -> None:
    votes = votes_of([AlwaysFake(), AlwaysFake()])
    chosen = votes.judged()
    fakes, reals = np.flatnonzero(chosen.generated), np.flatnonzero(~chosen.generated)
    rows = np.zeros(len(chosen), bool)
    rows[fakes[:40]] = rows[reals[:40]] = True
    half = chosen.select(rows)
    said = ~half.generated  # all wrong
    wrong = Votes(**{**vars(half), "said_generated": said})
    found = result_of(wrong)
    assert found.on_generated is not None and found.on_real is not None
    assert found.error.error == found.on_generated.error == found.on_real.error == 1


def test_always_fake_errs_on_reals_alone_and_has_no_sensitivity() -> None:
    found = result_of(votes_of([AlwaysFake()] * 20).judged())
    assert found.on_generated is not None and found.on_real is not None
    assert found.on_generated.error == 0 and found.on_real.error == 1
    assert found.d_prime == pytest.approx(0, abs=0.03) and found.criterion < -2


def test_the_interval_over_annotators_and_the_widened_one_agree() -> None:
    rng = np.random.default_rng(1)
    found = result_of(votes_of(Crowd(0.55, 0.08).people(80, rng)).judged(), 2000)
    assert found.error.interval is not None and found.rho is not None
    assert found.rho == pytest.approx(0.08, abs=0.03)
    assert found.error.interval.half_width == pytest.approx(found.widened.half_width, rel=0.1)
    assert found.error.pooled.half_width < 0.5 * found.widened.half_width


def test_equivalence_rests_on_the_90_percent_interval_of_the_same_resampled_studies() -> None:
    found = result_of(votes_of(Crowd(0.5, 0.1).people(60, np.random.default_rng(0))).judged(), 4000)
    near, far = found.equivalence.interval, found.error.interval
    assert near is not None and far is not None
    assert near.half_width / far.half_width == pytest.approx(1.645 / 1.96, abs=0.03)


@pytest.mark.slow
def test_a_guesser_is_rejected_in_at_most_one_study_in_twenty() -> None:
    rng = np.random.default_rng(0)
    p = [result_of(_guessed(rng), 2).pooled_p for _ in range(300)]
    assert np.mean(np.array(p) < 0.05) <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5


def _guessed(rng: np.random.Generator) -> Votes:
    votes = votes_of([Guesser()] * 2)
    return Votes(**{**vars(votes), "said_generated": rng.random(200) < 0.5}).judged()


@pytest.mark.nightly
@pytest.mark.parametrize(("d_prime", "criterion"), [(0.0, 0.0), (1.0, 0.3)])
def test_the_interval_covers_an_observers_error_and_sensitivity(
    d_prime: float, criterion: float
) -> None:
    observer = Observer(d_prime, criterion)
    rights = [observer.right(Stimulus(kind, 0, np.inf, False)) for kind in (True, False)]
    truth = 1 - sum(rights) / 2
    held = []
    for seed in range(80):
        found = result_of(votes_of([observer] * 30, DESIGN, seed).judged(), 300)
        assert found.error.interval is not None and found.d_prime_interval is not None
        held.append(
            (found.error.interval.contains(truth), found.d_prime_interval.contains(d_prime))
        )
    assert (np.mean(held, 0) > 0.945 - 3 * (0.05 / 80) ** 0.5).all()


def test_one_annotator_has_no_interval_over_annotators() -> None:
    votes = votes_of([Guesser()]).judged()
    found = result_of(votes)
    assert found.error.interval is None and found.d_prime_interval is None
    assert found.equivalence.interval is None and not found.equivalence.shown
    assert found.rho is None and found.effect == 1
    assert crossed_interval(votes, DESIGN, draws=10) is None


def test_votes_on_one_kind_alone_have_no_rate_on_the_other() -> None:
    votes = votes_of([Guesser()] * 3).judged()
    found = result_of(votes.select(votes.generated))
    assert found.on_real is None and found.on_generated is not None


def test_no_votes_have_no_figures() -> None:
    votes = votes_of([Guesser()])
    none = votes.select(np.zeros(100, bool))
    assert estimate(none, DESIGN, draws=10, purpose="test") is None


def test_the_crossed_interval_is_wider() -> None:
    votes = votes_of([Observer(0.5)] * 30).judged()
    crossed, found = crossed_interval(votes, DESIGN, draws=1000), result_of(votes, 1000)
    assert crossed is not None and found.error.interval is not None
    assert crossed.half_width > found.error.interval.half_width
