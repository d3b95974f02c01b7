"""Data sets from a hub name, a folder, an archive, or built in.

One function, `load`, turns any of these into a `Dataset`, in memory or with images that are decoded
when they are asked for:

* ``digits``: the 1,797 handwritten 8x8 digits that come with scikit-learn; no download;
* ``ring`` and ``grid``: points in the plane, see `convergan.data.toy`;
* ``stacked-mnist``: three digits of ``ylecun/mnist`` in one image, see `convergan.data.stacked`;
* ``FILE.npz``: arrays ``x_train``, ``y_train``, ``x_test``, ``y_test`` (the last two optional), or
  ``train_images``, ``train_labels`` and so on;
* a folder with ``labeled/<class>/*`` and ``unlabeled/*`` (and perhaps ``test/<class>/*``);
* a folder with ``train/<class>/*`` (and perhaps ``test/<class>/*``, or ``validation/``, ``valid/``,
  ``val/`` or ``dev/``),
  as ImageNet is unpacked;
* a folder with ``labels.csv``: columns ``file,label``, an empty label for an unlabelled image;
* a folder of Parquet files in the layout of the Hugging Face hub;
* another folder of images: those in ``<class>/*`` are of that class, those that lie loose or in
  ``train/`` have none;
* a name on the hub, such as ``ylecun/mnist``, or with one of its configurations,
  such as ``ufldl-stanford/svhn:cropped_digits``. A folder of the name's last part, here ``svhn``,
  in the folder that the environment variable CONVERGAN_DATA names is taken instead, by the same
  code.

A label of -1 in an archive marks an unlabelled row.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .archives import read_data_archive
from .dataset import Dataset as Dataset
from .dataset import Rows as Rows
from .decoding import DataError as DataError
from .decoding import decode, some, stacked, why_not
from .encoded import EncodedSet, Split
from .folders import (
    find_class_folders,
    find_folders_and_loose,
    find_table_of_labels,
    find_unlabeled_splits,
)
from .hub import find_on_hub, read_hub_layout
from .locations import Kind, Location, locate
from .source_options import PLAIN, TEST_SPLITS, SourceOptions
from .stacked import STACKED_CLASSES, TEST_ROWS, TRAINING_ROWS, stack_digits
from .streamed import Streaming, stream
from .toy import MIXTURES, mixture_of_gaussians

ARCHIVES = (Kind.DATA_ARCHIVE, Kind.IMAGE_ARCHIVE)


def load(
    source: str,
    side: int | None = None,
    *,
    allow_bad: bool = False,
    streaming: Streaming | None = None,
    options: SourceOptions = PLAIN,
) -> Dataset:
    """Read a data set; see the top of this module for what ``source`` may be.

    Args:
        source: where it is.
        side: cut encoded images to their centre square and scale them to this side,
            bilinearly; None to take them as they are, all of one size.
        allow_bad: leave out images that cannot be read, whose rows then are as if they had never
            been there; False to refuse.
        streaming: leave images of folders and Parquet files where they are, and decode them when
            they are asked for; None to hold all in memory.
        options: how folders and tables of images are read.

    Raises:
        DataError: if there is nothing of that name here or on the hub, or its files are unreadable,
            of mixed sizes, or wrongly labelled.

    Example:
        >>> dataset = load("digits")
        >>> dataset.row_shape, len(dataset.train.labels), len(dataset.test.labels)
        ((1, 8, 8), 1297, 500)
    """
    location = locate(source)
    if streaming is None and location.kind is Kind.BUILT_IN:
        dataset = MAKERS[source]()
    elif streaming is None and location.kind in ARCHIVES:
        dataset = read_data_archive(location.path)
    else:
        found = find_encoded(source, options)
        if streaming is None:
            dataset = _decode_all(found, side, allow_bad)
        else:
            dataset = stream(found, side=side, streaming=streaming, allow_bad=allow_bad)
    _check(dataset)
    return dataset


def find_encoded(source: str, options: SourceOptions = PLAIN) -> EncodedSet:
    """Find the encoded images of a data set; none is opened.

    Args:
        source: where it is.
        options: how it is read.

    Raises:
        DataError: as `load`, and if rows of that name are no encoded images.
    """
    location = locate(source)
    if location.kind is Kind.BUILT_IN or location.kind in ARCHIVES:
        raise DataError(
            f"{source} has no encoded images to stream or scan: its rows are arrays, which "
            "training holds in memory; these are for folders and names on the hub"
        )
    if location.kind is Kind.HUB:
        found = find_on_hub(source, options)
    else:
        found = _find_in_folder(location, options)
    _check_labels(source, found.classes, found.train.labels, found.test.labels)
    return found


def _find_in_folder(location: Location, options: SourceOptions) -> EncodedSet:
    kind, folder = location
    follow = options.follow_links
    match kind:
        case Kind.LABELED_FOLDERS:
            return find_class_folders(folder, follow_links=follow)
        case Kind.LABEL_TABLE:
            return find_table_of_labels(folder, follow_links=follow)
        case Kind.TRAIN_FOLDERS:
            return find_class_folders(
                folder, labeled="train", held_out=_held_out(folder), follow_links=follow
            )
        case Kind.PARQUET:
            return read_hub_layout(str(folder), str(folder), options=options)
        case Kind.IMAGE_FOLDER:
            if (folder / "train").is_dir():
                found = find_unlabeled_splits(folder, _held_out(folder), follow_links=follow)
            else:
                found = find_folders_and_loose(folder, follow_links=follow)
            if len(found.train.labels):
                return found
    there = "it is the folder of a run" if kind is Kind.RUN else "no image file is in it"
    raise DataError(
        f"{folder} holds no data: expected Parquet files in the hub's layout, images with or "
        "without a folder for each class, labeled/<class>/* and unlabeled/*, train/<class>/*, or "
        f"labels.csv; {there}"
    )


def _held_out(folder: Path) -> str:
    return next((name for name in TEST_SPLITS if (folder / name).is_dir()), "test")


def _check(dataset: Dataset) -> None:
    for split, rows in (("training", dataset.train), ("test", dataset.test)):
        if len(rows.images) != len(rows.labels):
            raise DataError(
                f"{dataset.source}: {len(rows.images)} {split} rows but {len(rows.labels)} labels"
            )
        if len(rows.images) and tuple(rows.images.shape[1:]) != dataset.row_shape:
            raise DataError(
                f"{dataset.source}: test rows have shape {tuple(rows.images.shape[1:])}, "
                f"training rows {dataset.row_shape}"
            )
    _check_labels(dataset.source, dataset.classes, dataset.train.labels, dataset.test.labels)


def _check_labels(source: str, classes: tuple[str, ...], train: Tensor, test: Tensor) -> None:
    if not len(train):
        raise DataError(f"{source} has no training rows")
    for split, labels, least in (("training", train, -1), ("test", test, 0 if classes else -1)):
        wrong = labels[(labels < least) | (labels >= len(classes))]
        if len(wrong):
            unlabelled = ", or -1 for an unlabelled training row"
            raise DataError(
                f"{source}: {split} label {int(wrong[0])} is out of range, "
                f"labels are 0 to {len(classes) - 1}{unlabelled}"
            )


# --- built in ------------------------------------------------------------------------------------


def _digits() -> Dataset:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))  # the file is sorted by writer
    grey = np.rint(bunch.images[order] * (255 / 16)).astype(np.uint8)[:, None]
    images, labels = torch.from_numpy(grey), torch.from_numpy(bunch.target[order]).long()
    train, test = Rows(images[:1297], labels[:1297]), Rows(images[1297:], labels[1297:])
    return Dataset("digits", tuple(str(name) for name in bunch.target_names), train, test)


def _points(name: str, centres: Tensor) -> Dataset:
    points, modes = mixture_of_gaussians(name, centres, 20_000, seed=0)
    train, test = Rows(points[:16_000], modes[:16_000]), Rows(points[16_000:], modes[16_000:])
    return Dataset(name, tuple(str(mode) for mode in range(len(centres))), train, test)


def _stacked_mnist() -> Dataset:
    mnist = load("ylecun/mnist")
    unlabeled = int((mnist.train.labels < 0).sum())
    found = (mnist.row_shape, len(mnist.classes), len(mnist.test.labels) > 0, unlabeled)
    if found != ((1, 28, 28), 10, True, 0):
        raise DataError(
            "stacked-mnist needs (1, 28, 28) images of 10 classes, all labelled, with test rows; "
            f"ylecun/mnist here has {mnist.row_shape} rows of {len(mnist.classes)} classes, "
            f"{unlabeled} unlabelled, {len(mnist.test.labels)} for test"
        )
    train, test = (
        Rows(*stack_digits(digits.images[:], digits.labels, count, seed=seed))
        for seed, (digits, count) in enumerate(
            [(mnist.train, TRAINING_ROWS), (mnist.test, TEST_ROWS)]
        )
    )
    return Dataset("stacked-mnist", STACKED_CLASSES, train, test)


MAKERS: dict[str, Callable[[], Dataset]] = {
    "digits": _digits,
    **{name: partial(_points, name, centres) for name, centres in MIXTURES.items()},
    "stacked-mnist": _stacked_mnist,
}
"""What makes each of `convergan.data.locations.BUILT_IN`."""


# --- image files ---------------------------------------------------------------------------------


def _decode_all(found: EncodedSet, side: int | None, allow_bad: bool) -> Dataset:
    """Decode every image completely, both splits together; find every one that fails.

    Grey images stay grey where all are grey; otherwise all become RGB.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    good: list[tuple[Split, int]] = []
    bad: list[str] = []
    sizes: Counter[tuple[int, int]] = Counter()
    example: dict[tuple[int, int], str] = {}
    splits = (found.train, found.test)
    for split, place in [(which, n) for which in splits for n in range(len(which.encoded))]:
        name = split.encoded.name(place)
        try:
            pixels = decode(split.encoded.read(place), side).pixels
        except Exception as error:  # Pillow raises half a dozen kinds for damaged files
            bad.append(f"{name} ({why_not(error)})")
            continue
        size = (pixels.shape[1], pixels.shape[0])
        sizes[size] += 1
        example.setdefault(size, name)
        arrays.append(pixels)
        good.append((split, place))
    if bad and not allow_bad:
        raise DataError(f"{found.source}: {len(bad)} unreadable: {some(bad)}", bad)
    if len(sizes) > 1:
        shown = some([f"{w}x{h} ({n}, e.g. {example[w, h]})" for (w, h), n in sizes.most_common()])
        raise DataError(f"{found.source}: images of mixed sizes: {shown}")
    images = torch.from_numpy(stacked(arrays)) if arrays else torch.empty(0, 1, 0, 0).byte()
    train, test = (
        torch.tensor([place for split, place in good if split is which], dtype=torch.int64)
        for which in splits
    )
    return Dataset(
        found.source,
        found.classes,
        found.train.rows(images[: len(train)], train),
        found.test.rows(images[len(train) :], test),
        tuple(bad),
        notes=found.notes,
    )
