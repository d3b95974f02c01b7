"""Interpolation consistency: between two rows, the prediction goes straight from one to the other.

Verma et al. (2019), "Interpolation Consistency Training": with a teacher's predictions ``q`` (here
the averaged weights, without noise), rows ``x_i`` and ``x_j`` and ``u`` uniform on [0, 1),
``|| softmax(l(u x_i + (1 - u) x_j)) - (u q_i + (1 - u) q_j) ||^2``, the mean over the batch: the
loss is `convergan.objectives.consistency_loss` on what `interpolate` returns.

Paper and released code: not in Salimans et al. (2016). We follow the paper's equation; the code of
Verma et al. differs in three ways. It mixes the teacher's logits and takes their softmax: between
two rows whose largest of ten logits is ahead by 10, a quarter of the way over, its target is 0.989
and 0.007 where ours is 0.750 and 0.250, so it is nearly the nearer row's until halfway. It divides
by K: its loss is a tenth of ours for ten classes, and its weight of 100 is 10 here. And it draws
one share a batch, from Beta(a, a) with ``a`` of 1 for CIFAR-10, which is uniform, and 0.1 for SVHN:
the mean share of a batch of 100 deviates by 0.289 there and 0.029 here. In both the other row may
be the row itself, 1 of a batch on average.

A straight line between two digits of one class mostly stays in the class, and between classes it
crosses where little data lie; so the boundary is pushed there without knowing anything about
pictures.
"""

import torch
from torch import Tensor

from ..core.chance import draw_into


def interpolate(rows: Tensor, targets: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mix every row, and its target, with a random one of the batch, which may be itself.

    Args:
        rows: (N, *row shape).
        targets: (N, K), class probabilities of the rows.
        chance: draws the pairs and the weights, on the device of the rows.

    Returns:
        Mixed rows and mixed targets, in the shapes of the arguments.
    """
    count = len(rows)
    partner = draw_into(
        torch.empty(count, dtype=torch.int64, device=rows.device),
        lambda empty: torch.randperm(count, generator=chance, out=empty),
    )
    share = draw_into(rows.new_empty(count, 1), lambda empty: empty.uniform_(generator=chance))
    row_share = share.view(count, *[1] * (rows.dim() - 1))
    mixed_rows = row_share * rows + (1 - row_share) * rows[partner]
    return mixed_rows, share * targets + (1 - share) * targets[partner]
