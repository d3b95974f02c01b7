"""How many of the thousand classes of Stacked MNIST a generator finds, and how evenly.

The digit in each of the three channels is the one that a classifier finds most probable; then
`convergan.metrics.class_coverage`. Srivastava et al. (2017), "VEEGAN", section 4; Lin et al.
(2018), "PacGAN", section 4, with 26,000 samples. Figures depend on the classifier and on the number
of samples, so name both.

The floor: by the packaged classifier ``mnist`` and by the true labels alike, the first 26,000
training rows of ``stacked-mnist`` give 1,000 modes and a KL of 0.0187 nats; chance alone gives
about ``999 / (2 N)``, 0.0192. Its 10,000 test rows, of digits that the classifier was not trained
on, give 1,000 and 0.051.

Paper and released code: not in Salimans et al. (2016).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .classifier import classify
from .mode_coverage import ModeCoverage, class_coverage
from .tensor_like import TensorLike, as_tensor


def stacked_shares(digit_shares: TensorLike) -> Tensor:
    """Return the share of each class of Stacked MNIST: ``f_a f_b f_c`` for class abc.

    Args:
        digit_shares: (10,) of each digit among those that are stacked, above 0 with sum 1.

    Returns:
        (1000,) float64, in the order of the numbers ``100 a + 10 b + c``.

    Raises:
        ValueError: if these are no such shares.

    Example:
        >>> stacked_shares(torch.full((10,), 0.1))[:2]
        tensor([0.0010, 0.0010], dtype=torch.float64)
    """
    shares = as_tensor(digit_shares, "digit shares").double()
    if shares.shape != (10,) or not float(shares.min()) > 0 or abs(float(shares.sum()) - 1) > 1e-5:
        raise ValueError(
            f"digit shares must be (10,) above 0 with sum 1, got {tuple(shares.shape)} "
            f"with sum {float(shares.sum()):.6g}"
        )
    return torch.einsum("a,b,c->abc", shares, shares, shares).flatten()


def stacked_coverage(
    network: Callable[[Tensor], Tensor], images: TensorLike, digit_shares: TensorLike
) -> ModeCoverage:
    """Count the classes of Stacked MNIST in samples.

    Args:
        network: a classifier of digits: maps (B, 1, 28, 28) to logits (B, 10).
        images: (N, 3, 28, 28), floating point in [0, 1], one digit a channel.
        digit_shares: (10,) of each digit in MNIST's training set, above 0 with sum 1.

    Returns:
        Classes found of the thousand and the divergence in nats.

    Raises:
        ValueError: if there are no such images or shares.

    Example:
        >>> from convergan.metrics import load_classifier
        >>> network, black = load_classifier("mnist"), torch.zeros(5, 3, 28, 28)
        >>> stacked_coverage(network, black, torch.full((10,), 0.1)).found
        1
    """
    shares = stacked_shares(digit_shares)
    images = as_tensor(images, "images")
    if images.shape[1:] != (3, 28, 28) or not images.is_floating_point():
        raise ValueError(
            "images must be floating point (N, 3, 28, 28), "
            f"got {images.dtype} {tuple(images.shape)}"
        )
    channels = images.flatten(0, 1).unsqueeze(1)  # (3 N, 1, 28, 28)
    digits = classify(network, channels).argmax(dim=1).view(-1, 3)
    return class_coverage(digits @ digits.new_tensor([100, 10, 1]), shares)
