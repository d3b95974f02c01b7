"""Studies whose truth is known."""

from collections.abc import Sequence

import numpy as np

from convergan.turing.simulation.observers import Annotator, simulate_votes
from convergan.turing.statistics.votes import Design, Votes

DESIGN = Design(
    protocol="single",
    trials=100,
    feedback="off",
    margin=0.05,
    annotators_wanted=30,
    seed=7,
    consent_version="1",
    created="2026-11-28T00:00:00+00:00",
)


def votes_of(observers: Sequence[Annotator], design: Design = DESIGN, seed: int = 0) -> Votes:
    return simulate_votes(observers, design, np.random.default_rng(seed), pool=400)
