"""From images to features and logits: the interface that scores see of any network.

Paper and released code: Salimans et al. (2016), section 4, have one network, Inception, and give it
floating point levels from 0 to 255. Here a network says in its name which weights it has and what
it does to images first, as scores by other networks, or after another resize, do not compare.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .tensor_like import TensorLike, as_tensor


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A network to judge images by.

    Attributes:
        name: which weights, and what is done to images first; part of every printed definition.
        network: from images (B, C, H, W) in [0, 1] to features (B, D) and logits (B, K), float32.
        grey: whether it takes grey images alone, C = 1.
        side: to which it scales whole images; None where it takes them as they are.
    """

    name: str
    network: Callable[[Tensor], tuple[Tensor, Tensor]]
    grey: bool = False
    side: int | None = None


class Extracted(NamedTuple):
    """What a network makes of images.

    Attributes:
        features: (N, D) float32.
        logits: (N, K) float32.
    """

    features: Tensor
    logits: Tensor


@torch.no_grad()
def extract(extractor: Extractor, images: TensorLike) -> Extracted:
    """Run a network on a batch of images.

    Args:
        extractor: of a network on the images' device.
        images: (B, C, H, W), floating point in [0, 1], B and C at least 1.

    Returns:
        Features (B, D) and logits (B, K) on the images' device.

    Raises:
        ValueError: if they are no such images, or the network gives something else than finite
            features (B, D) and logits (B, K).

    Example:
        >>> mean = lambda images: (images.flatten(1), images.mean(dim=(2, 3)))
        >>> extract(Extractor(name="mean", network=mean), torch.zeros(2, 3, 4, 4)).logits.shape
        torch.Size([2, 3])
    """
    images = require_images(images)
    found = Extracted(*extractor.network(images))
    for name, rows in zip(Extracted._fields, found, strict=True):
        if rows.dim() != 2 or len(rows) != len(images) or not rows.numel():
            raise ValueError(
                f"extractor {extractor.name} must give {name} ({len(images)}, width), "
                f"got {tuple(rows.shape)}"
            )
        bad = (~rows.isfinite().all(dim=1)).nonzero()
        if len(bad):
            raise ValueError(
                f"extractor {extractor.name} gives {name} that are not finite, the first for image "
                f"{int(bad[0])} of the batch"
            )
    return Extracted(*(rows.float() for rows in found))


def require_images(images: TensorLike) -> Tensor:
    """Return images as a tensor; refuse what is not floating point (N, C, H, W) in [0, 1].

    Args:
        images: (N, C, H, W), N and C of 1 or more.

    Raises:
        ValueError: if it is not.
    """
    images = as_tensor(images, "images")
    if images.dim() != 4 or not images.numel() or not images.is_floating_point():
        raise ValueError(
            "images must be floating point (N, C, H, W), none of them 0, "
            f"got {images.dtype} {tuple(images.shape)}"
        )
    least, most = float(images.min()), float(images.max())
    if not 0 <= least <= most <= 1:
        raise ValueError(f"images must be in [0, 1], got {least:.4g} to {most:.4g}")
    return images


def coloured(images: Tensor) -> Tensor:
    """Repeat the one channel of grey images; leave those of three as they are.

    Args:
        images: (B, 1 or 3, H, W).

    Returns:
        (B, 3, H, W), a view.

    Raises:
        ValueError: if there is another number of channels.
    """
    if images.shape[1] not in (1, 3):
        raise ValueError(f"images must have 1 or 3 channels, got {images.shape[1]}")
    return images.expand(-1, 3, -1, -1)


def resized(images: Tensor, side: int, mode: str = "bicubic") -> Tensor:
    """Scale whole images to a square of ``side``, with antialiasing; leave them if they are that.

    Args:
        images: (B, C, H, W) in [0, 1].
        side: wanted.
        mode: ``bicubic``, clipped to [0, 1], or ``bilinear``.

    Returns:
        (B, C, side, side).
    """
    if tuple(images.shape[2:]) == (side, side):
        return images
    return interpolate(images, (side, side), mode=mode, antialias=True).clamp(0, 1)
