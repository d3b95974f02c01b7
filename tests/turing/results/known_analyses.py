"""Analyses of studies whose truth is known."""

from dataclasses import replace

from convergan.turing.results.analysis import analyse
from convergan.turing.simulation.observers import (
    AlwaysFake,
    Guesser,
    Learner,
    Observer,
    StaircaseObserver,
)
from tests.turing.known_studies import DESIGN, votes_of

SPLIT = replace(DESIGN, feedback="split")
STUDY = analyse(votes_of([*[Learner(2.0)] * 16, AlwaysFake()], SPLIT), SPLIT, draws=200)
TIMED = replace(DESIGN, protocol="timed")
STAIRS = analyse(votes_of([StaircaseObserver(400)] * 4, TIMED), TIMED, draws=200)
NARROW = replace(DESIGN, margin=0.02)
GUESSED = analyse(votes_of([Guesser()] * 16, NARROW, seed=3), NARROW, draws=200)
PAIRED = replace(DESIGN, protocol="pair")
PAIRS = analyse(votes_of([Observer(1.0, pairs=True)] * 4, PAIRED), PAIRED, draws=200)
NOTHING = analyse(votes_of([AlwaysFake()]), DESIGN, draws=200)
