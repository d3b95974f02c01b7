import pickle

import numpy as np
import pytest
import torch

from convergan.data import oriented_gradients
from convergan.estimator.preprocessing import as_image_shape, fit_preprocessor, flatten_images
from convergan.estimator.scaling import learn_scale

CHANCE = np.random.default_rng(0)
ROWS = CHANCE.normal(3, [1.0, 50.0, 0.0], (40, 3))
IMAGES = CHANCE.uniform(-2, 6, (30, 2, 8, 8))


def test_rows_of_numbers_are_scaled_alone() -> None:
    preprocessor, features = fit_preprocessor(ROWS)
    assert (features == learn_scale(ROWS).apply(ROWS)).all()
    assert (preprocessor.apply(ROWS[:5]) == features[:5]).all()


@pytest.mark.parametrize(("side", "cell"), [(8, 2), (15, 2), (16, 4)])
def test_images_are_described_by_their_gradients_within_the_range_of_pixels(
    side: int, cell: int
) -> None:
    images = np.random.default_rng(1).uniform(-2, 6, (20, 1, side, side))
    rows = images.reshape(20, -1)
    preprocessor, features = fit_preprocessor(rows, (1, side, side))
    shares = torch.from_numpy((images - images.min()) / (images.max() - images.min()))
    described = oriented_gradients(shares.clamp(0, 1), cell=cell).numpy()
    assert preprocessor.cell == cell
    np.testing.assert_array_equal(features, learn_scale(described, alike=True).apply(described))
    np.testing.assert_array_equal(preprocessor.apply(rows[:3]), features[:3])


def test_black_is_zero_unless_pixels_are_negative_and_constant_images_have_a_span() -> None:
    bright, _ = fit_preprocessor(np.full((4, 16), 5.0), (1, 4, 4))
    assert (bright.lowest, bright.span) == (0, 5)
    signed, _ = fit_preprocessor(np.full((4, 16), -5.0), (1, 4, 4))
    assert (signed.lowest, signed.span) == (-5, 1)


def test_a_preprocessor_cannot_be_changed_and_a_pickle_of_it_does_the_same() -> None:
    rows = IMAGES.reshape(30, -1)
    preprocessor, features = fit_preprocessor(rows, (2, 8, 8))
    with pytest.raises(AttributeError):
        preprocessor.cell = 4  # type: ignore[misc]
    assert (pickle.loads(pickle.dumps(preprocessor)).apply(rows) == features).all()


def test_a_shape_is_a_tuple_and_only_images_are_flattened() -> None:
    assert as_image_shape(None) is None
    assert as_image_shape([1, 2, 3]) == (1, 2, 3)
    assert flatten_images(IMAGES, (2, 8, 8)).shape == (30, 128)
    assert flatten_images(ROWS, None) is ROWS
