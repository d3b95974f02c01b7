"""Factors of the learning rate."""

import pytest

from convergan.recipes.schedules import constant, linear_after


@pytest.mark.parametrize("progress", [0.0, 0.5, 0.999])
def test_constant_is_one(progress: float) -> None:
    assert constant(progress) == 1.0


@pytest.mark.parametrize(
    ("progress", "factor"),
    [(0.0, 1.0), (0.25, 1.0), (0.625, 0.5), (0.9999, pytest.approx(0, abs=1e-3))],
)
def test_a_line_goes_from_one_where_it_begins_to_zero_at_the_end(
    progress: float, factor: float
) -> None:
    assert linear_after(progress, flat=0.25) == factor
