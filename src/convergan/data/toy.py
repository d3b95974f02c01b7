"""Points in the plane whose modes can be counted: the usual toys of the literature on collapse.

Srivastava et al. (2017), "VEEGAN", section 4.1: eight equal Gaussians on a ring, or 25 on a grid
whose neighbors are 2 apart. Here both have deviation 0.05, and the ring has radius 1.
"""

import math

import torch
from torch import Tensor

from ..core.chance import derive

TOY_STD = 0.05
"""Deviation of each Gaussian along each axis."""


def ring_centres(modes: int = 8) -> Tensor:
    """Return the centres on the unit circle, (modes, 2), from angle 0 on."""
    angles = torch.arange(modes) * (2 * math.pi / modes)
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def grid_centres(side: int = 5) -> Tensor:
    """Return the centres on a square grid around 0 with neighbors 2 apart, (side^2, 2)."""
    line = 2.0 * torch.arange(side) - (side - 1)
    return torch.cartesian_prod(line, line)


MIXTURES = {"ring": ring_centres(), "grid": grid_centres()}
"""Centres by the name of the data source."""


def mixture_of_gaussians(
    name: str, centres: Tensor, count: int, *, std: float = TOY_STD, seed: int
) -> tuple[Tensor, Tensor]:
    """Draw points from equally frequent Gaussians.

    Args:
        name: of the mixture; with ``seed`` it decides the draw.
        centres: (M, D).
        count: number of points.
        std: deviation of each Gaussian along each axis.
        seed: see ``name``.

    Returns:
        (count, D) float32 points and (count,) int64 numbers of their modes.
    """
    chance = derive(seed, name)
    mode = torch.randint(len(centres), (count,), generator=chance)
    noise = torch.randn(count, centres.shape[1], generator=chance)
    return centres[mode] + std * noise, mode
