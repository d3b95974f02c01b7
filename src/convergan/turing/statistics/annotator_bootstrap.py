"""The headline interval: a bootstrap over annotators, each with all of their votes.

The study is a sample of people, not of votes. So a resampled study has as many annotators as the
study, drawn with replacement. The crossed bootstrap draws the images likewise: a
vote then counts as often as its annotator times its image were drawn.

All sums are of whole numbers below 2^53, so that they are exact and in the same bits whatever the
order, the number of threads or the library that adds them up.
"""

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_array

from .intervals import Interval
from .votes import FloatArray, IntArray

DRAWS = 10_000
CHUNK = 250
"""Draws that are held in memory at a time. Another number gives other draws."""


def rng_for(seed: int, purpose: str) -> np.random.Generator:
    """Return a fresh generator for one purpose; different purposes draw independently."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def weights(members: int, draws: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield how often each member was drawn in some studies, (up to ``CHUNK``, members).

    Each of the ``draws`` studies draws as many as there are members.
    """
    for start in range(0, draws, CHUNK):
        count = min(CHUNK, draws - start)
        drawn = rng.integers(members, size=(count, members))
        drawn += np.arange(count)[:, None] * members
        times = np.bincount(drawn.ravel(), minlength=count * members)
        yield times.reshape(count, members).astype(np.float64)


def resampled_sums(counts: IntArray, draws: int, rng: np.random.Generator) -> FloatArray:
    """Return the sums over the annotators of each resampled study, (draws, columns).

    Args:
        counts: whole numbers of each annotator, (annotators, columns).
        draws: resampled studies.
        rng: source of randomness.

    Raises:
        ValueError: if there are fewer than 2 annotators, which cannot vary.

    Example:
        >>> sums = resampled_sums(np.array([[1, 2], [1, 2]]), 100, np.random.default_rng(0))
        >>> sums.shape, np.unique(sums).tolist()
        ((100, 2), [2.0, 4.0])
    """
    if len(counts) < 2:
        raise ValueError(f"a bootstrap over annotators needs 2 or more, got {len(counts)}")
    columns = counts.astype(np.float64)
    return np.concatenate([times @ columns for times in weights(len(counts), draws, rng)])


def crossed_sums(
    annotator: IntArray,
    image: IntArray,
    columns: Sequence[IntArray],
    draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the sums over the votes of each study with annotators and images resampled.

    Args:
        annotator: of each vote.
        image: of each vote.
        columns: whole numbers of each vote.
        draws: resampled studies.
        rng: source of randomness.

    Returns:
        (draws, columns).

    Raises:
        ValueError: if there are fewer than 2 annotators or images, which cannot vary.
    """
    people, person = np.unique(annotator, return_inverse=True)
    pictures, picture = np.unique(image, return_inverse=True)
    shape = (len(people), len(pictures))
    if min(shape) < 2:
        raise ValueError(
            f"a crossed bootstrap needs 2 or more annotators and images, got {shape[0]} and "
            f"{shape[1]}"
        )
    tables = [csr_array((column.astype(float), (person, picture)), shape) for column in columns]
    sums = []
    for who, what in zip(weights(shape[0], draws, rng), weights(shape[1], draws, rng), strict=True):
        times = np.ascontiguousarray(what.T)  # (images, chunk)
        sums.append(np.stack([(who.T * (table @ times)).sum(0) for table in tables], 1))
    return np.concatenate(sums)


def percentiles(values: FloatArray, level: float = 0.95) -> Interval:
    """Return the interval that holds the middle of the resampled figures.

    Args:
        values: the figure of each resampled study; what is not a number, as the share of no votes,
            is left out.
        level: the share that is held.
    """
    ends = np.quantile(values[~np.isnan(values)], [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(ends[0]), float(ends[1]))
