from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, load_wine

from convergan.estimator.shaping import (
    CUT,
    KEPT,
    LIMIT,
    LOGARITHM,
    SINH,
    keep_shapes,
    learn_shapes,
)

CHANCE = np.random.default_rng(0)
NORMAL = CHANCE.normal(size=600)


@pytest.mark.parametrize(
    "rows",
    [
        np.c_[NORMAL, NORMAL > 2, NORMAL > 0, np.full(600, 7.0), np.round(3 * NORMAL)],
        np.c_[CHANCE.exponential(size=600), CHANCE.random(600), CHANCE.laplace(size=600)],
        CHANCE.normal(size=(200, 64)) / 8,  # as embeddings are
        load_iris().data,
        load_wine().data,
    ],
)
def test_what_is_fine_stays_as_it_is(rows: Any) -> None:
    rows = np.asarray(rows, dtype=np.float64)
    assert learn_shapes(rows).apply(rows) is rows


def test_few_pixels_change() -> None:
    pixels = load_digits().data
    assert (learn_shapes(pixels).kinds != KEPT).sum() < 5


def test_a_column_on_a_logarithms_scale_becomes_its_logarithm_within_limits() -> None:
    rows = np.exp(np.c_[10 + 2 * NORMAL, NORMAL * 0.1, np.linspace(0, 9, 600)])
    shapes = learn_shapes(rows)
    assert shapes.kinds.tolist() == [LOGARITHM, KEPT, LOGARITHM]
    found = shapes.apply(rows)
    low, high = np.quantile(2 * NORMAL, [0.25, 0.75])
    limit = LIMIT * (high - low) / 1.349
    middle = 10 + 2 * np.median(NORMAL)
    wanted = np.clip(10 + 2 * NORMAL, middle - limit, middle + limit)
    np.testing.assert_allclose(found[:, 0], wanted, atol=1e-9)
    assert (found[:, 1] == rows[:, 1]).all()
    np.testing.assert_allclose(found[:, 2], np.linspace(0, 9, 600), atol=1e-9)


def test_wild_cells_are_cut_off_and_move_nothing() -> None:
    clean = np.c_[NORMAL, NORMAL]
    wild = clean.copy()
    wild[[3, 5, 8], 0] = 1e30, -1e6, 1e6
    shapes = learn_shapes(wild)
    found = shapes.apply(wild)
    assert shapes.kinds.tolist() == [CUT, KEPT]
    assert (found[:, 1] == NORMAL).all()
    inside = np.abs(NORMAL) < 2.5
    inside[[3, 5, 8]] = False
    assert (found[inside, 0] == NORMAL[inside]).all()
    np.testing.assert_allclose(found[[3, 5, 8], 0], [3, -3, 3], atol=0.3)


def test_heavy_tails_on_both_sides_are_bent() -> None:
    rows = np.sinh(2 * NORMAL)[:, None]
    shapes = learn_shapes(rows)
    assert shapes.kinds.tolist() == [SINH]
    unit, center = shapes.unit[0], shapes.shift[0]
    found = shapes.apply(rows)[:, 0]
    inside = (found > shapes.low[0]) & (found < shapes.high[0])
    assert inside.mean() > 0.95
    wanted = np.arcsinh((np.sinh(2 * NORMAL) - center) / unit)
    np.testing.assert_array_equal(found[inside], wanted[inside])


def test_counts_with_zeros_become_logarithms_from_a_small_number_on() -> None:
    counts = np.where(NORMAL > 0, np.exp(3 * np.abs(CHANCE.normal(size=600))), 0)[:, None]
    shapes = learn_shapes(counts)
    assert shapes.kinds.tolist() == [LOGARITHM]
    assert shapes.shift[0] == -np.quantile(counts[counts > 0], 0.1)
    found = shapes.apply(np.array([[-5.0], [0.0], [1.0], [1e300]]))[:, 0]
    assert (np.diff(found) >= 0).all() and np.isfinite(found).all()


@pytest.mark.parametrize("rows", [np.exp(4 * NORMAL), np.r_[NORMAL, 1e9], NORMAL**3])
def test_every_shape_is_monotone(rows: Any) -> None:
    column = np.sort(rows)[:, None]
    found = learn_shapes(column).apply(column)[:, 0]
    assert (np.diff(found) >= 0).all() and len(np.unique(found)) > 0.8 * len(column)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_the_unit_is_of_no_account(unit: float) -> None:
    rows = np.c_[np.exp(3 * NORMAL), np.where(NORMAL > 3, 1e6, NORMAL), NORMAL] * unit
    shapes = learn_shapes(rows)
    assert shapes.kinds.tolist() == [LOGARITHM, CUT, KEPT]
    assert np.isfinite(shapes.apply(rows)).all()


def test_kept_shapes_keep_everything() -> None:
    rows = np.array([[1e300, -3.0]])
    assert keep_shapes(2).apply(rows) is rows
