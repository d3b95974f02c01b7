"""Images moved and sheared upright: what a slanted hand adds is taken away.

The moments of an image's brightness say where it lies and how it leans. Moving its centre of mass
to the middle and shearing its rows until brightness across and down no longer go together is the
usual first step for handwriting ("deskewing", as in LeCun et al., 1998, section III.A).

Paper and released code: not in Salimans et al. (2016).
"""

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from .batches import to_unit_range

CHUNK = 2000
"""Images turned at a time."""


def upright(images: Tensor) -> Tensor:
    """Move every image's centre of mass to the middle, and shear it until it stands straight.

    Args:
        images: (N, C, H, W), uint8 or float in [0, 1], black where nothing is; channels are
            averaged to find the moments.

    Returns:
        (N, C, H, W) float in [0, 1]; a black image stays as it is.

    Raises:
        ValueError: if the rows are no images.

    Example:
        >>> stroke = torch.eye(8).expand(1, 1, 8, 8)
        >>> upright(stroke)[0, 0, :, 3:5].sum().item() > 6
        True
    """
    if images.dim() != 4:
        raise ValueError(f"rows of shape {tuple(images.shape[1:])} are no images to set upright")
    if not len(images):
        return to_unit_range(images)
    return torch.cat([_straighten(to_unit_range(chunk)) for chunk in torch.split(images, CHUNK)])


def _straighten(images: Tensor) -> Tensor:
    height, width = images.shape[2:]
    mass = images.mean(dim=1)
    mass = mass / mass.sum(dim=(1, 2), keepdim=True).clamp(min=1e-6)
    by_row, by_column = mass.sum(dim=2), mass.sum(dim=1)
    down, across = pixel_centres(height).to(images), pixel_centres(width).to(images)
    middle_down, middle_across = by_row @ down, by_column @ across
    down, across = down - middle_down[:, None], across - middle_across[:, None]  # (N, H), (N, W)
    together = torch.einsum("nhw,nh,nw->n", mass, down, across)
    lean = together / (by_row * down.square()).sum(dim=1).clamp(min=1e-6)
    one, zero = torch.ones_like(lean), torch.zeros_like(lean)
    across_row = torch.stack([one, lean, middle_across], dim=1)
    down_row = torch.stack([zero, one, middle_down], dim=1)
    grid = affine_grid(
        torch.stack([across_row, down_row], dim=1), list(images.shape), align_corners=False
    )
    return grid_sample(images, grid, align_corners=False)


def pixel_centres(length: int) -> Tensor:
    """Return where the pixels of a line lie, if it goes from -1 to 1: (length,)."""
    return (2 * torch.arange(length) + 1) / length - 1
