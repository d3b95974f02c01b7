"""Whether the real images of a study are found in the public data set that they come from.

The client has the data set and the images as the study shows them. It takes, for each of 50, the
nearest of the first 5,000 images of the training set, by the mean square of the differences: as
they are, with the whole data set moved by the one amount that finds most, and with the amount that
fits each image best. ``constant`` is what ``--resample`` did up to 0.14, a quarter of a pixel for
every image.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convergan.data import load
from convergan.turing.study.image_import import Pixels, source_from_array
from convergan.turing.study.resampling import move, resample, secret_chance

SHOWN = 50
PUBLIC = 5000
MOVES = (-0.25, 0.0, 0.25)
"""Pixels by which the client moves the data set, in both directions."""

Columns = NDArray[np.float32]


Moved = dict[tuple[float, float], Columns]
"""A data set moved right and down by parts of a pixel."""


def moved_alike(public: Pixels, moves: Sequence[float] = MOVES) -> Moved:
    """Return the data set as it is and moved by all pairs of amounts."""
    return {
        (right, down): _columns(np.stack([move(image, right, down) for image in public]))
        for right in moves
        for down in moves
    }


def found(public: Moved, shown: Pixels) -> tuple[int, int, int]:
    """Return how many of the shown images, the first ones of the public set, are found.

    Returns:
        Of ``shown``: without a change, by the best constant move, by the best move of each.
    """
    images, counts = _columns(shown), {}
    best, right = np.full(len(shown), np.inf), np.zeros(len(shown), bool)
    for amounts, rows in public.items():
        distance, nearest = _nearest(rows, images)
        here = nearest == np.arange(len(shown))
        counts[amounts] = int(here.sum())
        nearer = distance < best
        right, best = np.where(nearer, here, right), np.where(nearer, distance, best)
    return counts[0, 0], max(counts.values()), int(right.sum())


def main() -> None:
    """Parse, look up, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.turing_lookup", description=__doc__)
    parser.add_argument("data", nargs="+", help="data sets, as for train")
    print("data | images | no change | best constant move | best move of each")
    for name in parser.parse_args().data:
        public = source_from_array(name, load(name).train.images[:PUBLIC].numpy()).pixels
        first, moved = public[:SHOWN], moved_alike(public)
        kinds = {
            "plain": first,
            "constant": np.stack([move(image, 0.25, 0.25) for image in first]),
            "--resample": resample(first, secret_chance(bytes(32))),
        }
        for kind, shown in kinds.items():
            print(name, kind, *(f"{count} of {SHOWN}" for count in found(moved, shown)), sep=" | ")


def _columns(pixels: Pixels) -> Columns:
    return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)


def _nearest(public: Columns, images: Columns) -> tuple[NDArray[np.floating], NDArray[np.intp]]:
    """Return the least squared distance of each image and whose it is."""
    squares = (public**2).sum(1) - 2 * images @ public.T
    nearest = squares.argmin(1)
    return squares[np.arange(len(images)), nearest] + (images**2).sum(1), nearest


if __name__ == "__main__":
    main()
