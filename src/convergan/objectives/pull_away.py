"""Pull-away term: the features of generated rows point in different directions.

Zhao et al. (2016), "Energy-based Generative Adversarial Networks", section 2.4: with ``u_i`` the
features of a generated row divided by their length,

``PT = (1 / (n (n - 1))) sum_{i != j} (u_i . u_j)^2``.

Paper and public code: as in the paper. Most public ports of EBGAN leave out the square: theirs is
the mean cosine, which is 0.5 for two rows at 60 degrees in place of 0.25, -0.5 at 120 in place of
0.25, and -1 for ``u`` and ``-u``, which count as equal here, in place of 1. It pulls towards
something else: it is least, ``-1 / (n - 1)``, where directions cancel each other, on one line as
well. After a ReLU, where no cosine is negative, rows of random directions in 64 dimensions have
0.32 there and 0.11 here.

Dai et al. (2017), "Good Semi-supervised Learning that Requires a Bad GAN", add 0.8 of it to feature
matching on SVHN. With more rows than features it cannot vanish: it is at least
``(n - A) / (A (n - 1))``.
"""

import torch
from torch import Tensor


def pull_away_term(features: Tensor) -> Tensor:
    """Return the mean squared cosine between the features of two rows.

    Args:
        features: (n, A), of generated rows. A row of zeros has no direction: it counts as
            orthogonal to all others, and receives no gradient.

    Returns:
        A scalar in [0, 1].

    Raises:
        ValueError: if there are fewer than 2 rows.

    Example:
        >>> pull_away_term(torch.tensor([[1.0, 0.0], [0.0, 5.0]])).item()
        0.0
        >>> pull_away_term(torch.tensor([[1.0, 0.0], [-3.0, 0.0]])).item()
        1.0
    """
    n = len(features)
    if features.dim() != 2 or n < 2:
        raise ValueError(f"expected features (n, A) with n >= 2, got {tuple(features.shape)}")
    lengths = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    units: Tensor = features / lengths.where(lengths > 0, 1)
    cosines = units @ units.T  # (n, n)
    # Each pair once: a sum over all, less the diagonal, would cancel near 0.
    return 2 * cosines.triu(diagonal=1).square().sum() / (n * (n - 1))
