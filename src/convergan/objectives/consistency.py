"""Consistency: a noisy student agrees with a calmer teacher.

Tarvainen & Valpola (2017), "Mean teachers are better role models": with a teacher's class
probabilities ``q`` (averaged weights, no noise), ``|| softmax(l(x + noise)) - q(x) ||^2``, the mean
over the batch. Verma et al. (2019), "Interpolation Consistency Training", take mixed rows and mixed
probabilities of the same teacher: see `convergan.objectives.interpolate`.

Paper and released code: not in Salimans et al. (2016), whose averaged weights are tested and teach
nobody.
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
