"""From the rows that a user gives to the standardised features that networks are trained on.

Paper and released code: Salimans et al. (2016) train on pixels in [-1, 1]. Here images become
`convergan.data.oriented_gradients`; other rows are completed and shaped by
`convergan.estimator.completion` and `convergan.estimator.shaping`. All features are scaled by
`convergan.estimator.scaling`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse

from ..data import oriented_gradients
from .checks import Array, require_integer
from .completion import Completion, learn_completion, take_all
from .frames import Level
from .scaling import Scale, learn_scale
from .shaping import Shapes, keep_shapes, learn_shapes

COARSE, FINE, SMALL = 4, 2, 16
"""Cells of descriptors in pixels, and the side of images below which they are fine."""

FLAG_WEIGHT = 0.5
"""Weight of an indicator of missing cells, of 1 for a feature: little is lost where cells are
missing at random, and much is won where they are not."""
NO_CATEGORIES: Mapping[int, tuple[Level, ...]] = MappingProxyType({})

ImageShape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Preprocessor:
    """What was learned about features from the rows of `fit`.

    Attributes:
        image_shape: (C, H, W) where rows are flattened images, else None.
        lowest: value of a black pixel, 0 or less.
        span: that of a white one is ``lowest + span``.
        cell: side in pixels of the cells of image descriptors.
        completion: what missing cells and categories become.
        shapes: which features become logarithms, and their limits.
        scale: mean and unit of each feature.
    """

    image_shape: ImageShape | None
    lowest: float
    span: float
    cell: int
    completion: Completion
    shapes: Shapes
    scale: Scale

    def apply(self, rows: Array) -> Array:
        """Return standardised features (n, F) of rows (n, A) of float64.

        Raises:
            ValueError: if a pixel is missing.
        """
        if self.image_shape:
            _require_pixels(rows)
            return self.scale.apply(
                _describe(rows, self.image_shape, self.lowest, self.span, self.cell)
            )
        return self.scale.apply(self.shapes.apply(self.completion.apply(rows)))


def fit_preprocessor(
    rows: Array,
    image_shape: ImageShape | None = None,
    categories: Mapping[int, tuple[Level, ...]] = NO_CATEGORIES,
    *,
    alike: bool = False,
) -> tuple[Preprocessor, Array]:
    """Learn from rows; return the preprocessor and their features (n, F).

    Args:
        rows: (n, A) of float64, NaN where a cell is missing; columns of categories hold positions.
        image_shape: (C, H, W) where rows are flattened images.
        categories: levels by column, see `convergan.estimator.frames`.
        alike: whether all columns have one unit and keep their shapes.

    Raises:
        ValueError: if a pixel is missing.
    """
    if image_shape:
        return _fit_to_images(rows, image_shape)
    completion = learn_completion(rows, categories)
    completed = completion.apply(rows)
    shapes = keep_shapes(completed.shape[1]) if alike else learn_shapes(completed)
    shaped = shapes.apply(completed)
    scale = learn_scale(shaped, alike=alike)
    first_flag = shaped.shape[1] - len(completion.flags)
    scale.unit[first_flag:] /= FLAG_WEIGHT
    preprocessor = Preprocessor(None, 0.0, 1.0, COARSE, completion, shapes, scale)
    return preprocessor, scale.apply(shaped)


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


def _fit_to_images(rows: Array, image_shape: ImageShape) -> tuple[Preprocessor, Array]:
    _require_pixels(rows)
    lowest = min(0.0, float(rows.min()))
    span = float(rows.max()) - lowest or 1.0
    cell = FINE if min(image_shape[1:]) < SMALL else COARSE
    described = _describe(rows, image_shape, lowest, span, cell)
    scale = learn_scale(described, alike=True)
    width = described.shape[1]
    preprocessor = Preprocessor(
        image_shape, lowest, span, cell, take_all(rows.shape[1]), keep_shapes(width), scale
    )
    return preprocessor, scale.apply(described)


def _require_pixels(rows: Array) -> None:
    missing = np.isnan(rows).any(axis=1)
    if missing.any():
        raise ValueError(
            f"Input X contains NaN (row {missing.argmax()}); images must have all of their pixels"
        )


def _describe(rows: Array, image_shape: ImageShape, lowest: float, span: float, cell: int) -> Array:
    """Return the descriptors of images."""
    shares = torch.from_numpy((rows - lowest) / span).clamp(0, 1)
    described: Array = oriented_gradients(shares.reshape(-1, *image_shape), cell=cell).numpy()
    return described
