"""From the rows that a user gives to the standardised features that networks are trained on.

Paper and released code: Salimans et al. (2016) train on pixels in [-1, 1]. Here images become
`convergan.data.oriented_gradients`, and all features are scaled by `convergan.estimator.scaling`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse

from ..data import oriented_gradients
from .checks import Array, require_integer
from .scaling import Scale, learn_scale

COARSE, FINE, SMALL = 4, 2, 16
"""Cells of descriptors in pixels, and the side of images below which they are fine."""

ImageShape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Preprocessor:
    """What was learned about features from the rows of `fit`.

    Attributes:
        image_shape: (C, H, W) where rows are flattened images, else None.
        lowest: value of a black pixel, 0 or less.
        span: that of a white one is ``lowest + span``.
        cell: side in pixels of the cells of image descriptors.
        scale: mean and unit of each feature.
    """

    image_shape: ImageShape | None
    lowest: float
    span: float
    cell: int
    scale: Scale

    def apply(self, rows: Array) -> Array:
        """Return standardised features (n, F) of rows (n, A) of float64."""
        return self.scale.apply(
            _describe(rows, self.image_shape, self.lowest, self.span, self.cell)
        )


def fit_preprocessor(
    rows: Array, image_shape: ImageShape | None = None
) -> tuple[Preprocessor, Array]:
    """Learn from rows (n, A) of float64; return the preprocessor and their features (n, F)."""
    lowest = min(0.0, float(rows.min()))
    span = float(rows.max()) - lowest or 1.0
    cell = FINE if image_shape and min(image_shape[1:]) < SMALL else COARSE
    described = _describe(rows, image_shape, lowest, span, cell)
    scale = learn_scale(described, alike=image_shape is not None)
    return Preprocessor(image_shape, lowest, span, cell, scale), scale.apply(described)


def as_image_shape(image_shape: Sequence[int] | None) -> ImageShape | None:
    """Return a shape as a tuple.

    Raises:
        ValueError: if it is neither None nor three positive integers.
    """
    if image_shape is None:
        return None
    if len(image_shape) != 3:
        raise ValueError(f"image_shape must be (C, H, W) or None, got {image_shape!r}")
    for side in image_shape:
        require_integer("a side of image_shape", side)
    channels, height, width = image_shape
    return channels, height, width


def flatten_images(X: Any, image_shape: ImageShape | None) -> Any:
    """Return images (n, C, H, W) as rows (n, C * H * W), and all else as it is.

    Raises:
        ValueError: if X is sparse, or its images are of another shape.
    """
    if issparse(X):
        raise ValueError(
            "Sparse data was passed for X, but dense data is required. Use '.toarray()'."
        )
    if getattr(X, "ndim", 2) != 4:
        return X
    X = np.asarray(X)
    if X.shape[1:] != image_shape:
        raise ValueError(
            f"X has images of shape {X.shape[1:]}, (C, H, W) expected is {image_shape}"
        )
    return X.reshape(len(X), -1)


def _describe(
    rows: Array, image_shape: ImageShape | None, lowest: float, span: float, cell: int
) -> Array:
    """Return the descriptors of images; other rows as they are."""
    if not image_shape:
        return rows
    shares = torch.from_numpy((rows - lowest) / span).clamp(0, 1)
    described: Array = oriented_gradients(shares.reshape(-1, *image_shape), cell=cell).numpy()
    return described
