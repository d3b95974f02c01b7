"""Points in the plane whose modes can be counted.

A ring of Gaussians, the usual toy of the literature on mode collapse.
"""

import math

import torch
from torch import Tensor

from ..chance import derive


def ring_of_gaussians(
    count: int, *, modes: int = 8, radius: float = 1.0, std: float = 0.05, seed: int
) -> tuple[Tensor, Tensor]:
    """Draw points from equal Gaussians on a circle.

    Args:
        count: number of points.
        modes: number of Gaussians.
        radius: of the circle.
        std: of each Gaussian, in the units of ``radius``.
        seed: decides the draw.

    Returns:
        (count, 2) float32 points and (count,) int64 numbers of their modes.
    """
    chance = derive(seed, "ring")
    mode = torch.randint(modes, (count,), generator=chance)
    angle = mode * (2 * math.pi / modes)
    centre = radius * torch.stack([angle.cos(), angle.sin()], dim=1)
    return centre + std * torch.randn(count, 2, generator=chance), mode
