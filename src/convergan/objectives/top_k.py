"""Top-k training: the generator learns from those of its samples that look most real.

Sinha et al. (2020), "Top-k Training of GANs": with a loss ``l_i`` and a realness ``r_i`` for every
generated row, ``S`` the ``k`` rows of largest ``r``,

``L_G = (1/k) sum_{i in S} l_i``,  ``k = max(floor(gamma^e n), floor(nu n))``

where ``e`` is how long training has gone on, ``n`` the size of the batch. The discriminator's loss
stays as it is.

Paper and public code: the paper sets the gradients of the worst rows to zero; we know of no code
by its authors. Here ``k`` is rounded down, a public port for StyleGAN2 rounds up: with ``gamma``
0.99 per epoch and ``nu`` 0.5 that is one row more in 68 of the first 69 epochs for 64 rows, and the
same ``k`` at epoch 0 and from 69 on (one more in 271 of 800 counts, over 200 epochs with 32, 64,
100 and 128 rows). The sum is divided by ``k``; times ``k/n`` it is the sum divided by ``n``. Public
code takes the largest, or the smallest, outputs of the discriminator whatever the loss. Here
realness is an argument, and a function for each kind of loss gives it; where a discriminator scores
generated rows as positive, change the sign first. ``gamma`` and ``nu`` have no default: public code
has 0.99 per epoch and 0.5; per step, 0.99 would reach 0.5 in 69 steps.
"""

import math

import torch
from torch import Tensor


def top_k_count(elapsed: float, n: int, *, gamma: float, nu: float) -> int:
    """Return ``max(floor(gamma^elapsed n), floor(nu n))``, at least 1.

    Args:
        elapsed: length of training so far, in the unit that ``gamma`` is meant for: epochs, steps,
            or progress from 0 to 1; not negative.
        n: number of rows in the whole batch, over all processes.
        gamma: share of the rows that one unit leaves, in (0, 1].
        nu: share of the rows that is always left, in (0, 1].

    Returns:
        A number of rows in ``1 .. n``.

    Raises:
        ValueError: if an argument is outside its range.

    Example:
        >>> [top_k_count(epoch, 64, gamma=0.99, nu=0.5) for epoch in (0, 10, 1000)]
        [64, 57, 32]
    """
    if not 0 < gamma <= 1 or not 0 < nu <= 1:
        raise ValueError(f"gamma and nu must be in (0, 1], got {gamma} and {nu}")
    if not elapsed >= 0 or n < 1:
        raise ValueError(f"elapsed must be >= 0 and n >= 1, got {elapsed} and {n}")
    # 1e-12 more, as 0.29 * 100 is 28.999999999999996 in binary.
    return max(1, math.floor(max(math.pow(gamma, elapsed), nu) * n * (1 + 1e-12)))


def top_k_mask(realness: Tensor, k: int) -> Tensor:
    """Return which rows are among the ``k`` most real.

    In several processes, give each of them the realness of all rows; the sum of its own losses
    under its own part of the mask, divided by ``k``, is its share of `top_k_loss`.

    Args:
        realness: (N,), the larger the more real; of equal rows the earlier ones are taken.
        k: how many, in ``1 .. N``.

    Returns:
        (N,), bool, ``k`` of them true.

    Raises:
        ValueError: if ``realness`` is no vector or ``k`` is outside ``1 .. N``.

    Example:
        >>> top_k_mask(torch.tensor([0.0, 3.0, 1.0, 3.0]), 2).tolist()
        [False, True, False, True]
    """
    if realness.dim() != 1 or not 1 <= k <= len(realness):
        raise ValueError(
            f"k must be in 1 .. N for realness of shape (N,), got {k} and {tuple(realness.shape)}"
        )
    order = realness.detach().argsort(descending=True, stable=True)
    return torch.zeros_like(order, dtype=torch.bool).scatter(0, order[:k], True)


def top_k_loss(losses: Tensor, realness: Tensor, k: int) -> Tensor:
    """Return the mean of the losses of the ``k`` most real rows.

    Args:
        losses: (N,), all that the generator minimises for each row; those taken receive ``1/k``,
            the others exactly 0.
        realness: (N,), see `logit_realness` and `least_squares_realness`; detached.
        k: how many rows, see `top_k_count`.

    Returns:
        A scalar; the plain mean where ``k`` is N.

    Raises:
        ValueError: if the shapes differ, are not (N,), or ``k`` is outside ``1 .. N``.

    Example:
        >>> logits = torch.tensor([-2.0, 4.0, 0.0])
        >>> top_k_loss(-logits, logit_realness(logits), 2).item()
        -2.0
    """
    if losses.shape != realness.shape:
        raise ValueError(
            f"losses and realness must have one shape (N,), got {tuple(losses.shape)} "
            f"and {tuple(realness.shape)}"
        )
    return losses.where(top_k_mask(realness, k), 0).sum() / k


def logit_realness(fake_logits: Tensor) -> Tensor:
    """Return the logits: realness under cross-entropy, hinge and Wasserstein losses.

    Args:
        fake_logits: (N,) or (N, 1), larger for "this is data"; detached. Of K classes against
            "generated", take `convergan.objectives.realness`.

    Returns:
        (N,).

    Raises:
        ValueError: if there is not one logit a row.
    """
    if fake_logits.dim() == 0 or fake_logits.numel() != len(fake_logits):
        raise ValueError(f"expected one logit a row, got shape {tuple(fake_logits.shape)}")
    return fake_logits.detach().flatten()


def least_squares_realness(fake_outputs: Tensor) -> Tensor:
    """Return ``-(D - 1)^2``: realness where the generator draws ``D`` to 1 by least squares.

    An output of 3 is then as far from real as one of -1.

    Args:
        fake_outputs: (N,) or (N, 1), of the discriminator; detached.

    Returns:
        (N,), never positive.

    Raises:
        ValueError: if there is not one output a row.
    """
    return -(logit_realness(fake_outputs) - 1).square()
