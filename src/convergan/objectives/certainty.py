"""Sure and balanced: each prediction is of one class, all together are of every class.

Grandvalet & Bengio (2005), "Semi-supervised Learning by Entropy Minimization": the mean over
unlabelled rows of the entropy ``H(p(y | x))``, so that boundaries keep away from rows. Krause et
al. (2010), "Discriminative Clustering by Regularized Information Maximization", and Hu et al.
(2017), IMSAT, add the entropy of the mean prediction: together they are the mutual information of
row and class, negated, and one class for all is no way out.

Paper and released code: not in Salimans et al. (2016), whose unsupervised loss asks that the sum of
``exp(l_k)`` be large on data and says nothing about how it is shared by the classes. The balance
here is a hinge: a batch of N rows drawn from K equal classes falls short of ``log K`` by
``(K - 1) / (2 N)`` on average, by chance alone, and that costs nothing.
"""

import math

from torch import Tensor


def prediction_entropy(logits: Tensor) -> Tensor:
    """Return the mean entropy of the predictions, in nats.

    Args:
        logits: (N, K); receive the gradient.

    Returns:
        A scalar from 0 to ``log K``.
    """
    log_p = logits.log_softmax(dim=1)
    return -(log_p.exp() * log_p).sum(dim=1).mean()


def class_imbalance(logits: Tensor, *, slack: float) -> Tensor:
    """Return by how much more than ``slack`` the mean prediction's entropy is under ``log K``.

    Args:
        logits: (N, K); receive the gradient.
        slack: shortfall that costs nothing, in nats; not negative.

    Returns:
        A scalar from 0 to ``log K - slack``.

    Raises:
        ValueError: if ``slack`` is negative.

    Example:
        >>> import torch
        >>> class_imbalance(100 * torch.eye(2), slack=0.0).item()
        0.0
        >>> round(class_imbalance(torch.tensor([[100.0, 0.0]]), slack=0.5).item(), 4)  # log 2 - 0.5
        0.1931
    """
    if not slack >= 0:
        raise ValueError(f"slack must not be negative, got {slack}")
    shares = logits.softmax(dim=1).mean(dim=0)
    entropy = -(shares * shares.clamp(min=1e-30).log()).sum()
    return (math.log(logits.shape[1]) - slack - entropy).relu()
