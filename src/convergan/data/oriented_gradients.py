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
from torch.nn.functional import avg_pool2d, conv2d

from .batches import to_unit_range

CHUNK = 2000
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
    across, down = slopes[:, :1], slopes[:, 1:]
    length = (across.square() + down.square()).sqrt()
    angles = torch.arange(orientations).to(grey) * (2 * math.pi / orientations)
    along = across * angles.cos().view(-1, 1, 1) + down * angles.sin().view(-1, 1, 1)
    share = (along / length.clamp(min=1e-6)).clamp(min=0) ** 4  # (N C, orientations, H, W)
    cells = avg_pool2d(avg_pool2d(length * share, cell, stride=1), cell, stride=cell)
    cells = cells.view(count, channels, *cells.shape[1:]).mean(dim=1).flatten(1).sqrt()
    norms: Tensor = torch.linalg.vector_norm(cells, dim=1, keepdim=True).clamp(min=1e-6)
    return cells * (math.sqrt(cells.shape[1]) / norms)
