import numpy as np

from bench.turing_threshold import in_ms, staircases, studies
from convergan.turing.statistics.annotator_bootstrap import rng_for
from convergan.turing.statistics.psychometric import right_probability


def test_a_curve_in_ms_is_right_in_three_of_four_at_its_threshold_and_fits_its_own_people() -> None:
    assert in_ms(np.array(300.0), np.array(300.0), 0.2, 0.02) == 0.75
    (found,) = studies(400.0, 50, in_ms, in_ms, count=1, draws=50)
    assert abs(found.fitted - 400) < 60 and found.mode > 400


def test_staircases_begin_at_500_ms_in_each_block_and_stay_within_their_range() -> None:
    exposures, correct = staircases(np.full(9, 60.0), 60, right_probability, rng_for(0, "test"))
    assert (exposures[:, ::60] == 500).all() and exposures.min() == 100
    assert correct.mean() > 0.9
