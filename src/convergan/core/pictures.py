"""Grids of samples as PNG files, and thumbnails."""

import io
import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

SMALLEST_SIDE = 28
"""Images with a shorter side are enlarged by whole factors, so that a grid can be looked at."""


def grid(images: Tensor, columns: int | None = None, gap: int = 1) -> Tensor:
    """Lay images out in rows of ``columns``, left to right.

    Args:
        images: (N, C, H, W) in [0, 1], C = 1 or 3; values outside are clipped.
        columns: images per row; about the square root of N by default.
        gap: pixels between images, at half grey.

    Returns:
        (C, rows * (H + gap) + gap, columns * (W + gap) + gap).

    Example:
        >>> grid(torch.zeros(4, 1, 8, 8), columns=2).shape
        torch.Size([1, 19, 19])
    """
    count, channels, height, width = images.shape
    if not count:
        raise ValueError("a grid needs at least one image")
    columns = columns or math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    canvas = images.new_full(
        (channels, rows * (height + gap) + gap, columns * (width + gap) + gap), 0.5
    )
    for index, image in enumerate(images.clamp(0, 1)):
        top = gap + index // columns * (height + gap)
        left = gap + index % columns * (width + gap)
        canvas[:, top : top + height, left : left + width] = image
    return canvas


def png(image: Tensor) -> bytes:
    """Encode one image (C, H, W) in [0, 1] as PNG, C = 1 (grey) or 3 (RGB).

    Raises:
        ValueError: if ``image`` has another number of dimensions or channels.
    """
    if image.dim() != 3 or len(image) not in (1, 3):
        raise ValueError(f"an image is (1, H, W) or (3, H, W), got {tuple(image.shape)}")
    levels = image.detach().cpu().clamp(0, 1).mul(255).round().to(torch.uint8)
    array = np.ascontiguousarray(levels.permute(1, 2, 0).numpy())
    buffer = io.BytesIO()
    Image.fromarray(array[..., 0] if len(image) == 1 else array).save(buffer, format="PNG")
    return buffer.getvalue()


def thumbnail(pixels: "np.ndarray[Any, Any]", side: int = 160) -> bytes:
    r"""Encode a small copy of an image as JPEG.

    Args:
        pixels: (H, W) grey or (H, W, 3), uint8.
        side: that its longer side has at most; one of less than a quarter of it is
            enlarged by a whole factor, so that its pixels can be seen.

    Example:
        >>> thumbnail(np.zeros((300, 200), dtype=np.uint8))[:2]
        b'\xff\xd8'
    """
    image = Image.fromarray(pixels)
    factor = side // (2 * max(image.size))
    if factor > 1:
        image = image.resize(
            (image.width * factor, image.height * factor), Image.Resampling.NEAREST
        )
    image.thumbnail((side, side), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=82)
    return buffer.getvalue()


def sample_picture(rows: Tensor) -> bytes:
    """Encode generated rows as one PNG: a grid of images, or a scatter of points in the plane.

    Args:
        rows: (N, C, H, W) images in [0, 1], or (N, 2) points in a picture of [-2, 2], or of
            [-5, 5] where more than a tenth lies further out; what is outside stands on the edge.
    """
    if rows.dim() == 4:
        factor = max(1, SMALLEST_SIDE // min(rows.shape[2:]))
        enlarged = rows.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
        return png(grid(enlarged))
    side = 256
    points = rows[:, :2].detach().cpu()
    limit = 2 if (points.abs().amax(dim=1) > 2).double().mean() <= 0.1 else 5
    cells = ((points / limit + 1) / 2 * side).long().clamp(0, side - 1)
    canvas = torch.ones(1, side, side)
    canvas[0, side - 1 - cells[:, 1], cells[:, 0]] = 0
    return png(canvas)
