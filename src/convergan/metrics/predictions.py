"""What a classifier says of samples: logits or probabilities, and ``p log p`` of either."""

import torch
from torch import Tensor

from .matrices import require_finite_matrix

TOLERANCE = 1e-4
"""How far from 1 a row of probabilities may sum, as those of float32 and float16 do."""
CHUNK = 2**18
"""Numbers that are worked on at a time."""
UNDERFLOW = -800.0
"""The exponential of this is 0 in float64, and this times 0 is 0."""
TINY = 1e-300
"""A probability below this adds less than 1e-297 to a sum, and its logarithm is finite."""


def require_predictions(
    probabilities: Tensor | None, logits: Tensor | None, *, classes: int | None = None
) -> Tensor:
    """Return whichever is given, probabilities or logits, and refuse what is not that.

    Raises:
        ValueError: if both or neither are given, or they are no such matrix.
    """
    if probabilities is not None and logits is None:
        require_finite_matrix(probabilities, "probabilities", width=classes)
        _require_probabilities(probabilities)
        return probabilities
    if logits is not None and probabilities is None:
        require_finite_matrix(logits, "logits", width=classes)
        return logits
    given = "neither" if logits is None else "both of them"
    raise ValueError(f"give either probabilities or logits, got {given}")


def _require_probabilities(rows: Tensor) -> None:
    if float(rows.min()) < 0:
        raise ValueError(f"probabilities must not be negative, got {float(rows.min()):.4g}")
    sums = rows.sum(dim=1, dtype=torch.float64)
    wrong = ((sums - 1).abs() > TOLERANCE).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"rows of probabilities must sum to 1 within {TOLERANCE:g}, row {row} sums to "
            f"{float(sums[row]):.6g}"
        )


def chunk_rows(classes: int) -> int:
    """Return how many rows of a matrix are worked on at a time."""
    return max(1, CHUNK // classes)


def likelihood_terms(rows: Tensor, *, given_logits: bool) -> tuple[Tensor, Tensor]:
    """Return ``p`` and ``p log p`` of rows of logits or of probabilities, (B, K) float64.

    No number depends on another row, nor on where in the batch its row is.
    """
    rows = rows.double().contiguous()
    if not given_logits:
        return rows, rows * rows.clamp(min=TINY).log()
    logits = (rows - rows.amax(dim=1, keepdim=True)).clamp_(min=UNDERFLOW)  # the largest is 0
    p = logits.softmax(dim=1)
    log_p = logits.add_(p.amax(dim=1, keepdim=True).log_())
    return p, log_p.mul_(p)
