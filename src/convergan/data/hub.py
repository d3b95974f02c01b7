"""Data sets of the Hugging Face hub, and folders of Parquet files in its layout.

Which columns hold images and labels, and which splits are learned from and measured on, is read
from the features where these say it, else guessed from names and types. Guesses are among the notes
of what is found; `SourceOptions` says otherwise.
"""

import contextlib
import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from ..core.cache import cache_folder, in_turn, make_hub_cache_writable
from ..core.image_folders import is_passed_over
from .decoding import DataError
from .encoded import EncodedCells, EncodedFiles, EncodedSet, Split
from .label_values import NO_LABEL, NO_LABEL_NOTE, number_labels
from .source_options import PLAIN, TEST_SPLITS, TRAIN_SPLIT, SourceOptions

NAME_PART = re.compile(r"\w([\w.-]{0,94}\w)?", re.ASCII)
"""Of a name on the hub, the owner or what they call it."""
NOT_IN_NAMES = ("--", "..")
FILE_NAME = re.compile(
    r"\.(npz|npy|csv|tsv|json|jsonl|parquet|zip|tar|gz|tgz|xz|bz2|7z|rar|h5|hdf5|mat|pt|pkl|png|"
    r"jpe?g|tiff?|webp|gif|bmp)$",
    re.IGNORECASE,
)
"""Endings of files, which no name on the hub has."""
GLOB_SIGNS = set("[]*?")
"""What the library takes for patterns, in the names of folders too."""
LABEL_NAMES = ("label", "labels", "class", "target", "category")
IMAGE_NAMES = ("image", "img", "images")
REACH_SECONDS = 5
"""In which the hub must answer; else what is in the library's cache is taken."""


def find_on_hub(source: str, options: SourceOptions = PLAIN) -> EncodedSet:
    """Find a data set by its name on the hub, in the folder CONVERGAN_DATA first.

    Args:
        source: ``owner/name`` or, for one of its configurations, ``owner/name:configuration``.
        options: see `read_hub_layout`.

    Raises:
        DataError: if there is none, or as `read_hub_layout`; at once where ``source`` is no name on
            the hub but a path to nothing here.
    """
    _require_hub_name(source)
    name, _, config = source.partition(":")
    root = os.environ.get("CONVERGAN_DATA")
    if root and not Path(root).is_dir():
        raise DataError(
            f"no data set {source!r}: neither a folder nor a file here, and CONVERGAN_DATA names "
            f"{root}, which is no folder; unset it to ask the Hugging Face hub"
        )
    local = Path(root) / name.rsplit("/", 1)[-1] if root else None
    path = str(local) if local and local.is_dir() else name
    return read_hub_layout(path, source, config or None, options)


def read_hub_layout(
    path: str, source: str, config: str | None = None, options: SourceOptions = PLAIN
) -> EncodedSet:
    """Find the images of a data set in the hub's layout.

    Args:
        path: a folder, or a name on the hub.
        source: what messages call it.
        config: one of its configurations.
        options: its columns and splits.

    Raises:
        DataError: if it cannot be had or read, or it has not the columns and splits that are asked
            for, or none or several that could be meant.
    """
    splits = _load_splits(path, source, config)
    notes: list[str] = []
    train_name = _choose_train(list(splits), source, options, notes)
    test_name = _choose_test(list(splits), train_name, source, options, notes)
    features = splits[train_name].features
    image = _choose_images(features, source, options, notes)
    label = _choose_labels(features, source, options, notes)
    used = [train_name, *([test_name] if test_name else [])]
    values = [splits[name][label][:] if label else [None] * len(splits[name]) for name in used]
    names = features[label].names if label and _kind(features[label]) == "ClassLabel" else None
    classes, numbers = number_labels(values, names, f"{source}: column {label}")
    if any(isinstance(v, str) and v.strip() in NO_LABEL for part in values for v in part):
        notes.append(f"column {label}: {NO_LABEL_NOTE}")
    if names is None and label:
        notes.append(
            f"classes are the {len(classes)} values of the column {label}: {_first(classes)}"
        )
    found = [
        Split(_cells(splits[name], image, name), torch.tensor(part, dtype=torch.int64))
        for name, part in zip(used, numbers, strict=True)
    ]
    none = Split(EncodedFiles(Path(path), ()), found[0].labels[:0])
    if label and test_name and len(found[1].labels) and not (found[1].labels >= 0).any():
        notes.append(f"the split {test_name} has no labels and is left out")
        found.pop()
    test = found[1] if len(found) > 1 else none
    return EncodedSet(source, classes, found[0], test, tuple(notes))


