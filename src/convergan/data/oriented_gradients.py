"""Histograms of oriented gradients: what an image looks like, whatever its exact position.

Dalal & Triggs (2005), "Histograms of Oriented Gradients for Human Detection". With the gradient of
length ``m`` and angle ``a`` at each pixel, the cell of orientation ``b`` holds the mean of
``m max(0, cos(a - b))^4`` over overlapping squares of pixels; square roots of all cells make the
descriptor, scaled to length ``sqrt(A)`` so that its entries have mean square 1.

Paper and released code: not in Salimans et al. (2016), whose MNIST networks see pixels without
knowing which are neighbors ("permutation invariant"). A recipe that takes descriptors knows that
its rows are images, and is to say so beside the paper's figures.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from .batches import to_unit_range

CHUNK = 200
"""Images described at a time."""


def oriented_gradients(images: Tensor, *, orientations: int = 8, cell: int = 4) -> Tensor:
    """Describe every image by the directions of its edges.

    Args:
        images: (N, C, H, W), uint8 or float in [0, 1]; channels are averaged.
        orientations: directions around the full circle.
        cell: side of the squares in pixels; their weights overlap by as much.

    Returns:
        (N, A) of length ``sqrt(A)``, zero for a black image (others end at its border), with
        ``A = orientations * ((H - cell + 1) // cell) * ((W - cell + 1) // cell)``.

    Raises:
        ValueError: if the rows are no images of at least ``2 cell - 1`` pixels a side.

    Example:
        >>> edge = torch.zeros(1, 1, 7, 7)
        >>> edge[..., 4:] = 1
        >>> oriented_gradients(edge).argmax().item()  # it grows to the right
        0
    """
    if images.dim() != 4 or min(images.shape[2:]) < 2 * cell - 1:
        raise ValueError(
            f"oriented gradients need images of {2 * cell - 1} pixels a side or more, "
            f"got rows of shape {tuple(images.shape[1:])}"
        )
    return torch.cat([_describe(chunk, orientations, cell) for chunk in torch.split(images, CHUNK)])


def _describe(images: Tensor, orientations: int, cell: int) -> Tensor:
    count, channels, height, width = images.shape
    grey = to_unit_range(images).reshape(count * channels, 1, height, width)
    slope = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 4  # Sobel
    slopes = conv2d(grey, torch.stack([slope, slope.T])[:, None].to(grey), padding=1)
    length = slopes.square().sum(dim=1).sqrt()  # (N C, H, W)
    across, down = (slopes / length.clamp(min=1e-6)[:, None]).unbind(dim=1)
    shares = []
    for turn in range(orientations):
        angle = 2 * math.pi * turn / orientations
        along = (across * math.cos(angle) + down * math.sin(angle)).clamp(min=0)
        shares.append(length * along.square().square())
    over_rows, over_columns = (_squares(side, cell).to(grey) for side in (height, width))
    cells = over_rows @ (torch.stack(shares, dim=1) @ over_columns.T)
    cells = cells.view(count, channels, *cells.shape[1:]).mean(dim=1).flatten(1).sqrt()
    norms: Tensor = torch.linalg.vector_norm(cells, dim=1, keepdim=True).clamp(min=1e-6)
    return cells * (math.sqrt(cells.shape[1]) / norms)


def _squares(side: int, cell: int) -> Tensor:
    """Weights of a line's pixels in its cells, (cells, side): means of means over ``cell``."""
    slope = torch.arange(1, cell + 1, dtype=torch.float64)
    weights = torch.cat([slope, slope[:-1].flip(0)]) / cell**2
    cells = torch.zeros((side - cell + 1) // cell, side, dtype=torch.float64)
    for number, line in enumerate(cells):
        line[number * cell : number * cell + len(weights)] = weights
    return cells
