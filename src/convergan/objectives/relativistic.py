"""Relativistic pairing: the discriminator says which of two rows is the data.

Jolicoeur-Martineau (2018), "The relativistic discriminator", as Huang et al. (2024), "The GAN is
dead; long live the GAN!" (R3GAN), use it, section 2: with ``a_i = D(x_i) - D(G(z_i))``, paired by
their places in the batch,

``L_D = mean softplus(-a)``,  ``L_G = mean softplus(a)``.

Paper and public code: the same; R3GAN's discriminator adds ``(gamma/2) (R1 + R2)``, see
`convergan.objectives.gradient_penalty`, and both players draw their own data. The relativistic
*average* loss, which sets every row against the mean of the others, is another one.
"""

from torch import Tensor
from torch.nn.functional import softplus


def relativistic_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return ``mean softplus(-(D(x_i) - D(G(z_i))))``.

    Args:
        real_logits: of data rows, any shape.
        fake_logits: of generated rows, the same shape.

    Returns:
        A scalar, not negative; ``log 2`` where pairs are equal.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import torch
        >>> round(relativistic_discriminator_loss(torch.ones(4), torch.ones(4)).item(), 4)
        0.6931
    """
    return softplus(-_leads(real_logits, fake_logits)).mean()


def relativistic_generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return ``mean softplus(D(x_i) - D(G(z_i)))``.

    It exceeds the discriminator's loss by the mean of ``D(x_i) - D(G(z_i))``. Arguments, result and
    errors as for `relativistic_discriminator_loss`.
    """
    return softplus(_leads(real_logits, fake_logits)).mean()


def _leads(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    if real_logits.shape != fake_logits.shape:
        raise ValueError(
            "every real row needs one generated row beside it, got logits of shapes "
            f"{tuple(real_logits.shape)} and {tuple(fake_logits.shape)}"
        )
    return real_logits - fake_logits
