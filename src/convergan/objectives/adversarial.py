"""The two-player game of a generator against a discriminator.

Salimans et al. (2016), section 2, after Goodfellow et al. (2014): with ``D = sigmoid(logit)``, the
discriminator minimises ``-E log D(x) - E log(1 - D(G(z)))``; the generator either minimises
``E log(1 - D(G(z)))`` (minimax, saturating) or ``-E log D(G(z))`` (non-saturating).

Paper and released code: the minibatch-discrimination scripts train the generator with the
saturating form, the ImageNet code with a smoothed target (see `label_smoothing`).
All forms are written with softplus, finite for logits of any size:
``-log D = softplus(-logit)``, ``-log(1 - D) = softplus(logit)``.
"""

from torch import Tensor
from torch.nn.functional import softplus


def minimax_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return ``mean softplus(-real_logits) + mean softplus(fake_logits)``.

    Args:
        real_logits: logits of "this is data" for real rows, any shape.
        fake_logits: the same for generated rows, any shape.

    Returns:
        A scalar, not negative; ``2 log 2`` where all logits are 0.

    Example:
        >>> import torch
        >>> round(minimax_discriminator_loss(torch.zeros(4), torch.zeros(4)).item(), 4)
        1.3863
    """
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def non_saturating_generator_loss(fake_logits: Tensor) -> Tensor:
    """Return ``-E log D(G(z)) = mean softplus(-fake_logits)``.

    Its gradient with respect to a logit is ``-(1 - D)/N``: largest where the discriminator is sure.

    Args:
        fake_logits: logits of "this is data" for generated rows, any shape.
    """
    return softplus(-fake_logits).mean()


def saturating_generator_loss(fake_logits: Tensor) -> Tensor:
    """Return ``E log(1 - D(G(z))) = -mean softplus(fake_logits)``, never positive.

    Its gradient with respect to a logit is ``-D/N``: it vanishes where the discriminator is sure.

    Args:
        fake_logits: logits of "this is data" for generated rows, any shape.
    """
    return -softplus(fake_logits).mean()
