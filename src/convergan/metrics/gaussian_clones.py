"""Gaussian clones of labelled rows: the same classes, and nothing of them but one or two moments.

Refinetti et al. (2023), *Neural networks trained with SGD learn distributions of increasing
complexity*: what a classifier gets right on clones, it gets right by those moments alone. With the
first moment, rows of class k are drawn from N(mean_k, s_k^2 I), where s_k^2 is the mean over
features of the variance within the class; with the second, from N(mean_k, covariance_k).
"""

from typing import Literal

import torch
from torch import Tensor

from .tensor_like import TensorLike, as_tensor

Moments = Literal[1, 2]


def gaussian_clones(
    rows: TensorLike, labels: TensorLike, moments: Moments, chance: torch.Generator
) -> Tensor:
    """Draw one clone of every row, of the same class, clipped to the range of the rows.

    Args:
        rows: (N, *row shape), floating point; at least two of each class that there is.
        labels: (N,), class numbers.
        moments: of each class that clones keep: 1 for its mean, 2 for its covariance as well.
        chance: draws them.

    Returns:
        (N, *row shape), clones in the order of ``labels``.

    Raises:
        ValueError: if a class has one row, of which there is no variance.
    """
    rows, labels = as_tensor(rows, "rows"), as_tensor(labels, "labels")
    flat = rows.flatten(1)
    clones = torch.empty_like(flat)
    for label in torch.unique(labels):
        of_class = labels == label
        members = flat[of_class]
        count = len(members)
        if count < 2:
            raise ValueError(f"class {int(label)} has one row, and clones need two of each class")
        mean = members.mean(dim=0)
        centred = members - mean
        if moments == 1:
            deviation = centred.square().sum(dim=0).div(count - 1).mean().sqrt()
            noise = deviation * torch.randn(members.shape, generator=chance).to(members)
        else:
            # A sum of centred rows with normal factors has their covariance, singular or not.
            factors = torch.randn(count, count, generator=chance).to(members)
            noise = factors @ centred / (count - 1) ** 0.5
        clones[of_class] = mean + noise
    return clones.clamp_(flat.min(), flat.max()).view_as(rows)
