import numpy as np
import pytest

from convergan.estimator.scaling import FARTHEST, learn_scale


def test_features_of_any_unit_have_mean_zero_and_together_mean_square_one() -> None:
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(500, 3)) * [1e-200, 1.0, 1e200] + [0, 50, 1e201]
    scaled = learn_scale(rows).apply(rows)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-9)
    assert np.square(scaled).mean() == pytest.approx(1)
    np.testing.assert_allclose(np.square(scaled).mean(axis=0), 1, rtol=0.1)  # one shape, one size


def test_a_feature_is_divided_by_its_fourth_moment() -> None:
    chance = np.random.default_rng(1)
    rows = np.c_[chance.normal(size=400), chance.random(400) < 0.02]
    scale = learn_scale(rows)
    fourth = [(np.abs(column - column.mean()) ** 4).mean() ** 0.25 for column in rows.T]
    np.testing.assert_allclose(scale.unit / fourth, (scale.unit / fourth)[0])
    assert np.square(scale.apply(rows)).mean(axis=0)[1] < 0.5 * np.square(scale.apply(rows)).mean()


def test_one_unit_for_all_keeps_their_ratio() -> None:
    rows = np.random.default_rng(2).normal(size=(200, 2)) * [1, 10]
    scale = learn_scale(rows, alike=True)
    assert scale.unit[0] == pytest.approx(scale.unit[1])
    assert np.square(scale.apply(rows)).mean() == pytest.approx(1)


@pytest.mark.parametrize("alike", [False, True])
def test_constants_are_zero_whatever_comes_and_far_rows_are_finite(alike: bool) -> None:
    rows = np.full((5, 2), 7.0)
    assert (learn_scale(rows, alike=alike).apply(rows) == 0).all()
    scale = learn_scale(np.c_[np.arange(5.0), np.full(5, 7.0)])
    far = scale.apply(np.array([[1e308, 9.0]]))
    assert far.tolist() == [[FARTHEST, 0.0]]
