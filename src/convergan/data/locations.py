"""What a text that names data means: one answer for training, scores and studies.

In this order, a text is

* the name of a built-in data set, see `BUILT_IN`;
* ``FILE.npz``: of images where it has an array ``samples`` or ``images``, otherwise a data set;
* a folder: with ``labeled/``, of a run (``config.json`` beside what training writes), with
  ``labels.csv``, with class folders below ``train/``, with Parquet files at any depth, or else of
  plain images, whose folders are their classes where labels are wanted;
* a name on the Hugging Face hub.

Only names are looked at: what is in a file, its reader finds out.
"""

import zipfile
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ..core.image_folders import is_passed_over

BUILT_IN = ("digits", "ring", "grid", "stacked-mnist")


class Kind(Enum):
    """What a text names."""

    BUILT_IN = "a built-in data set"
    DATA_ARCHIVE = "an archive of labelled rows"
    IMAGE_ARCHIVE = "an archive of images"
    LABELED_FOLDERS = "a folder with labeled/<class>/*"
    LABEL_TABLE = "a folder with labels.csv"
    TRAIN_FOLDERS = "a folder with train/<class>/*"
    RUN = "the folder of a run"
    PARQUET = "a folder of Parquet files"
    IMAGE_FOLDER = "a folder of images"
    HUB = "a name on the Hugging Face hub"


class Location(NamedTuple):
    """Where data are.

    Attributes:
        kind: of data.
        path: of the file or folder, if it is one.
    """

    kind: Kind
    path: Path

    @property
    def plain_images(self) -> bool:
        """Whether scores and studies take all images there, whatever their labels."""
        return self.kind in (Kind.IMAGE_ARCHIVE, Kind.IMAGE_FOLDER, Kind.TRAIN_FOLDERS)


def locate(source: str) -> Location:
    """Find out what a text names; see the top of this module.

    Raises:
        ValueError: if it is empty, as a variable of the shell is that was never set.

    Example:
        >>> locate("digits").kind, locate("ylecun/mnist").kind
        (<Kind.BUILT_IN: 'a built-in data set'>, <Kind.HUB: 'a name on the Hugging Face hub'>)
    """
    if not source.strip():
        raise ValueError(f"data must be named, got {source!r}")
    path = Path(source).expanduser()
    if source in BUILT_IN:
        return Location(Kind.BUILT_IN, path)
    if path.suffix == ".npz":
        return Location(_kind_of_archive(path), path)
    return Location(_kind_of_folder(path) if path.is_dir() else Kind.HUB, path)


def _kind_of_archive(file: Path) -> Kind:
    try:
        with zipfile.ZipFile(file) as archive:
            arrays = set(archive.namelist())
    except (OSError, zipfile.BadZipFile):  # the readers of either kind say what is wrong
        return Kind.IMAGE_ARCHIVE
    data = arrays & {"x_train.npy", "train_images.npy"} and not arrays & {
        "samples.npy",
        "images.npy",
    }
    return Kind.DATA_ARCHIVE if data else Kind.IMAGE_ARCHIVE


def _kind_of_folder(folder: Path) -> Kind:
    if (folder / "labeled").is_dir():
        return Kind.LABELED_FOLDERS
    # A run has a labels.csv too, and a data set may have a config.json of another kind.
    configured = (folder / "config.json").is_file()
    if configured and any((folder / name).exists() for name in ("checkpoints", "metrics.jsonl")):
        return Kind.RUN
    if (folder / "labels.csv").is_file():
        return Kind.LABEL_TABLE
    if any(not is_passed_over(path.name) for path in (folder / "train").glob("*/")):
        return Kind.TRAIN_FOLDERS
    if configured:
        return Kind.RUN
    tables = (path.relative_to(folder).parts for path in folder.rglob("*.parquet"))
    visible = any(not any(map(is_passed_over, parts)) for parts in tables)
    return Kind.PARQUET if visible else Kind.IMAGE_FOLDER
