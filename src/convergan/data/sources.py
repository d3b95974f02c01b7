"""Where rows come from: a hub name, a folder, an archive, or what scikit-learn embeds.

One function, `load`, turns any of these into a `Dataset`, in memory or with images that are decoded
when they are asked for:

* ``digits``: the 1,797 handwritten 8x8 digits that come with scikit-learn; no download;
* ``ring`` and ``grid``: points in the plane, see `convergan.data.toy`;
* ``stacked-mnist``: three digits of ``ylecun/mnist`` in one image, see `convergan.data.stacked`;
* ``FILE.npz``: arrays ``x_train``, ``y_train``, ``x_test``, ``y_test`` (the last two optional);
* a folder with ``labeled/<class>/*`` and ``unlabeled/*`` (and perhaps ``test/<class>/*``);
* a folder with ``train/<class>/*`` (and perhaps ``test/``, ``val/`` or ``validation/<class>/*``),
  as ImageNet is unpacked;
* a folder with ``labels.csv``: columns ``file,label``, an empty label for an unlabelled image;
* a folder of Parquet files in the layout of the Hugging Face hub;
* anything else: a name on the hub, such as ``ylecun/mnist``, or with one of its configurations,
  such as ``ufldl-stanford/svhn:cropped_digits``. A folder of the name's last part, here ``svhn``,
  in the folder that the environment variable CONVERGAN_DATA names is taken instead, by the same
  code.

A label of -1 in an archive marks an unlabelled row.
"""

import csv
import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .dataset import Dataset as Dataset
from .dataset import Rows as Rows
from .encoded import EncodedCells, EncodedFiles, EncodedSet, Split
from .image_files import DataError as DataError
from .image_files import decode, files_in, name_below, some, stacked, why_not
from .stacked import STACKED_CLASSES, TEST_ROWS, TRAINING_ROWS, stack_digits
from .streamed import Streaming, stream
from .toy import MIXTURES, mixture_of_gaussians


