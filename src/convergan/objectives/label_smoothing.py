"""One-sided label smoothing: the discriminator's target for data is below 1, for samples it is 0.

Salimans et al. (2016), section 3.4. With target ``alpha`` on data and ``beta`` on samples the best
discriminator is ``(alpha p_data + beta p_model) / (p_data + p_model)``: a ``beta`` above 0 leaves
``p_model`` in the numerator, so a bad sample sits on a plateau that nothing moves it from. Hence
``beta = 0``, and no such argument here.

Paper and released code: the paper names the principle ("like .9 or .1"). The ImageNet code takes
0.75 for data and trains the generator towards ``0.375 = 0.75 / 2``, the equilibrium, not towards 1;
it subtracts the entropy of each target, which makes the losses divergences and leaves their
gradients alone. Both presets: (0.75, 0.375) and the widespread (0.9, 1).
"""

import math

from torch import Tensor
from torch.nn.functional import softplus


def binary_entropy(target: float) -> float:
    """Return ``-t log t - (1 - t) log(1 - t)`` in nats for a probability ``t``.

    Args:
        target: ``t``, in [0, 1].

    Raises:
        ValueError: if ``target`` is not in [0, 1].

    Example:
        >>> round(binary_entropy(0.75), 5)
        0.56234
    """
    if not 0 <= target <= 1:
        raise ValueError(f"a target must be a probability in [0, 1], got {target}")
    return -sum(p * math.log(p) for p in (target, 1 - target) if p > 0)


def _divergence_from(target: float, logits: Tensor) -> Tensor:
    """KL(target || sigmoid(logits)), the mean over all entries."""
    cross_entropy = target * softplus(-logits) + (1 - target) * softplus(logits)
    return cross_entropy.mean() - binary_entropy(target)


def smoothed_discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, *, real_target: float
) -> Tensor:
    """Return ``KL(real_target || D(x)) + KL(0 || D(G(z)))``, means over each batch.

    Args:
        real_logits: logits of "this is data" for real rows, any shape.
        fake_logits: the same for generated rows, any shape.
        real_target: ``alpha``, in (0, 1]; 1 gives the minimax loss.

    Returns:
        A scalar, not negative. The gradients of both terms cancel at ``D = alpha / 2``.

    Raises:
        ValueError: if ``real_target`` is not in (0, 1].
    """
    if not 0 < real_target <= 1:
        raise ValueError(f"real_target must be in (0, 1], got {real_target}")
    return _divergence_from(real_target, real_logits) + _divergence_from(0.0, fake_logits)


def smoothed_generator_loss(fake_logits: Tensor, *, generator_target: float) -> Tensor:
    """Return ``KL(generator_target || D(G(z)))``, the mean over the batch.

    Args:
        fake_logits: logits of "this is data" for generated rows, any shape.
        generator_target: the value that the generator drives ``D`` to, in [0, 1]: half the
            discriminator's ``real_target`` (released ImageNet code) or 1 (non-saturating).

    Raises:
        ValueError: if ``generator_target`` is not in [0, 1].
    """
    return _divergence_from(generator_target, fake_logits)
