"""Data sets of the Hugging Face hub, and folders of Parquet files in its layout."""

import os
from pathlib import Path

import torch

from ..core.cache import make_hub_cache_writable
from .decoding import DataError
from .encoded import EncodedCells, EncodedFiles, EncodedSet, Split


def find_on_hub(source: str) -> EncodedSet:
    """Find a data set by its name on the hub, in the folder CONVERGAN_DATA first.

    Args:
        source: ``owner/name`` or, for one of its configurations, ``owner/name:configuration``.

    Raises:
        DataError: if there is none, or as `read_hub_layout`.
    """
    name, _, config = source.partition(":")
    root = os.environ.get("CONVERGAN_DATA")
    if root and not Path(root).is_dir():
        raise DataError(
            f"no data set {source!r}: neither a folder nor a file here, and CONVERGAN_DATA names "
            f"{root}, which is no folder; unset it to ask the Hugging Face hub"
        )
    local = Path(root) / name.rsplit("/", 1)[-1] if root else None
    path = str(local) if local and local.is_dir() else name
    return read_hub_layout(path, source, config or None)


def read_hub_layout(path: str, source: str, config: str | None = None) -> EncodedSet:
    """Find the images of a data set in the hub's layout.

    Args:
        path: a folder, or a name on the hub.
        source: what messages call it.
        config: one of its configurations.

    Raises:
        DataError: if it cannot be had or read, or has not one image and one class-label column.
    """
    make_hub_cache_writable()
    import datasets

    try:
        splits = datasets.load_dataset(path, config)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).splitlines()[:2]) or type(error).__name__
        if Path(path).is_dir():
            raise DataError(f"the Parquet files in {path} cannot be read: {reason}") from None
        raise DataError(
            f"no data set {source!r}: neither a folder nor a file here, and it cannot be loaded "
            f"from the Hugging Face hub ({reason})"
        ) from None
    if "train" not in splits:
        raise DataError(f"{source} has no split named train, only {', '.join(splits)}")
    features = splits["train"].features
    images = [n for n, f in features.items() if isinstance(f, datasets.Image)]
    labels = [n for n, f in features.items() if isinstance(f, datasets.ClassLabel)]
    if len(images) != 1 or len(labels) != 1:
        raise DataError(
            f"{source} must have one image and one class-label column, has images {images} "
            f"and labels {labels} among the columns {', '.join(features)}"
        )
    held_out = next((name for name in ("test", "validation") if name in splits), None)
    classes = tuple(features[labels[0]].names)

    def split(name: str) -> Split:
        encoded = splits[name].cast_column(images[0], datasets.Image(decode=False))
        numbers = [-1 if number is None else number for number in splits[name][labels[0]]]
        cells = EncodedCells(encoded.select_columns(images[0]), images[0], name)
        return Split(cells, torch.tensor(numbers, dtype=torch.int64))

    train = split("train")
    none = Split(EncodedFiles(Path(path), ()), train.labels[:0])
    return EncodedSet(source, classes, train, split(held_out) if held_out else none)
