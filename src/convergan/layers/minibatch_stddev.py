"""Minibatch standard deviation: a feature map of how much the samples of a group differ.

Karras et al. (2018), section 3, on the ground of Salimans et al. (2016), section 3.2: over a group
of ``G`` samples, ``sqrt(v + 1e-8)`` with the variance ``v`` of every value, averaged over channels
and places to one number, which all samples of the group get as a constant map.

Paper and released code: the paper has one group, the batch; the code splits it in groups of 4. Of
``N`` samples, with ``n = N / G`` rounded up, those numbered ``i, i + n, i + 2 n ...`` are a group,
as in StyleGAN's line. Where ``G`` does not divide ``N``, an error there, groups are as even as can
be. The variance is the biased one. ``F`` maps average over ``F`` blocks of channels, one each.
Written from the formula.
"""

import torch
from torch import Tensor, nn

from ..collective import gathered, own, rows_shared

EPSILON = 1e-8


def minibatch_stddev(x: Tensor, *, group_size: int, features: int = 1) -> Tensor:
    """Append the mean standard deviation within the sample's group, as constant maps.

    Args:
        x: (N, C, ...), any number of places, none among them, floating point.
        group_size: ``G``, of the largest group.
        features: ``F``, the number of maps, a divisor of C.

    Returns:
        (N, C + F, ...): ``x`` and then the maps.

    Raises:
        ValueError: if ``group_size`` is below 1 or ``features`` does not divide C.

    Example:
        >>> x = torch.tensor([[0.0], [5.0], [2.0], [5.0]])
        >>> minibatch_stddev(x, group_size=2)[:, 1]  # groups are rows 0, 2 and rows 1, 3
        tensor([1.0000e+00, 1.0000e-04, 1.0000e+00, 1.0000e-04])
    """
    count, channels = x.shape[:2]
    if group_size < 1:
        raise ValueError(f"group_size must be at least 1, got {group_size}")
    if features < 1 or channels % features:
        raise ValueError(f"features must divide the {channels} channels, got {features}")
    # Traced code must hold for any number of rows, and the second way does.
    traced = torch.compiler.is_compiling()
    variances = _ragged_variances if traced or count % group_size else _even_variances
    values = x.to(torch.promote_types(x.dtype, torch.float32))  # 1e-8 is nothing in half precision
    deviations = (variances(values, group_size, features) + EPSILON).sqrt().mean(dim=2)  # (n, F)
    deviations = deviations.to(x.dtype)
    maps = deviations.repeat(group_size, 1)[:count].view(count, features, *[1] * (x.dim() - 2))
    return torch.cat([x, maps.expand(-1, -1, *x.shape[2:])], dim=1)


def _even_variances(x: Tensor, group_size: int, features: int) -> Tensor:
    """Return the variance of every value of a group, (n, F, C/F * places)."""
    return x.reshape(group_size, len(x) // group_size, features, -1).var(dim=0, correction=0)


def _ragged_variances(x: Tensor, group_size: int, features: int) -> Tensor:
    """Return the same for any number of rows."""
    count = x.shape[0]
    groups = (count + group_size - 1) // group_size
    group = torch.arange(count, device=x.device) % groups
    members = (group.unsqueeze(1) == torch.arange(groups, device=x.device)).to(x.dtype)  # (N, n)
    shares = (members / members.sum(dim=0)).t()
    rows = x.reshape(count, -1)
    with torch.autocast(x.device.type, enabled=False):
        centred = rows - members @ (shares @ rows)
        return (shares @ centred.square()).reshape(groups, features, -1)


class MinibatchStddev(nn.Module):
    """`minibatch_stddev` with fixed sizes; has no parameters.

    Args:
        group_size: samples in a group.
        features: maps to append.
        sync: see `convergan.collective.rows_shared`.
    """

    def __init__(self, group_size: int = 4, features: int = 1, *, sync: bool | None = None) -> None:
        super().__init__()
        self.sync = sync
        self.group_size = group_size
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, ...) to (N, C + F, ...)."""
        with rows_shared(self, x):
            rows = gathered(x)
            return own(minibatch_stddev(rows, group_size=self.group_size, features=self.features))

    def extra_repr(self) -> str:
        """Show the sizes in ``repr``."""
        return f"group_size={self.group_size}, features={self.features}"
