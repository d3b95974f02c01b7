"""Image files whose folders, or a table beside them, give their classes."""

import unicodedata
from collections import Counter
from pathlib import Path

import torch

from .decoding import DataError, files_in, name_below, some
from .encoded import EncodedFiles, EncodedSet, Split
from .text_tables import one_form, open_text_table, plain_name


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
    there = _class_folders(folder / labeled)
    classes = tuple(sorted(there))

    def split(found: dict[str, list[Path]]) -> list[tuple[Path, int]]:
        return [
            (path, number)
            for number, class_name in enumerate(classes)
            for place in found.get(class_name, [])
            for path in files_in(place)
        ]

    measured = _class_folders(folder / held_out)
    unknown = sorted(measured.keys() - there.keys())
    if unknown:
        raise DataError(f"{folder}/{held_out} has classes that {labeled}/ lacks: {some(unknown)}")
    unlabeled = [(path, -1) for path in files_in(folder / "unlabeled")]
    train = _encoded_files(folder, split(there) + unlabeled)
    return EncodedSet(str(folder), classes, train, _encoded_files(folder, split(measured)))


def _class_folders(folder: Path) -> dict[str, list[Path]]:
    """Return the folders of each class, whose name in Unicode's two forms (NFC, NFD) is one."""
    found: dict[str, list[Path]] = {}
    for place in sorted(folder.glob("*/")):
        found.setdefault(unicodedata.normalize("NFC", place.name), []).append(place)
    return found


def find_table_of_labels(folder: Path) -> EncodedSet:
    """Find the images that ``labels.csv`` names: columns ``file,label``, no label if unknown.

    It is read as `convergan.data.text_tables` reads every table.

    Raises:
        DataError: if it is no such table, or names a file twice or outside of the folder.
    """
    table = open_text_table(folder / "labels.csv")
    columns = [plain_name(name).lower() for name in table.names]
    if columns.count("file") != 1 or columns.count("label") != 1:
        raise DataError(f"{table.file} must have the columns file,label; has {table.names}")
    file, label = columns.index("file"), columns.index("label")
    cells = [(row[file].strip(), row[label].strip()) for row in table.rows()]
    labels, notices = one_form([label for _, label in cells], "labels")
    names = [_spelled_as_there(folder, name) for name, _ in cells]
    entries = list(zip(names, labels, strict=True))
    outside = [name for name, _ in entries if Path(name).is_absolute() or ".." in Path(name).parts]
    if outside:
        raise DataError(f"{table.file} names files outside its folder: {some(outside)}")
    classes = tuple(sorted({label for _, label in entries if label}))
    numbers = {name: number for number, name in enumerate(classes)} | {"": -1}
    repeated = [name for name, count in Counter(file for file, _ in entries).items() if count > 1]
    if repeated:
        raise DataError(f"{table.file} names files twice: {some(repeated)}")
    files = [(folder / name, numbers[label]) for name, label in entries]
    train, test = _encoded_files(folder, files), _encoded_files(folder, [])
    return EncodedSet(str(folder), classes, train, test, (*table.notices, *notices))


def _spelled_as_there(folder: Path, name: str) -> str:
    """Return a file's name as the disk has it: a table may spell it in Unicode's other form.

    Tables made on Windows have backslashes between folders.
    """
    if (folder / name).exists():
        return str(Path(name))
    name = str(Path(name.replace("\\", "/")))
    spelled = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]
    return next((other for other in spelled if (folder / other).exists()), name)