# --- where it is ---------------------------------------------------------------------------------


def is_hub_name(name: str) -> bool:
    """Return whether a text can be a data set's name on the hub: no file, and in no folder here.

    Args:
        name: without a configuration.

    Example:
        >>> is_hub_name("ylecun/mnist"), is_hub_name("ylecun/mnist.zip")
        (True, False)
    """
    beside = "/" in name and Path(name).parent.is_dir()
    return not beside and fits_the_hub(name) and not FILE_NAME.search(name)


def fits_the_hub(name: str) -> bool:
    """Return whether the hub allows a name: of a data set or a model, NAME or OWNER/NAME.

    Args:
        name: without a configuration.

    Example:
        >>> fits_the_hub("me/a.b-c"), fits_the_hub("me/a--b"), fits_the_hub("me/a.git")
        (True, False, False)
    """
    parts = name.split("/")
    plain = len(parts) <= 2 and all(map(NAME_PART.fullmatch, parts))
    return plain and not name.endswith(".git") and not any(sign in name for sign in NOT_IN_NAMES)


def _require_hub_name(source: str) -> None:
    """Refuse at once what names nothing here and cannot be a name on the hub.

    Raises:
        DataError: saying what is the matter.
    """
    path = Path(source).expanduser()
    if path.is_file():
        raise DataError(
            f"{source} is a file that is not read: data are folders, .npz files or names on the "
            "hub; unpack an archive, and name the folder of a Parquet file"
        )
    if not is_hub_name(source.partition(":")[0]):
        above = path.parent if not path.parent.is_dir() else None
        more = f" (there is no {above})" if above else ""
        raise DataError(
            f"no data set {source!r}: neither a folder nor a file here{more}, and no name on the "
            "Hugging Face hub"
        )


def _library() -> ModuleType:
    """Return the library ``datasets``.

    Raises:
        DataError: if another module of that name is in the way.
    """
    make_hub_cache_writable()
    import datasets

    try:
        from datasets import ClassLabel, Image, load_dataset  # noqa: F401
    except ImportError:
        place = datasets.__file__ or list(datasets.__path__)[0]
        raise DataError(
            f"{place} is in the way of the library datasets, which reads data of the hub: rename "
            "it, or start convergan in another folder"
        ) from None
    module: ModuleType = datasets
    return module


def _load_splits(path: str, source: str, config: str | None) -> Mapping[str, Any]:
    datasets = _library()
    local = Path(path).is_dir()
    with contextlib.nullcontext() if local else _hub_or_its_cache(path, source):
        try:
            found: Mapping[str, Any] = datasets.load_dataset(
                _without_glob_signs(Path(path)) if local else path, config
            )
            return found
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
            reason = " ".join(str(error).splitlines()[:2]) or type(error).__name__
    if local:
        raise DataError(f"the Parquet files in {path} cannot be read: {reason}")
    raise DataError(
        f"no data set {source!r}: neither a folder nor a file here, and it cannot be loaded from "
        f"the Hugging Face hub ({reason})"
    )


