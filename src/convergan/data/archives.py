"""Rows in ``.npz`` files: of data sets, and of images alone. No pickle is ever opened."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .dataset import Dataset, Rows
from .decoding import DataError

Array = NDArray[Any]


def read_arrays(path: Path, names: Sequence[str] = ()) -> dict[str, Array]:
    """Read an archive's arrays by their names.

    Args:
        path: of the archive.
        names: of the arrays to read, of which some may be missing; all if empty.

    Raises:
        DataError: if there is no such file, or it is no archive.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            wanted = [name for name in names or archive.files if name in archive.files]
            return {name: archive[name] for name in wanted}
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except Exception as error:
        raise DataError(f"{path} is not a readable npz archive without pickles: {error}") from None


def channels_first(images: Array) -> Array:
    """Return (N, H, W), (N, C, H, W) or (N, H, W, C) as (N, C, H, W), C = 1 or 3.

    Arrays of other shapes are returned as they are. Where both readings are possible, the channels
    are taken to come first.

    Example:
        >>> channels_first(np.zeros((5, 8, 8))).shape, channels_first(np.zeros((5, 8, 8, 3))).shape
        ((5, 1, 8, 8), (5, 3, 8, 8))
    """
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[-1] in (1, 3) and images.shape[1] not in (1, 3):
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return images


def read_image_archive(path: Path) -> Tensor:
    """Read the images of an archive: the array ``samples``, or else ``images``.

    Returns:
        (N, C, H, W), uint8 or floating point.

    Raises:
        DataError: if it holds no such array, or is no archive.
    """
    arrays = read_arrays(path, ("samples", "images"))
    if not arrays:
        raise DataError(f"{path} has neither an array samples nor images")
    array = arrays.get("samples", arrays.get("images"))
    assert array is not None
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise DataError(f"{path}: images must be uint8 or floating point, got {array.dtype}")
    return torch.from_numpy(channels_first(array))


def read_data_archive(path: Path) -> Dataset:
    """Read an archive with ``x_train`` and ``y_train``, and perhaps ``x_test`` and ``y_test``.

    Raises:
        DataError: if it holds no such arrays, or is no archive.
    """
    arrays = read_arrays(path)
    missing = {"x_train", "y_train"} - set(arrays)
    if missing:
        raise DataError(f"{path} lacks the arrays {', '.join(sorted(missing))}")
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise DataError(f"{path} must have both x_test and y_test, or neither")
    train = Rows(_image_tensor(arrays["x_train"], path), _labels(arrays["y_train"], path))
    test = Rows(train.images[:0], train.labels[:0])
    if "x_test" in arrays:
        test = Rows(_image_tensor(arrays["x_test"], path), _labels(arrays["y_test"], path))
    number = max(train.labels.tolist(), default=-1)
    if number >= len(train.labels):
        raise DataError(f"{path}: label {number} is out of range for {len(train.labels)} rows")
    return Dataset(str(path), tuple(str(k) for k in range(number + 1)), train, test)


def _labels(array: Array, path: Path) -> Tensor:
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"{path}: labels must be a row of integers, got {array.dtype} {array.shape}"
        )
    return torch.from_numpy(array.astype(np.int64))


def _image_tensor(array: Array, path: Path) -> Tensor:
    """Accept (N, H, W), (N, C, H, W) or (N, H, W, C) uint8 images, or (N, A) float rows."""
    if array.ndim == 2 and np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):
            vectors = array.astype(np.float32)
        if not np.isfinite(vectors).all():
            raise DataError(f"{path}: rows hold values that are not finite")
        return torch.from_numpy(vectors)
    images = channels_first(array)
    if array.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise DataError(
            f"{path}: images must be uint8 of shape (N, H, W), (N, C, H, W) or (N, H, W, C), with "
            f"C 1 or 3, and vectors float of shape (N, A); got {array.dtype} {array.shape}"
        )
    return torch.from_numpy(images)
