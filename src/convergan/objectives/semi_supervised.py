"""Few-label classification by a discriminator with K + 1 classes.

Salimans et al. (2016), section 5: a classifier of K classes gets one more, "generated". Subtracting
any function of ``x`` from all K + 1 logits leaves the softmax alone, so the last logit is fixed at
0 and only K are computed. With ``Z = sum_k exp(l_k)`` and ``LSE = log Z``:

* ``p(y = k | x) = exp(l_k) / (Z + 1)``, ``D(x) = Z / (Z + 1) = sigmoid(LSE)``;
* supervised: ``-log p(y | x, y <= K) = LSE - l_y``;
* unsupervised: ``-E log D(x) - E log(1 - D(G(z))) = E softplus(-LSE) + E softplus(LSE)``.

Paper and released code: the code takes half of the unsupervised loss (its mean over a batch that is
half data, half samples); we follow it, and a weight of 2 gives the paper's. With all K logits near
0 the code starts at ``D = K / (K + 1)``, not at one half; so here.
"""

from torch import Tensor
from torch.nn.functional import cross_entropy

from .adversarial import minimax_discriminator_loss


def realness(logits: Tensor) -> Tensor:
    """Return ``LSE(l)``, the logit of ``D(x)``: (N, K) to (N,).

    Args:
        logits: (N, K), of any rows.

    Example:
        >>> import torch
        >>> round(torch.sigmoid(realness(torch.zeros(1, 10))).item(), 3)
        0.909
    """
    return logits.logsumexp(dim=1)


def supervised_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return ``mean (LSE(l) - l_y)``, the cross-entropy over the K classes.

    Args:
        logits: (N, K), of labelled rows.
        labels: (N,), int64 in ``0 .. K - 1``.
    """
    return cross_entropy(logits, labels)


def unsupervised_loss(unlabeled_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return ``(mean softplus(-LSE(l_unlabeled)) + mean softplus(LSE(l_fake))) / 2``.

    Args:
        unlabeled_logits: (N, K), of data rows without labels.
        fake_logits: (M, K), of generated rows.

    Returns:
        A scalar, not negative; ``log 2`` where ``D`` is one half everywhere.
    """
    return 0.5 * minimax_discriminator_loss(realness(unlabeled_logits), realness(fake_logits))
