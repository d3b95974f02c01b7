from bench.turing_lookup import found, moved_alike
from convergan.turing.study.resampling import resample, secret_chance
from tests.turing.serving import noise


def test_images_are_found_as_they_are_and_strangers_are_not() -> None:
    public = moved_alike(noise("public").pixels, moves=(0.0,))
    assert found(public, noise("public").pixels[:10]) == (10, 10, 10)
    assert max(found(public, noise("strangers").pixels[:10])) < 10


def test_images_that_are_moved_by_secret_amounts_are_found_nevertheless() -> None:
    pixels = noise("public", count=60, side=12).pixels
    shown = resample(pixels[:20], secret_chance(bytes(32)))
    assert not (shown == pixels[:20]).all(axis=(1, 2)).any()
    plain, constant, each = found(moved_alike(pixels, moves=(-0.5, 0.0, 0.5)), shown)
    assert plain <= constant and each >= 15
