"""Gaussian noise on the inputs and activations of a discriminator.

Salimans et al. (2016), section 5 and appendix: ``h + std * e`` with ``e ~ N(0, I)``, before every
layer of the MNIST discriminator. It keeps the discriminator from separating data and samples by
detail alone, and makes every prediction a prediction for a neighbourhood.

Paper and released code: the same; the code adds 0.3 to the image and 0.5 after every hidden layer.
"""

import torch
from torch import Tensor, nn

from ..collective import draw_like


def add_gaussian_noise(x: Tensor, std: float, chance: torch.Generator | None = None) -> Tensor:
    """Return ``x + std * e`` with ``e`` drawn from a standard normal distribution.

    Args:
        x: any shape, floating point.
        std: standard deviation of the noise, in the units of ``x``; not negative.
        chance: the generator that supplies the noise, on the device of ``x``; None for torch's.

    Returns:
        A tensor of the shape, dtype and device of ``x``.

    Example:
        >>> x = torch.zeros(2, 3)
        >>> noisy = add_gaussian_noise(x, 0.5, torch.Generator().manual_seed(0))
        >>> again = add_gaussian_noise(x, 0.5, torch.Generator().manual_seed(0))
        >>> torch.equal(noisy, again)
        True
    """
    if chance is None:
        return x + std * torch.randn_like(x)
    noise = draw_like(x, lambda empty: empty.normal_(0.0, std, generator=chance))
    return noise.add_(x) if not x.requires_grad else noise + x


class GaussianNoise(nn.Module):
    """`add_gaussian_noise` with a fixed standard deviation, while training.

    Args:
        std: standard deviation, not negative.

    Raises:
        ValueError: if ``std`` is negative.

    Example:
        >>> layer = GaussianNoise(0.5).eval()
        >>> layer(torch.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self, std: float) -> None:
        super().__init__()
        if not std >= 0:
            raise ValueError(f"std must not be negative, got {std}")
        self.std = std

    def forward(self, x: Tensor, chance: torch.Generator | None = None) -> Tensor:
        """Add noise to ``x`` of any shape.

        Args:
            x: floating point.
            chance: draws the noise, in training and in evaluation mode; None for torch's own
                generator in training mode and no noise in evaluation mode.
        """
        if self.std == 0 or (chance is None and not self.training):
            return x
        return add_gaussian_noise(x, self.std, chance)

    def extra_repr(self) -> str:
        """Show the standard deviation in ``repr``."""
        return f"std={self.std}"
