"""Digits to score, by their pixels and ten sums of them."""

import torch

from convergan.data import ImageRows, load, to_unit_range
from convergan.metrics import Extractor
from convergan.scoring.score import Scores, score_images
from convergan.scoring.sources import Sets
from convergan.scoring.values import ScoreSettings

DIGITS = to_unit_range(load("digits").train.images[:])

MIXING = torch.randn(64, 10, generator=torch.Generator().manual_seed(0))

PIXELS = Extractor(
    name="pixels", network=lambda images: (images.flatten(1), images.flatten(1) @ MIXING)
)


def finished(sets: Sets, extractor: Extractor, plan: ScoreSettings) -> Scores:
    events = score_images(sets, extractor, plan)
    while True:
        try:
            next(events)
        except StopIteration as end:
            found: Scores = end.value
            return found


def sets_of(*sizes: int) -> Sets:
    parts = torch.split(DIGITS[: sum(sizes)], list(sizes))
    samples, reference, held_out = (ImageRows(part, "digits") for part in parts)
    return Sets(samples, reference, held_out, "held out")
