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
from torch.nn.functional import conv2d, pad

from .batches import to_unit_range

CHUNK = 200
"""Images described at a time."""
PIXELS = 50_000
"""Pixels of a fast search at a time: what is made of them is to stay in a processor's cache."""


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


def describe_slopes(
    slopes: Tensor, over_rows: Tensor, over_columns: Tensor, *, orientations: int = 8
) -> Tensor:
    """Describe images by the slopes at their pixels, as `oriented_gradients` does by Sobel's.

    Args:
        slopes: (N, C, 2, H, W), to the right and down; channels are averaged.
        over_rows: (R, H), the pixels' weights in R rows of cells, see `cell_weights`.
        over_columns: (S, W), likewise.
        orientations: directions around the full circle.

    Returns:
        (N, orientations * R * S).
    """
    count, channels = slopes.shape[:2]
    slopes = slopes.flatten(0, 1)
    length = slopes.square().sum(dim=1).sqrt()  # (N C, H, W)
    across, down = (slopes / length.clamp(min=1e-6)[:, None]).unbind(dim=1)
    shares = []
    for turn in range(orientations):
        angle = 2 * math.pi * turn / orientations
        # Tensors, as ONNX would take numbers for float32.
        cosine, sine = (torch.tensor(f(angle), dtype=torch.float64) for f in (math.cos, math.sin))
        along = (across * cosine + down * sine).clamp(min=0)
        shares.append(length * along.square().square())
    cells = over_rows @ (torch.stack(shares, dim=1) @ over_columns.T)
    cells = cells.view(count, channels, *cells.shape[1:]).mean(dim=1).flatten(1).sqrt()
    norms: Tensor = torch.linalg.vector_norm(cells, dim=1, keepdim=True).clamp(min=1e-6)
    return cells * (torch.tensor(math.sqrt(cells.shape[1]), dtype=torch.float64) / norms)


def cell_weights(side: int, cell: int) -> Tensor:
    """Weights of a line's pixels in its cells, (cells, side): means of means over ``cell``.

    Args:
        side: pixels of the line.
        cell: pixels of a cell.
    """
    slope = torch.arange(1, cell + 1, dtype=torch.float64)
    weights = torch.cat([slope, slope[:-1].flip(0)]) / cell**2
    cells = torch.zeros((side - cell + 1) // cell, side, dtype=torch.float64)
    for number, line in enumerate(cells):
        line[number * cell : number * cell + len(weights)] = weights
    return cells


def _describe(images: Tensor, orientations: int, cell: int) -> Tensor:
    count, channels, height, width = images.shape
    grey = to_unit_range(images).reshape(count * channels, 1, height, width)
    slope = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 4  # Sobel
    slopes = conv2d(grey, torch.stack([slope, slope.T])[:, None].to(grey), padding=1)
    over_rows, over_columns = (cell_weights(side, cell).to(grey) for side in (height, width))
    slopes = slopes.view(count, channels, *slopes.shape[1:])
    return describe_slopes(slopes, over_rows, over_columns, orientations=orientations)


def describe_fast(images: Tensor, *, orientations: int = 8, cell: int = 4) -> Tensor:
    """Describe images as `oriented_gradients`, in half of the time, for searches among many.

    Rounding depends on the images beside an image, so that its bits are not its own.

    Args:
        images: (N, C, H, W), uint8 or float in [0, 1].
        orientations: directions around the full circle.
        cell: side of the squares in pixels.

    Returns:
        (N, A), as `oriented_gradients`.
    """
    channels, height, width = images.shape[1:]
    angles = [2 * math.pi * turn / orientations for turn in range(orientations)]
    turns = torch.tensor([[math.cos(a), math.sin(a)] for a in angles], dtype=torch.float64)
    turns = turns.round(decimals=15)  # powers of 6e-17, cos(pi / 2), are slow, being denormal
    over_rows = cell_weights(height, cell)[:, : _seen(height, cell)].repeat(1, channels) / (
        4 * channels
    )
    over_columns = cell_weights(width, cell)[:, : _seen(width, cell)]
    chunk = max(1, PIXELS // math.prod(images.shape[1:]))
    cells = torch.cat(
        [
            _cells(to_unit_range(some), turns, over_rows, over_columns)
            for some in torch.split(images, chunk)
        ]
    ).flatten(1)
    norms: Tensor = torch.linalg.vector_norm(cells, dim=1, keepdim=True).clamp(min=1e-6)
    return cells * (math.sqrt(cells.shape[1]) / norms)


def _cells(images: Tensor, turns: Tensor, over_rows: Tensor, over_columns: Tensor) -> Tensor:
    """Roots of the cells, (N, orientations, rows, columns), of (N, C, H, W) images.

    Images stand last, so that each operation runs over long lines and a step aside by a pixel is
    another place in memory. With ``c`` the slope along an orientation, its share of the pixel is
    ``max(0, c)^4 / m^3``, the fourth power of the slope over ``m^(3/4)``. Slopes are four times
    Sobel's, which ``over_rows`` makes good.
    """
    count, height, width = len(images), over_rows.shape[1] // images.shape[1], over_columns.shape[1]
    turns, over_rows, over_columns = (t.to(images) for t in (turns, over_rows, over_columns))
    framed = pad(images.permute(1, 2, 3, 0), (0, 0, 1, 1, 1, 1))  # (C, H + 2, W + 2, N)
    framed = framed[:, : height + 2, : width + 2]  # what any cell looks at
    steps = framed[:, :, 2:] - framed[:, :, :-2]
    across = (steps[:, :-2] + steps[:, 2:]).add_(steps[:, 1:-1], alpha=2)
    steps = framed[:, 2:] - framed[:, :-2]
    down = (steps[:, :, :-2] + steps[:, :, 2:]).add_(steps[:, :, 1:-1], alpha=2)
    root = across.square().addcmul_(down, down).clamp_(min=1.6e-11).sqrt_().sqrt()
    slopes = torch.stack([across, down], dim=2).div_((root * root.sqrt())[:, :, None])
    shares = turns @ slopes.flatten(3).flatten(0, 1)  # (C * H, orientations, W * N)
    shares = shares.clamp_(min=0).square_().square_()  # in place, which a cache has room for
    summed = over_rows @ shares.flatten(1)
    cells = over_columns @ summed.view(len(over_rows), len(turns), width, count)
    return cells.sqrt_().permute(3, 1, 0, 2)


def _seen(side: int, cell: int) -> int:
    """Pixels of a line up to the last that a cell sees."""
    return (side + 1) // cell * cell - 1
