"""Dropout on the inputs and activations of a discriminator.

Srivastava et al. (2014), in the discriminators of Salimans et al. (2016), sections 6.2 and 6.3:
every value is set to zero with probability ``p``, and the kept ones are divided by ``1 - p``, so
that the expectation is the input.

Paper and released code: the paper says "dropout"; the code drops 0.2 of the image and 0.5 of the
activations after each halving of the side, value by value and not by channel.
"""

import torch
from torch import Tensor, nn

from ..collective import draw_like


def dropout(x: Tensor, probability: float, chance: torch.Generator | None = None) -> Tensor:
    """Return ``x * k / (1 - p)`` with ``k`` drawn as 1 with probability ``1 - p``, else 0.

    Args:
        x: any shape, floating point.
        probability: of a value to be dropped, in [0, 1).
        chance: the generator that draws, on the device of ``x``; None for torch's.

    Returns:
        A tensor of the shape, dtype and device of ``x``.

    Example:
        >>> dropped = dropout(torch.ones(1000), 0.5, torch.Generator().manual_seed(0))
        >>> sorted(set(dropped.tolist()))
        [0.0, 2.0]
    """
    if chance is None:
        return nn.functional.dropout(x, probability)
    # Uniform numbers take a third of the time of Bernoulli ones; float32 has bits enough for p.
    uniform = draw_like(x, lambda empty: empty.uniform_(generator=chance), dtype=torch.float32)
    return x * uniform.ge_(probability).to(x.dtype).div_(1 - probability)


class Dropout(nn.Module):
    """`dropout` with a fixed probability, while training.

    Args:
        probability: of a value to be dropped, in [0, 1).

    Raises:
        ValueError: if ``probability`` is outside of [0, 1).

    Example:
        >>> layer = Dropout(0.5).eval()
        >>> layer(torch.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        if not 0 <= probability < 1:
            raise ValueError(f"probability must be at least 0 and below 1, got {probability}")
        self.probability = probability

    def forward(self, x: Tensor, chance: torch.Generator | None = None) -> Tensor:
        """Drop values of ``x`` of any shape.

        Args:
            x: floating point.
            chance: draws what is dropped, in training and in evaluation mode; None for torch's own
                generator in training mode and no dropout in evaluation mode.
        """
        if self.probability == 0 or (chance is None and not self.training):
            return x
        return dropout(x, self.probability, chance)

    def extra_repr(self) -> str:
        """Show the probability in ``repr``."""
        return f"probability={self.probability}"