@contextlib.contextmanager
def _hub_or_its_cache(name: str, source: str) -> Iterator[None]:
    """Ask the hub once; where it does not answer, have the library look into its cache alone.

    Raises:
        DataError: if the hub has no such data set.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    before = constants.HF_HUB_OFFLINE
    try:
        HfApi().dataset_info(name, timeout=REACH_SECONDS)
    except RepositoryNotFoundError:
        raise DataError(
            f"no data set {source!r}: neither a folder nor a file here, and the Hugging Face hub "
            "has none of that name, or shows it to its members alone"
        ) from None
    except HfHubHTTPError:
        pass  # the library says more of it
    except Exception:  # of the HTTP library, another in every version: it cannot be reached
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _without_glob_signs(folder: Path) -> str:
    """Return a folder that the library can read: links to the files, if the name has glob signs."""
    place = folder.resolve()
    if not GLOB_SIGNS & set(str(place)):
        return str(folder)
    mirror = cache_folder() / f"hub-{hashlib.sha256(os.fsencode(place)).hexdigest()[:32]}"
    with in_turn(mirror):
        for link in [path for path in mirror.rglob("*") if path.is_symlink() or path.is_file()]:
            link.unlink()
        for file in sorted(place.rglob("*")):
            below = file.relative_to(place)
            if file.is_file() and not any(map(is_passed_over, below.parts)):
                (mirror / below).parent.mkdir(parents=True, exist_ok=True)
                _link(mirror / below, file)
    return str(mirror)


def _link(name: Path, file: Path) -> None:
    try:
        name.symlink_to(file)
    except OSError:  # not every user of Windows may
        shutil.copyfile(file, name)


# --- what is in it -------------------------------------------------------------------------------


def _choose_train(there: list[str], source: str, options: SourceOptions, notes: list[str]) -> str:
    if options.split is not None:
        return _named("--split", options.split, there, source)
    if TRAIN_SPLIT in there:
        return TRAIN_SPLIT
    if len(there) == 1:
        notes.append(f"the only split, {there[0]}, is learned from")
        return there[0]
    raise DataError(
        f"{source} has no split named {TRAIN_SPLIT}, only {', '.join(there)}; name the one to "
        f"learn from: {_advice('--split', there)}"
    )


def _choose_test(
    there: list[str], train: str, source: str, options: SourceOptions, notes: list[str]
) -> str | None:
    rest = [name for name in there if name != train]
    chosen = next((name for name in TEST_SPLITS if name in rest), None)
    if options.test_split is not None:
        asked = options.test_split
        chosen = _named("--test-split", asked, rest, source) if asked else None
    unread = [name for name in rest if name != chosen]
    if unread:
        notes.append(f"splits that are not read: {', '.join(unread)}; --test-split names another")
    return chosen


def _choose_images(
    features: Mapping[str, Any], source: str, options: SourceOptions, notes: list[str]
) -> str:
    if options.image_column is not None:
        return _named("--image-column", options.image_column, list(features), source)
    for is_image in (_is_image_feature, _is_image_struct, _is_bytes):
        there = [name for name, feature in features.items() if is_image(feature)]
        if there:
            return _choose_one(there, IMAGE_NAMES, "images", "--image-column", source, notes)
    raise DataError(f"{source} has no column of images among {', '.join(features)}")


def _choose_labels(
    features: Mapping[str, Any], source: str, options: SourceOptions, notes: list[str]
) -> str | None:
    if options.label_column is not None:
        asked = options.label_column
        return _named("--label-column", asked, list(features), source) if asked else None
    there = [name for name, feature in features.items() if _kind(feature) == "ClassLabel"]
    if not there:
        there = [name for name in LABEL_NAMES if _kind(features.get(name)) == "Value"][:1]
    if not there:
        notes.append(
            f"no column of labels among {', '.join(features)}: all rows are unlabelled; "
            "--label-column names one"
        )
        return None
    return _choose_one(there, LABEL_NAMES, "labels", "--label-column", source, notes)


def _choose_one(
    there: list[str],
    usual: tuple[str, ...],
    what: str,
    option: str,
    source: str,
    notes: list[str],
) -> str:
    """Return the only one, or the only one with a usual name."""
    if len(there) == 1:
        return there[0]
    named = [name for name in there if name in usual]
    if len(named) != 1:
        raise DataError(
            f"{source} has {len(there)} columns of {what}, {', '.join(there)}; name one: "
            f"{_advice(option, there)}"
        )
    others = ", ".join(name for name in there if name != named[0])
    notes.append(f"{what} are those of the column {named[0]}; {option} takes another: {others}")
    return named[0]


def _named(option: str, name: str, there: list[str], source: str) -> str:
    if name not in there:
        raise DataError(f"{source} has nothing for {option} {name!r}; it has {', '.join(there)}")
    return name


def _advice(option: str, names: list[str]) -> str:
    return " or ".join(f"{option} {shlex.quote(name)}" for name in names)


def _kind(feature: Any) -> str:
    return type(feature).__name__


def _is_image_feature(feature: Any) -> bool:
    return _kind(feature) == "Image"


def _is_image_struct(feature: Any) -> bool:
    """Whether it is what pandas makes of images: a structure with their bytes."""
    return isinstance(feature, Mapping) and _is_bytes(feature.get("bytes"))


def _is_bytes(feature: Any) -> bool:
    return _kind(feature) == "Value" and feature.dtype in ("binary", "large_binary")


def _cells(split: Any, column: str, name: str) -> EncodedCells:
    """Return the cells of a column, not decoded."""
    if _is_image_feature(split.features[column]):
        split = split.cast_column(column, _library().Image(decode=False))
    return EncodedCells(split.select_columns(column), column, name)


def _first(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
