"""Figures over several runs, and how tables show them."""

import pytest
from pytest import approx

from convergan.sweeps.paper_tables import MeanAndDeviation
from convergan.sweeps.statistics import mean_and_deviation


def test_the_deviation_is_that_of_a_sample() -> None:
    assert mean_and_deviation([1.0, 2.0, 4.0]) == approx(MeanAndDeviation(7 / 3, (7 / 3) ** 0.5))


def test_one_run_has_no_deviation() -> None:
    assert mean_and_deviation([4.0]) == MeanAndDeviation(4.0, None)
    with pytest.raises(ValueError):
        mean_and_deviation([])
