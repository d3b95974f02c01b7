"""Images written anew between their pixels, so that none equals a public one to the pixel.

Every image, real or generated, is moved and scaled by amounts of its own, which come from the
study's secret key. That defeats who compares files or pixels. It does not hide an image from a
search for the most similar one: a digit that is moved by half a pixel is still nearest to itself,
see docs/experiments/turing.md.
"""

import hashlib

import numpy as np
from PIL import Image

from .image_import import Pixels

SHIFT = 0.5
"""Pixels by which an image is moved at most, right or left and down or up."""
SCALE = 0.02
"""Share by which an image is enlarged or made smaller at most, around its center."""
BORDER = 4
"""Pixels that repeat the edge all around while an image is moved, so that no black comes in."""


def secret_chance(key: bytes) -> np.random.Generator:
    """Return the chance of a study's images, which nobody knows without its key."""
    seed = hashlib.sha256(b"resampling\0" + key).digest()
    return np.random.default_rng(np.frombuffer(seed, np.uint32).tolist())


def resample(pixels: Pixels, chance: np.random.Generator) -> Pixels:
    """Move and scale every image by amounts of its own, from one distribution for all.

    Args:
        pixels: (N, H, W) or (N, H, W, 3).
        chance: that the amounts are drawn from, three for each image.
    """
    amounts = chance.uniform(-1, 1, (len(pixels), 3)) * (SHIFT, SHIFT, SCALE)
    moved = [
        move(image, right, down, 1 + larger)
        for image, (right, down, larger) in zip(pixels, amounts.tolist(), strict=True)
    ]
    return np.stack(moved)


def move(image: Pixels, right: float, down: float, scale: float = 1.0) -> Pixels:
    """Move one image (H, W) or (H, W, 3) by parts of a pixel and enlarge it around its center."""
    sides = ((BORDER, BORDER), (BORDER, BORDER), (0, 0))[: image.ndim]
    wide = np.pad(image, sides, mode="edge")
    height, width = wide.shape[:2]
    step = 1 / scale
    place = (
        *(step, 0, (1 - step) * width / 2 - right * step),
        *(0, step, (1 - step) * height / 2 - down * step),
    )
    bicubic = Image.Resampling.BICUBIC
    affine = Image.Transform.AFFINE
    moved = Image.fromarray(wide).transform((width, height), affine, place, bicubic)
    return np.asarray(moved)[BORDER:-BORDER, BORDER:-BORDER]
