"""Consistency: a noisy student agrees with a calmer teacher, or with itself under other noise.

Tarvainen & Valpola (2017), "Mean teachers are better role models": with a teacher's class
probabilities ``q`` (averaged weights, no noise), ``|| softmax(l(x + noise)) - q(x) ||^2``, the mean
over the batch. Verma et al. (2019), "Interpolation Consistency Training", take mixed rows and mixed
probabilities of the same teacher: see `convergan.objectives.interpolate`.

Wei et al. (2018), "Improving the Improved Training of Wasserstein GANs" (CT-GAN): with ``p`` and
``p'`` the probabilities of one batch in two passes under independent noise,
``CT = mean_i max(0, (1/K) || p_i - p'_i ||^2 - margin)``.

Paper and released code: not in Salimans et al. (2016), whose averaged weights are tested and teach
nobody. CT-GAN's code for few labels takes 0.05 CT, a margin of 0, and leaves out the paper's term
on features. The two differ: CT has no teacher, its gradient goes through both passes, and it is
the mean over K classes, not their sum.
"""

from torch import Tensor


def consistency_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return ``mean_i || softmax(l_i) - q_i ||^2``.

    Args:
        logits: (N, K), the student's; receives the gradient.
        targets: (N, K), the teacher's probabilities; detached.

    Returns:
        A scalar in [0, 2].

    Example:
        >>> import torch
        >>> consistency_loss(torch.zeros(3, 2), torch.full((3, 2), 0.5)).item()
        0.0
    """
    return (logits.softmax(dim=1) - targets.detach()).square().sum(dim=1).mean()


def consistency_term(first_logits: Tensor, second_logits: Tensor, *, margin: float) -> Tensor:
    """Return ``mean_i max(0, (1/K) || softmax(l_i) - softmax(l'_i) ||^2 - margin)``.

    Args:
        first_logits: (N, K), of a batch under noise; receives a gradient.
        second_logits: (N, K), of the same batch under other noise; receives a gradient. Without
            noise, or under the same, the term is 0 for ever.
        margin: of a row's squared difference, what costs nothing; not negative.

    Returns:
        A scalar in [0, 2/K].

    Raises:
        ValueError: if the shapes differ or ``margin`` is negative.

    Example:
        >>> import torch
        >>> sure = torch.tensor([[100.0, 0.0]])
        >>> consistency_term(sure, -sure, margin=0.25).item()
        0.75
    """
    if first_logits.shape != second_logits.shape:
        raise ValueError(
            "both passes must be over the same batch, got logits of shapes "
            f"{tuple(first_logits.shape)} and {tuple(second_logits.shape)}"
        )
    if not margin >= 0:
        raise ValueError(f"margin must not be negative, got {margin}")
    difference = first_logits.softmax(dim=1) - second_logits.softmax(dim=1)
    return (difference.square().mean(dim=1) - margin).relu().mean()