def load(
    source: str,
    side: int | None = None,
    *,
    allow_bad: bool = False,
    streaming: Streaming | None = None,
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

    Raises:
        DataError: if there is nothing of that name here or on the hub, or its files are unreadable,
            of mixed sizes, or wrongly labelled.

    Example:
        >>> dataset = load("digits")
        >>> dataset.row_shape, len(dataset.train.labels), len(dataset.test.labels)
        ((1, 8, 8), 1297, 500)
    """
    path = Path(source).expanduser()
    if streaming is None and source in EMBEDDED:
        dataset = EMBEDDED[source]()
    elif streaming is None and path.suffix == ".npz":
        dataset = _archive(path)
    else:
        found = find_encoded(source)
        if streaming is None:
            dataset = _decode(found, side, allow_bad)
        else:
            dataset = stream(found, side=side, streaming=streaming, allow_bad=allow_bad)
    _check(dataset)
    return dataset


def find_encoded(source: str) -> EncodedSet:
    """Find the encoded images of a data set; none is opened.

    Raises:
        DataError: as `load`, and if rows of that name are no encoded images.
    """
    path = Path(source).expanduser()
    if source in EMBEDDED or path.suffix == ".npz":
        raise DataError(f"{source} has no encoded images to stream or scan")
    found = _folder(path) if path.is_dir() else _hub(source)
    _check_labels(source, found.classes, found.train.labels, found.test.labels)
    return found


def _folder(folder: Path) -> EncodedSet:
    if (folder / "labeled").is_dir():
        return _image_folder(folder)
    if (folder / "labels.csv").is_file():
        return _labeled_by_table(folder)
    if any((folder / "train").glob("*/")):
        held_out = next((n for n in ("test", "val", "validation") if (folder / n).is_dir()), "test")
        return _image_folder(folder, labeled="train", held_out=held_out)
    if any(folder.rglob("*.parquet")):
        return _hub_layout(str(folder), str(folder), None)
    raise DataError(
        f"{folder} holds no data: expected Parquet files in the hub's layout, "
        "labeled/<class>/* and unlabeled/*, train/<class>/*, or labels.csv"
    )


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
    for split, labels, least in (("training", train, -1), ("test", test, 0)):
        wrong = labels[(labels < least) | (labels >= len(classes))]
        if len(wrong):
            unlabelled = ", or -1 for an unlabelled training row"
            raise DataError(
                f"{source}: {split} label {int(wrong[0])} is out of range, "
                f"labels are 0 to {len(classes) - 1}{unlabelled}"
            )


# --- embedded ------------------------------------------------------------------------------------


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


EMBEDDED: dict[str, Callable[[], Dataset]] = {
    "digits": _digits,
    **{name: partial(_points, name, centres) for name, centres in MIXTURES.items()},
    "stacked-mnist": _stacked_mnist,
}
"""Rows that are made rather than found, by the names that they have as sources."""


# --- archives ------------------------------------------------------------------------------------


def _archive(path: Path) -> Dataset:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except Exception as error:
        raise DataError(f"{path} is not a readable npz archive without pickles: {error}") from None
    missing = {"x_train", "y_train"} - set(arrays)
    if missing:
        raise DataError(f"{path} lacks the arrays {', '.join(sorted(missing))}")
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise DataError(f"{path} must have both x_test and y_test, or neither")
    train = Rows(_image_tensor(arrays["x_train"], path), _labels(arrays["y_train"], path))
    test = _no_rows(train)
    if "x_test" in arrays:
        test = Rows(_image_tensor(arrays["x_test"], path), _labels(arrays["y_test"], path))
    number = max(train.labels.tolist(), default=-1)
    if number >= len(train.labels):
        raise DataError(f"{path}: label {number} is out of range for {len(train.labels)} rows")
    return Dataset(str(path), tuple(str(k) for k in range(number + 1)), train, test)


def _labels(array: np.ndarray[Any, Any], path: Path) -> Tensor:
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"{path}: labels must be a row of integers, got {array.dtype} {array.shape}"
        )
    return torch.from_numpy(array.astype(np.int64))


def _image_tensor(array: np.ndarray[Any, Any], path: Path) -> Tensor:
    """Accept (N, H, W), (N, C, H, W) or (N, H, W, C) uint8 images, or (N, A) float rows."""
    if array.ndim == 2 and np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):
            vectors = array.astype(np.float32)
        if not np.isfinite(vectors).all():
            raise DataError(f"{path}: rows hold values that are not finite")
        return torch.from_numpy(vectors)
    images = array[:, None] if array.ndim == 3 else array
    if images.ndim == 4 and images.shape[-1] in (1, 3) and images.shape[1] not in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if array.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise DataError(
            f"{path}: images must be uint8 of shape (N, H, W), (N, C, H, W) or (N, H, W, C), with "
            f"C 1 or 3, and vectors float of shape (N, A); got {array.dtype} {array.shape}"
        )
    return torch.from_numpy(np.ascontiguousarray(images))


def _no_rows(like: Rows) -> Rows:
    return Rows(like.images[:0], like.labels[:0])


# --- image files ---------------------------------------------------------------------------------


def _decode(found: EncodedSet, side: int | None, allow_bad: bool) -> Dataset:
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
    )


def _encoded_files(root: Path, files: list[tuple[Path, int]]) -> Split:
    paths = tuple(path for path, _ in files)
    names = tuple(name_below(root, path) for path in paths)
    labels = torch.tensor([label for _, label in files], dtype=torch.int64)
    return Split(EncodedFiles(root, paths), labels, names)


def _image_folder(folder: Path, *, labeled: str = "labeled", held_out: str = "test") -> EncodedSet:
    classes = tuple(sorted(p.name for p in (folder / labeled).iterdir() if p.is_dir()))

    def split(name: str) -> list[tuple[Path, int]]:
        return [
            (path, number)
            for number, class_name in enumerate(classes)
            for path in files_in(folder / name / class_name)
        ]

    unknown = sorted({p.name for p in (folder / held_out).glob("*/")} - set(classes))
    if unknown:
        raise DataError(f"{folder}/{held_out} has classes that {labeled}/ lacks: {some(unknown)}")
    unlabeled = [(path, -1) for path in files_in(folder / "unlabeled")]
    train = _encoded_files(folder, split(labeled) + unlabeled)
    return EncodedSet(str(folder), classes, train, _encoded_files(folder, split(held_out)))


def _labeled_by_table(folder: Path) -> EncodedSet:
    table = folder / "labels.csv"
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines, restval="")
            if not {"file", "label"} <= set(reader.fieldnames or ()):
                raise DataError(
                    f"{table} must have the columns file,label; has {reader.fieldnames}"
                )
            entries = [(row["file"], row["label"].strip()) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table} is not a CSV file in UTF-8: {error}") from None
    outside = [name for name, _ in entries if Path(name).is_absolute() or ".." in Path(name).parts]
    if outside:
        raise DataError(f"{table} names files outside its folder: {some(outside)}")
    classes = tuple(sorted({label for _, label in entries if label}))
    numbers = {name: number for number, name in enumerate(classes)} | {"": -1}
    repeated = [name for name, count in Counter(file for file, _ in entries).items() if count > 1]
    if repeated:
        raise DataError(f"{table} names files twice: {some(repeated)}")
    files = [(folder / name, numbers[label]) for name, label in entries]
    return EncodedSet(
        str(folder), classes, _encoded_files(folder, files), _encoded_files(folder, [])
    )


# --- the hub and its layout ----------------------------------------------------------------------


def _hub(source: str) -> EncodedSet:
    name, _, config = source.partition(":")
    root = os.environ.get("CONVERGAN_DATA")
    if root and not Path(root).is_dir():
        raise DataError(
            f"no data set {source!r}: neither a folder nor a file here, and CONVERGAN_DATA names "
            f"{root}, which is no folder; unset it to ask the Hugging Face hub"
        )
    local = Path(root) / name.rsplit("/", 1)[-1] if root else None
    path = str(local) if local and local.is_dir() else name
    return _hub_layout(path, source, config or None)


def _hub_layout(path: str, source: str, config: str | None) -> EncodedSet:
    import datasets

    try:
        splits = datasets.load_dataset(path, config)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).splitlines()[:2]) or type(error).__name__
        if Path(path).is_dir():
            raise DataError(f"the Parquet files in {path} cannot be read: {reason}") from None
        raise DataError(
            f"no data set {source!r}: neither a folder nor a file here, and not to be had from the "
            f"Hugging Face hub ({reason})"
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
