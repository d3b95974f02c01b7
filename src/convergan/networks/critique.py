"""What every discriminator is and returns."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Critique(NamedTuple):
    """A discriminator's judgment of a batch.

    Attributes:
        logits: (N, K); K classes for few-label classification, 1 for "data or not".
        features: (N, A), the layer that feature matching compares.
    """

    logits: Tensor
    features: Tensor


class Discriminator(nn.Module):
    """A network that judges rows. Subclasses define `forward`.

    Attributes:
        rows_together: how many neighbouring rows have one logit.
    """

    rows_together = 1

    def __call__(self, images: Tensor, chance: torch.Generator | None = None) -> Critique:
        """Judge rows of shape (N, *row shape).

        Noise and dropout are drawn from ``chance``; without it, in training mode alone, from
        torch's own generator.
        """
        critique: Critique = super().__call__(images, chance)
        return critique
