"""What a discriminator may add to the features of a row: how they compare with the other rows'.

A discriminator takes one of these functions, or a partial of it, as ``minibatch_features``: from
the number of features and chance to a layer that adds to them, and how many come out. Salimans et
al. (2016), section 3.2, and its successor; the mathematics is in `convergan.layers`.
"""

from collections.abc import Callable

import torch
from torch import nn

from ..layers import CrossHalfDiscrimination, MinibatchDiscrimination, MinibatchStddev

MinibatchFeatures = Callable[[int, torch.Generator], tuple[nn.Module, int]]
"""From a number of features and chance to a layer that adds to them, and how many come out."""


def no_minibatch_features(num_features: int, chance: torch.Generator) -> tuple[nn.Module, int]:
    """Add nothing.

    Args:
        num_features: A, features of a row.
        chance: unused.
    """
    return nn.Identity(), num_features


def similarities(
    num_features: int,
    chance: torch.Generator,
    *,
    num_kernels: int = 100,
    kernel_dim: int = 5,
    theta_std: float = 0.05,
) -> tuple[nn.Module, int]:
    """Add minibatch discrimination as the scripts for small images have it.

    Args:
        num_features: A, features of a row.
        chance: draws the initial weights.
        num_kernels: B, similarities that are added to a row.
        kernel_dim: C, numbers that each of them compares.
        theta_std: deviation of the initial weights.
    """
    layer = MinibatchDiscrimination(
        num_features, num_kernels, kernel_dim, theta_std=theta_std, chance=chance
    )
    return layer, num_features + num_kernels


def cross_half_similarities(
    num_features: int, chance: torch.Generator, *, num_kernels: int = 300, kernel_dim: int = 50
) -> tuple[nn.Module, int]:
    """Add minibatch discrimination as the ImageNet code has it, over both halves of a batch.

    Args:
        num_features: A, features of a row.
        chance: draws the initial weights.
        num_kernels: similarities to the rows of either half, so twice as many are added to a row.
        kernel_dim: numbers that each of them compares.
    """
    layer = CrossHalfDiscrimination(num_features, num_kernels, kernel_dim, chance=chance)
    return layer, num_features + 2 * num_kernels


def deviation(
    num_features: int, chance: torch.Generator, *, group_size: int = 4
) -> tuple[nn.Module, int]:
    """Add the mean standard deviation within a group of rows.

    Args:
        num_features: A, features of a row; one is added.
        chance: unused.
        group_size: rows that are compared with each other.
    """
    return MinibatchStddev(group_size), num_features + 1
