import numpy as np
import pytest

from convergan.turing.study.resampling import SHIFT, move, resample, secret_chance
from tests.turing.serving import noise


def center(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> tuple[float, float]:
    """Where the light of an image is, across and down, in pixels."""
    light = image / image.sum()
    across, down = (np.arange(side) for side in (image.shape[1], image.shape[0]))
    return float((light.sum(0) * across).sum()), float((light.sum(1) * down).sum())


def spots(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    pixels = np.zeros((count, 21, 21), np.uint8)
    pixels[:, 9:12, 9:12] = 200
    return pixels


@pytest.mark.parametrize(("right", "down"), [(0.5, 0.0), (-0.25, 0.5), (0.3, -0.4)])
def test_an_image_moves_by_parts_of_a_pixel(right: float, down: float) -> None:
    found = center(move(spots(1)[0], right, down))
    assert found == pytest.approx((10 + right, 10 + down), abs=0.04)


def test_an_image_is_scaled_around_its_center() -> None:
    two = np.zeros((41, 41), np.uint8)
    two[20, 5] = two[20, 35] = 255
    larger = move(two, 0, 0, 1.1).astype(float)
    halves = [larger[:, :20] / larger[:, :20].sum(), larger[:, 21:] / larger[:, 21:].sum()]
    across = [
        (half.sum(0) * np.arange(20)).sum() + start
        for half, start in zip(halves, (0, 21), strict=True)
    ]
    assert across == pytest.approx([3.5, 36.5], abs=0.1)


def test_every_image_is_moved_by_an_amount_of_its_own_within_bounds() -> None:
    moved = resample(spots(200), secret_chance(b"k" * 32))
    places = np.array([center(image) for image in moved]) - 10
    assert (np.abs(places) <= SHIFT + 0.05).all()
    assert len(np.unique(places.round(4), axis=0)) == 200
    assert np.abs(places.mean(0)).max() < 0.1 and places.std(0).min() > 0.2


def test_the_amounts_follow_from_the_key_alone() -> None:
    pixels = noise("real").pixels
    mine = resample(pixels, secret_chance(b"a" * 32))
    assert (mine == resample(pixels, secret_chance(b"a" * 32))).all()
    assert (mine != resample(pixels, secret_chance(b"b" * 32))).any(axis=(1, 2)).all()


def test_no_black_comes_in_at_the_edges() -> None:
    white = np.full((50, 8, 8, 3), 255, np.uint8)
    assert (resample(white, secret_chance(b"k" * 32)) == 255).all()
