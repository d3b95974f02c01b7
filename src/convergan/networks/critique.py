"""What every discriminator returns."""

from typing import NamedTuple

from torch import Tensor


class Critique(NamedTuple):
    """A discriminator's judgment of a batch.

    Attributes:
        logits: (N, K); K classes for few-label classification, 1 for "data or not".
        features: (N, A), the layer that feature matching compares.
    """

    logits: Tensor
    features: Tensor
