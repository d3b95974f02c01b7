"""The exposure of the timed protocol: a weighted staircase (HYPE, section 2).

HYPE and what we do: as printed, 10 ms more after an error and 30 ms less after a right answer are
to end where 75 % are right. A weighted rule rests where ``p down = (1 - p) up``, so at
``p = up / (up + down)``: the printed steps rest at 25 %, which is less than guessing, and the
exposure sinks to its floor. We take 30 ms up and 10 ms down, which rests at 75 %.
"""

from collections.abc import Sequence

import numpy as np

from .votes import FloatArray, IntArray

START_MS = 500.0
MIN_MS = 100.0
MAX_MS = 1000.0
UP_MS = 30.0
DOWN_MS = 10.0
BLOCKS = 3
"""Of a session, equally long; each starts anew at ``START_MS``."""


def next_exposure(
    exposure_ms: float, correct: bool, *, up_ms: float = UP_MS, down_ms: float = DOWN_MS
) -> float:
    """Return the exposure of the next trial: longer after an error, shorter after a right answer.

    Example:
        >>> next_exposure(500, True), next_exposure(500, False), next_exposure(100, True)
        (490.0, 530.0, 100.0)
    """
    moved = exposure_ms - down_ms if correct else exposure_ms + up_ms
    return float(min(MAX_MS, max(MIN_MS, moved)))


def modal_exposure(exposures: Sequence[float] | FloatArray) -> float:
    """Return the exposure that was asked most often; of several, their mean.

    Args:
        exposures: of a block's trials, at least one.

    Example:
        >>> modal_exposure([500, 490, 500]), modal_exposure([480, 500])
        (500.0, 490.0)
    """
    values, counts = np.unique(np.asarray(exposures, float), return_counts=True)
    return float(values[counts == counts.max()].mean())


def block_of(trial: IntArray, trials: int) -> IntArray:
    """Return the block of each trial.

    Args:
        trial: positions in the session.
        trials: of the session; where they cannot be divided, the last block is longer.

    Example:
        >>> block_of(np.array([0, 149, 150, 449]), 450).tolist()
        [0, 0, 1, 2]
    """
    return np.minimum(trial // max(1, trials // BLOCKS), BLOCKS - 1)


def time_score(exposures: FloatArray, block: IntArray) -> float:
    """Return an annotator's score in ms: the mean over blocks of the modal exposure.

    Example:
        >>> time_score(np.array([500.0, 490, 490, 300]), np.array([0, 0, 0, 1]))
        395.0
    """
    return float(np.mean([modal_exposure(exposures[block == b]) for b in np.unique(block)]))
