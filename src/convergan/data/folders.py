"""Image files whose folders, or a table beside them, give their classes."""

import csv
from collections import Counter
from pathlib import Path

import torch

from .decoding import DataError, files_in, name_below, some
from .encoded import EncodedFiles, EncodedSet, Split


def _encoded_files(root: Path, files: list[tuple[Path, int]]) -> Split:
    paths = tuple(path for path, _ in files)
    names = tuple(name_below(root, path) for path in paths)
    labels = torch.tensor([label for _, label in files], dtype=torch.int64)
    return Split(EncodedFiles(root, paths), labels, names)


def find_class_folders(
    folder: Path, *, labeled: str = "labeled", held_out: str = "test"
) -> EncodedSet:
    """Find images in folders of their classes, and those in ``unlabeled/``.

    Args:
        folder: holds the folders of both splits.
        labeled: name of the folder with the training split's class folders.
        held_out: of the test split's, which may be missing.

    Raises:
        DataError: if the test split has classes that the training split lacks.
    """
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


def find_table_of_labels(folder: Path) -> EncodedSet:
    """Find the images that ``labels.csv`` names: columns ``file,label``, no label if unknown.

    Raises:
        DataError: if it is no such table, or names a file twice or outside of the folder.
    """
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
