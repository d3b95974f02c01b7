"""How often intervals of a human study hold the truth.

Simulates studies whose truth is known: people with beta distributed skills around 50 %, two votes
of the same person correlated by 0.05, 100 votes each on the same 100 images. Prints, for 15 and 30
annotators, the share of studies whose nominal 95 % interval holds 50 %, with its mean half-width;
then the time that all figures of larger studies take, in seconds of the process.
"""

import time
from collections.abc import Iterator

import numpy as np

from convergan.turing.results.analysis import analyse
from convergan.turing.simulation.observers import Crowd, simulate_votes
from convergan.turing.statistics.annotator_bootstrap import (
    DRAWS,
    crossed_sums,
    percentiles,
    resampled_sums,
    rng_for,
)
from convergan.turing.statistics.intervals import (
    Interval,
    Z,
    design_effect,
    intraclass_correlation,
    widened,
    wilson,
)
from convergan.turing.statistics.votes import BoolArray, Design

STUDIES = 2000
COVERAGE_DRAWS = 1000
VOTES_EACH = 100
CROWD = Crowd(skill=0.5, rho=0.05)


def intervals_of(right: BoolArray, rng: np.random.Generator) -> Iterator[tuple[str, Interval]]:
    """Each interval of the share of right votes, (annotators, images), with its name."""
    people, each = right.shape
    count, votes = int(right.sum()), right.size
    share = count / votes
    half = Z * float(np.sqrt(share * (1 - share) / votes))
    yield "pooled, normal", Interval(share - half, share + half)
    yield "pooled, Wilson", wilson(count, votes)
    rho = intraclass_correlation(right.sum(1), np.full(people, each))
    yield "design effect, rho estimated", widened(count, votes, design_effect(each, rho or 0.0))
    yield "design effect, rho known", widened(count, votes, design_effect(each, CROWD.rho))
    table = np.stack([right.sum(1), np.full(people, each)], 1)
    sums = resampled_sums(table, COVERAGE_DRAWS, rng)
    yield "annotator bootstrap", percentiles(sums[:, 0] / sums[:, 1])
    who, what = np.indices(right.shape).reshape(2, -1)
    columns = [right.ravel().astype(np.int64), np.ones(votes, np.int64)]
    crossed = crossed_sums(who, what, columns, COVERAGE_DRAWS, rng)
    yield "crossed, annotators x images", percentiles(crossed[:, 0] / crossed[:, 1])


def coverage(people: int, studies: int) -> dict[str, tuple[float, float]]:
    """Of each interval, the share of studies in which it holds the truth, and its half-width."""
    rng = rng_for(0, f"coverage of {people}")
    found: dict[str, list[tuple[bool, float]]] = {}
    for _ in range(studies):
        right = rng.random((people, VOTES_EACH)) < CROWD.skills(people, rng)[:, None]
        for name, interval in intervals_of(right, rng):
            row = interval.contains(CROWD.skill), interval.half_width
            found.setdefault(name, []).append(row)
    return {name: tuple(np.mean(rows, 0).tolist()) for name, rows in found.items()}


def seconds_of(people: int, trials: int) -> float:
    """The time of all figures of a study with 10,000 draws."""
    design = Design(
        protocol="single",
        trials=trials,
        feedback="split",
        margin=0.05,
        annotators_wanted=people,
        seed=0,
        consent_version="1",
        created="2026-11-28T00:00:00+00:00",
    )
    rng = rng_for(0, "speed")
    votes = simulate_votes(CROWD.people(people, rng), design, rng, pool=5000)
    started = time.process_time()
    analyse(votes, design)
    return time.process_time() - started


def main() -> None:
    print(
        f"{STUDIES:,} studies, {COVERAGE_DRAWS:,} draws, rho {CROWD.rho}, {VOTES_EACH} votes each"
    )
    for people in (15, 30):
        print(f"\n{people} annotators{'':20}  covers  half-width, points")
        for name, (covers, half) in coverage(people, STUDIES).items():
            print(f"{name:32}  {covers:6.1%}  {100 * half:5.2f}")
    print(f"\nall figures with {DRAWS:,} draws:")
    for people, trials in ((200, 100), (1000, 300)):
        print(f"{people:,} annotators x {trials} trials: {seconds_of(people, trials):.1f} s")


if __name__ == "__main__":
    main()
