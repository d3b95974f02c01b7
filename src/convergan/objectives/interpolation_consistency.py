"""Interpolation consistency: between two rows, the prediction goes straight from one to the other.

Verma et al. (2019), "Interpolation Consistency Training": with a teacher's predictions ``q`` (here
the averaged weights, without noise), rows ``x_i`` and ``x_j`` and ``u`` uniform on [0, 1),
``|| softmax(l(u x_i + (1 - u) x_j)) - (u q_i + (1 - u) q_j) ||^2``, the mean over the batch.

Paper and released code: not in Salimans et al. (2016). A straight line between two digits of one
class mostly stays in the class, and between classes it crosses where little data lie; so the
boundary is pushed there without knowing anything about pictures.
"""

import torch
from torch import Tensor


def interpolate(rows: Tensor, targets: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mix every row, and its target, with a random other one of the batch.

    Args:
        rows: (N, *row shape).
        targets: (N, K), class probabilities of the rows.
        chance: draws the pairs and the weights, on the device of the rows.

    Returns:
        Mixed rows and mixed targets, in the shapes of the arguments.
    """
    count = len(rows)
    partner = torch.randperm(count, generator=chance, device=rows.device)
    share = torch.rand(count, 1, generator=chance, device=rows.device, dtype=rows.dtype)
    row_share = share.view(count, *[1] * (rows.dim() - 1))
    mixed_rows = row_share * rows + (1 - row_share) * rows[partner]
    return mixed_rows, share * targets + (1 - share) * targets[partner]


def interpolation_consistency_loss(mixed_logits: Tensor, mixed_targets: Tensor) -> Tensor:
    """Return ``mean_i || softmax(l_i) - t_i ||^2``.

    Args:
        mixed_logits: (N, K), of mixed rows; receives the gradient.
        mixed_targets: (N, K), probabilities.

    Returns:
        A scalar in [0, 2].

    Example:
        >>> interpolation_consistency_loss(torch.zeros(3, 2), torch.full((3, 2), 0.5)).item()
        0.0
    """
    return (mixed_logits.softmax(dim=1) - mixed_targets.detach()).square().sum(dim=1).mean()
