"""Rows in ``.npz`` files: of data sets, and of images alone. No pickle is ever opened."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .dataset import Dataset, Rows
from .decoding import DataError, some
from .label_values import NO_LABEL, NO_LABEL_NOTE, number_labels

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


def _order_notes(arrays: dict[str, Array]) -> list[str]:
    """Say of which arrays `channels_first` had to suppose where the channels are."""
    return [
        f"{name} of shape {array.shape} is taken as (N, C, H, W); it could be (N, H, W, C) too"
        for name, array in arrays.items()
        if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[-1] in (1, 3)
    ]


def read_image_archive(path: Path) -> tuple[Tensor, tuple[str, ...]]:
    """Read the images of an archive: the array ``samples``, or else ``images``.

    Returns:
        (N, C, H, W), uint8 or floating point; and notes on what was supposed or not read.

    Raises:
        DataError: if it holds no such array, or is no archive.
    """
    arrays = read_arrays(path, ("samples", "images"))
    if not arrays:
        there = ", ".join(read_arrays(path)) or "none"
        raise DataError(f"{path} has neither an array samples nor images, but {there}")
    name = next(iter(arrays))
    array = arrays[name]
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise DataError(f"{path}: images must be uint8 or floating point, got {array.dtype}")
    notes = [f"the array {name} is read, {other} is not" for other in arrays if other != name]
    notes += _order_notes({name: array})
    return torch.from_numpy(channels_first(array)), tuple(notes)


KERAS = ("x_train", "y_train", "x_test", "y_test")
MEDMNIST = ("train_images", "train_labels", "test_images", "test_labels")
"""Names of arrays: rows and labels to learn from, and to measure on."""


def read_data_archive(path: Path) -> Dataset:
    """Read an archive with ``x_train`` and ``y_train``, and perhaps ``x_test`` and ``y_test``.

    ``train_images``, ``train_labels`` and so on are taken likewise.

    Raises:
        DataError: if it holds no such arrays, or is no archive.
    """
    arrays = read_arrays(path)
    names = MEDMNIST if MEDMNIST[0] in arrays and KERAS[0] not in arrays else KERAS
    if missing := sorted(set(names[:2]) - set(arrays)):
        advice = f"; for rows without labels fill {names[1]} with -1" * (missing == [names[1]])
        raise DataError(
            f"{path} lacks the arrays {', '.join(missing)}; it has {', '.join(arrays) or 'none'}"
            f"{advice}"
        )
    held_out = [name for name in names[2:] if name in arrays]
    if len(held_out) == 1:
        raise DataError(f"{path} must have both {names[2]} and {names[3]}, or neither")
    used = (*names[:2], *held_out)
    labels = [_labels(arrays[name], name, path) for name in used[1::2]]
    classes, notes = _classes(labels, path), []
    if classes is None:
        texts = [part.tolist() for part in labels]
        classes, numbers = number_labels(texts, None, str(path))
        if any(text.strip() in NO_LABEL for part in texts for text in part):
            notes.append(NO_LABEL_NOTE)
    else:
        numbers = [part.tolist() for part in labels]
        empty = sorted(set(range(len(classes))) - set(numbers[0]))
        if empty:
            notes.append(f"classes without a row to learn from: {some([str(n) for n in empty])}")
    if unread := [name for name in arrays if name not in used]:
        notes.append(f"arrays that are not read: {some(unread)}")
    notes += _order_notes({name: arrays[name] for name in used[::2]})
    train, *rest = (
        Rows(_image_tensor(arrays[name], name, path), torch.tensor(part, dtype=torch.int64))
        for name, part in zip(used[::2], numbers, strict=True)
    )
    test = rest[0] if rest else Rows(train.images[:0], train.labels[:0])
    return Dataset(str(path), classes, train, test, notes=tuple(notes))


def _classes(labels: list[Array], path: Path) -> tuple[str, ...] | None:
    """Return the classes that numbers stand for, from 0 to the highest; None of text."""
    if labels[0].dtype.kind == "U":
        return None
    number = max(labels[0].tolist(), default=-1)
    if number >= len(labels[0]):
        raise DataError(f"{path}: label {number} is out of range for {len(labels[0])} rows")
    return tuple(str(k) for k in range(number + 1))


def _labels(array: Array, name: str, path: Path) -> Array:
    """Accept (N,) or (N, 1) whole numbers, also as floating point, or text."""
    shape = array.shape
    if array.ndim == 2 and shape[1] == 1:
        array = array[:, 0]
    whole = np.issubdtype(array.dtype, np.integer)
    if array.ndim == 1 and np.issubdtype(array.dtype, np.floating):
        whole = bool((np.isfinite(array) & (array == np.rint(array))).all())
    if array.ndim == 1 and (whole or array.dtype.kind == "U"):
        return array.astype(np.int64) if whole else array
    one_hot = array.ndim == 2 and np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()
    advice = f"; of one-hot labels store {name}.argmax(axis=1)" if one_hot else ""
    raise DataError(
        f"{path}: labels must be a row of integers, got {array.dtype} {shape} as {name}{advice}"
    )


def _image_tensor(array: Array, name: str, path: Path) -> Tensor:
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
            f"C 1 or 3, and vectors float of shape (N, A); got {array.dtype} {array.shape} as "
            f"{name}{_advice(array, name)}"
        )
    return torch.from_numpy(images)


def _advice(array: Array, name: str) -> str:
    """Say how rows that are refused can be stored, where that is plain."""
    low, high = (array.min(), array.max()) if array.size and array.dtype.kind in "iuf" else (-1, -1)
    if array.ndim == 2 and array.dtype.kind in "iu":
        return f"; for vectors store {name}.astype('float32'), for images {name}.reshape(N, H, W)"
    if array.ndim == 4 and 4 in (array.shape[1], array.shape[-1]) and array.dtype == np.uint8:
        return "; of four channels store three, blended with a background where transparent"
    if array.dtype.kind == "f" and 0 <= low and high <= 1:
        return f"; store ({name} * 255).round().astype('uint8')"
    if array.dtype != np.uint8 and 0 <= low and high <= 255:
        return f"; store {name}.round().astype('uint8')"
    return ""
