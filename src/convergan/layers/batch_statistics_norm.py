"""Batch normalisation with a bias, without a scale, and always by the statistics of the batch.

Salimans et al. (2016), released MNIST, SVHN and CIFAR-10 generators:
``y = (x - m) / sqrt(v + 1e-6) + b`` with mean ``m`` and biased variance ``v`` of the batch, per
channel.

Paper and released code: the paper says "batch normalization". The code leaves out the scale and
keeps running averages that nothing updates, so samples are drawn with the statistics of their own
batch; so here, where no running averages exist.
"""

import torch
from torch import Tensor, nn

from ..collective import batch_statistics, is_alone, rows_shared


class BatchStatisticsNorm(nn.Module):
    """Normalise every channel by its batch and add a learned bias, in evaluation mode as well.

    Args:
        num_channels: size of dimension 1.
        epsilon: added to the variance.
        sync: see `convergan.collective.rows_shared`.

    Example:
        >>> layer = BatchStatisticsNorm(3)
        >>> layer(torch.arange(12.0).reshape(4, 3)).mean(dim=0).abs().max().item() < 1e-6
        True
    """

    def __init__(
        self, num_channels: int, epsilon: float = 1e-6, *, sync: bool | None = None
    ) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(num_channels))
        self.epsilon = epsilon
        self.sync = sync

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x`` of shape (N, C) or (N, C, H, W); at least two values per channel."""
        with rows_shared(self, x):
            return self._normalise(x)

    def _normalise(self, x: Tensor) -> Tensor:
        if is_alone():  # torch has one kernel for it
            return nn.functional.batch_norm(
                x, None, None, bias=self.bias, training=True, eps=self.epsilon
            )
        values = x.to(torch.promote_types(x.dtype, torch.float32))
        variance, mean = batch_statistics(values)
        to_all = (1, -1) + (1,) * (x.dim() - 2)
        scale = (variance + self.epsilon).rsqrt().view(to_all)
        y = torch.addcmul(self.bias.view(to_all), values - mean.view(to_all), scale)
        return y.to(x.dtype)

    def extra_repr(self) -> str:
        """Show the sizes in ``repr``."""
        return f"{self.bias.numel()}, epsilon={self.epsilon}"
