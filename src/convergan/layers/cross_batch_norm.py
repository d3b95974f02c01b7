"""Cross batch normalisation: half of the channels by the data, the other half by the samples.

Salimans et al. (2016), released ImageNet discriminator. A batch is half data, half samples. Of all
rows, channels ``0 .. C/2 - 1`` are normalised by mean ``m`` and biased variance ``v`` of the *real*
half, channels ``C/2 .. C - 1`` by those of the *fake* half: ``y = gamma (x - m) / sqrt(v + 1e-5) +
beta``, with a ``gamma`` and a ``beta`` for each half of the channels.

Paper and released code: not in the paper; in the code (``batch_norm_cross``) it follows every layer
of the ImageNet discriminator but the last. There are no running averages, so there is no way to
judge one image alone. An odd number of channels loses one in the code; here it is refused.
"""

import torch
from torch import Tensor

from ..collective import batch_statistics, rows_shared, whole_count
from .scale_and_shift import ScaleAndShift


def cross_batch_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    """Normalise all rows, half of the channels by either half of the rows.

    Args:
        x: (2 B, C) or (2 B, C, H, W), B real rows, then B fake ones.
        gamma: (2, C / 2), scales of the channels that the real and the fake half normalise.
        beta: (2, C / 2), shifts of the same.
        epsilon: added to the variance.

    Returns:
        A tensor of the shape and dtype of ``x``, computed in float32 at least.

    Raises:
        ValueError: if the number of rows is odd, if a half has fewer than two values per channel,
            or if the channels are not those of ``gamma``.

    Example:
        >>> x = torch.tensor([[1.0, 1.0], [3.0, 3.0], [5.0, 5.0], [9.0, 9.0]])
        >>> cross_batch_norm(x, torch.ones(2, 1), torch.zeros(2, 1), epsilon=0.0).tolist()
        [[-1.0, -3.0], [1.0, -2.0], [3.0, -1.0], [7.0, 1.0]]
    """
    if x.shape[0] % 2:
        raise ValueError(f"a batch is half real, half fake rows, so not of odd size: got {len(x)}")
    if x.shape[1] != gamma.numel():
        raise ValueError(f"rows have {x.shape[1]} channels, gamma and beta have {gamma.numel()}")
    half = x.shape[0] // 2
    if whole_count(x[:half, 0].numel()) < 2:
        raise ValueError(
            f"each half needs at least two values per channel, got rows of shape {tuple(x.shape)}"
        )
    to_all = (1, -1) + (1,) * (x.dim() - 2)
    values = x.to(torch.promote_types(x.dtype, torch.float32))
    real_channels, fake_channels = values.chunk(2, dim=1)
    real_variance, real_mean = batch_statistics(real_channels[:half])
    fake_variance, fake_mean = batch_statistics(fake_channels[half:])
    mean, variance = torch.cat([real_mean, fake_mean]), torch.cat([real_variance, fake_variance])
    scale = gamma.flatten() * (variance + epsilon).rsqrt()
    shift = beta.flatten().to(scale.dtype).view(to_all)
    y = torch.addcmul(shift, values - mean.view(to_all), scale.view(to_all))
    return y.to(x.dtype)


class CrossBatchNorm(ScaleAndShift):
    """`cross_batch_norm` with two learned scales and shifts; the same in evaluation mode.

    Args:
        num_channels: size of dimension 1, even.
        chance: draws ``weight`` from N(1, 0.02), None for torch's own generator; ``bias`` starts at
            0. Both are of shape (2, C / 2).
        epsilon: added to the variance.
        sync: see `convergan.collective.rows_shared`.

    Raises:
        ValueError: if ``num_channels`` is odd.
    """

    def __init__(
        self,
        num_channels: int,
        *,
        chance: torch.Generator | None = None,
        epsilon: float = 1e-5,
        sync: bool | None = None,
    ) -> None:
        if num_channels % 2:
            raise ValueError(f"num_channels must be even, one half for each batch: {num_channels}")
        super().__init__(2, num_channels // 2, chance=chance)
        self.epsilon = epsilon
        self.sync = sync

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x`` of shape (2 B, C) or (2 B, C, H, W), real rows first."""
        with rows_shared(self, x):
            return cross_batch_norm(x, self.weight, self.bias, epsilon=self.epsilon)

    def extra_repr(self) -> str:
        """Show the sizes in ``repr``."""
        return f"{self.weight.numel()}, epsilon={self.epsilon}"
