"""R1 and R2: the discriminator is flat where data and where samples lie.

Mescheder et al. (2018), "Which Training Methods for GANs do actually Converge?", section 4.1:

``R1 = E_x || grad_x D(x) ||^2`` at data, ``R2 = E_z || grad_x D(G(z)) ||^2`` at samples,

the square summed over all of a row. Huang et al. (2024), "The GAN is dead; long live the GAN!"
(R3GAN), add ``(gamma/2) (R1 + R2)`` to the discriminator's loss at every step.

Paper and public code: the same. ``gamma`` belongs to the sum over a row; a mean over pixels would
divide it by their number. Penalties are taken at the rows before any augmentation: set
``requires_grad`` on them first, then augment and judge them. Where the discriminator mixes the rows
of a batch, the gradient is that of the sum of all logits.
"""

import torch
from torch import Tensor


def gradient_penalty(logits: Tensor, rows: Tensor) -> Tensor:
    """Return ``mean_i || grad_{x_i} sum_j D(x_j) ||^2``, differentiable once more.

    Args:
        logits: (N,) or (N, 1), of ``rows``; computed from them with gradients on.
        rows: (N, *row shape), requiring gradients.

    Returns:
        A scalar, not negative; its gradient reaches all that the slope depends on.

    Raises:
        ValueError: if there is not one logit a row, ``rows`` do not require gradients, or
            ``logits`` do not depend on them.

    Example:
        >>> rows = torch.ones(5, 3, requires_grad=True)
        >>> gradient_penalty(2 * rows.sum(dim=1), rows).item()
        12.0
    """
    if logits.numel() != len(rows):
        raise ValueError(
            f"expected one logit a row, got logits {tuple(logits.shape)} "
            f"for rows {tuple(rows.shape)}"
        )
    if not rows.requires_grad:
        raise ValueError("rows must require gradients before they are judged: requires_grad_()")
    slopes = None
    if logits.requires_grad:
        [slopes] = torch.autograd.grad(logits.sum(), rows, create_graph=True, allow_unused=True)
    if slopes is None:
        raise ValueError("logits must be computed from these very rows, with gradients on")
    return slopes.square().sum() / len(rows)


def r1_penalty(real_logits: Tensor, real_rows: Tensor) -> Tensor:
    """Return R1, `gradient_penalty` at rows of data.

    Args:
        real_logits: (N,) or (N, 1), of ``real_rows``; computed from them with gradients on.
        real_rows: (N, *row shape), requiring gradients.
    """
    return gradient_penalty(real_logits, real_rows)


def r2_penalty(fake_logits: Tensor, fake_rows: Tensor) -> Tensor:
    """Return R2, `gradient_penalty` at generated rows.

    Detach ``fake_rows`` before they require gradients and are judged, or the penalty reaches the
    generator as well.

    Args:
        fake_logits: (N,) or (N, 1), of ``fake_rows``; computed from them with gradients on.
        fake_rows: (N, *row shape), requiring gradients.
    """
    return gradient_penalty(fake_logits, fake_rows)
