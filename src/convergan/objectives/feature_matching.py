"""Feature matching: the generator matches the mean features of the data.

Salimans et al. (2016), section 3.1: ``|| E_x f(x) - E_z f(G(z)) ||^2`` with ``f`` an intermediate
layer of the discriminator.

Paper and released code: the paper writes the squared norm, a sum over features; the code takes the
*mean* over features, of squares for MNIST and of absolute values for SVHN and CIFAR-10, and adds no
adversarial term. Here the released forms. The means are taken over each batch first: pairing sample
with sample, as several libraries do, adds the variances and so rewards a collapsed generator.
"""

from torch import Tensor


def _mean_difference(fake_features: Tensor, real_features: Tensor) -> Tensor:
    if fake_features.shape[1:] != real_features.shape[1:]:
        raise ValueError(
            "features must agree in all but the batch dimension, "
            f"got {tuple(fake_features.shape)} and {tuple(real_features.shape)}"
        )
    return fake_features.mean(dim=0) - real_features.detach().mean(dim=0)


def squared_feature_matching(fake_features: Tensor, real_features: Tensor) -> Tensor:
    """Return ``mean_a (mean_j f_a(G(z_j)) - mean_i f_a(x_i))^2`` (released MNIST form).

    Args:
        fake_features: (N, A), of generated rows; receives the gradient.
        real_features: (M, A), of data rows; detached.

    Returns:
        A scalar, zero if and only if the batch means agree.

    Raises:
        ValueError: if the feature dimensions differ.

    Example:
        >>> import torch
        >>> squared_feature_matching(torch.ones(5, 2), torch.zeros(7, 2)).item()
        1.0
    """
    return _mean_difference(fake_features, real_features).square().mean()


def absolute_feature_matching(fake_features: Tensor, real_features: Tensor) -> Tensor:
    """Return ``mean_a |mean_j f_a(G(z_j)) - mean_i f_a(x_i)|`` (released SVHN and CIFAR-10 form).

    Arguments, result and errors as for `squared_feature_matching`.
    """
    return _mean_difference(fake_features, real_features).abs().mean()
