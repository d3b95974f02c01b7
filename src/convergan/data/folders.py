"""Image files whose folders, or a table beside them, give their classes."""

import unicodedata
from collections import Counter
from pathlib import Path

import torch

from ..core.image_folders import ImageFolder
from .decoding import DataError, name_below, some
from .encoded import EncodedFiles, EncodedSet, Split
from .label_values import NO_LABEL, NO_LABEL_NOTE
from .text_tables import one_form, open_text_table, plain_name


def _encoded_files(root: Path, files: list[tuple[Path, int]], follow_links: bool) -> Split:
    paths = tuple(path for path, _ in files)
    names = tuple(name_below(root, path) for path in paths)
    labels = torch.tensor([label for _, label in files], dtype=torch.int64)
    return Split(EncodedFiles(root, paths, follow_links), labels, names)


def find_class_folders(
    folder: Path,
    *,
    labeled: str = "labeled",
    held_out: str = "test",
    follow_links: bool = False,
    table_beside: bool = False,
) -> EncodedSet:
    """Find images in folders of their classes, and those in ``unlabeled/``.

    Args:
        folder: holds the folders of both splits.
        labeled: name of the folder with the training split's class folders.
        held_out: of the test split's, which may be missing.
        follow_links: follow links out of ``folder``.
        table_beside: whether the caller reads a ``labels.csv`` that is there as well.

    Raises:
        DataError: if the test split has classes that the training split lacks, or a folder is a
            link that leads out.
    """
    reader = ImageFolder(folder, follow_links=follow_links)
    try:
        found = {
            split: {
                name: [path for place in places for path in reader.images(place)]
                for name, places in _class_folders(reader, folder / split).items()
            }
            for split in (labeled, held_out)
        }
        unlabeled = [(path, -1) for path in reader.images(folder / "unlabeled")]
        notes = _notes(reader, found[labeled], (labeled, held_out), table_beside)
    except ValueError as error:
        raise DataError(str(error)) from None
    numbers = {name: number for number, name in enumerate(found[labeled])}
    unknown = [name for name in found[held_out] if name not in numbers]
    if unknown:
        raise DataError(f"{folder}/{held_out} has classes that {labeled}/ lacks: {some(unknown)}")

    def split(name: str, more: list[tuple[Path, int]]) -> Split:
        classes = sorted(found[name].items())
        files = [(path, numbers[of]) for of, paths in classes for path in paths]
        return _encoded_files(folder, files + more, follow_links)

    train, test = split(labeled, unlabeled), split(held_out, [])
    return EncodedSet(str(folder), tuple(numbers), train, test, tuple(notes))


def _class_folders(reader: ImageFolder, place: Path) -> dict[str, list[Path]]:
    """Return the folders of each class, sorted; those whose names look alike are of one class."""
    found: dict[str, list[Path]] = {}
    for folder in reader.folders(place) if place.is_dir() else []:
        found.setdefault(unicodedata.normalize("NFC", folder.name), []).append(folder)
    return dict(sorted(found.items()))


def _notes(
    reader: ImageFolder,
    classes: dict[str, list[Path]] | None,
    splits: tuple[str, str],
    table_beside: bool,
) -> list[str]:
    """Say what in a folder is not as one might think; without classes, splits are loose images."""
    root, notes = reader.root, _notes_of_classes(reader.root, classes or {}, depth=3)
    places = (root, *(root / split for split in splits if classes is not None))
    loose = [
        reader.name(image) for place in places if place.is_dir() for image in reader.files(place)
    ]
    if loose:
        notes.append(f"{len(loose):,} images in no class folder are left out: {some(loose)}")
    unread = [path.name for path in reader.folders(root) if path.name not in (*splits, "unlabeled")]
    if unread:
        notes.append(f"folders that are not read: {some(unread)}")
    if (root / "labels.csv").is_file() and not table_beside:
        notes.append(f"labels.csv is not read: the folders in {splits[0]}/ give the classes")
    return [*notes, *reader.notes()]


def _notes_of_classes(root: Path, classes: dict[str, list[Path]], depth: int) -> list[str]:
    """Say what of the classes is not as one might think; their images stand at that depth."""
    notes = []
    if empty := [name for name, images in classes.items() if not images]:
        notes.append(f"classes without an image to learn from: {some(empty)}")
    deeper = [
        name
        for name, images in classes.items()
        if any(len(path.relative_to(root).parts) > depth for path in images)
    ]
    if deeper:
        notes.append(f"images in deeper folders are of the class of the first: {some(deeper)}")
    small = [name.casefold() for name in classes]
    if alike := [name for name in classes if small.count(name.casefold()) > 1]:
        notes.append(f"classes that differ in capitals alone: {some(alike)}")
    return notes


def find_folders_and_loose(folder: Path, *, follow_links: bool = False) -> EncodedSet:
    """Find images in folders of their classes, and beside these images without a class.

    Raises:
        DataError: if a folder is a link that leads out.
    """
    reader = ImageFolder(folder, follow_links=follow_links)
    try:
        classes = {
            name: [path for place in places for path in reader.images(place)]
            for name, places in _class_folders(reader, folder).items()
        }
    except ValueError as error:
        raise DataError(str(error)) from None
    loose = [(path, -1) for path in reader.files(folder)]
    notes = [*_notes_of_classes(folder, classes, depth=2), *reader.notes()]
    files = [(path, n) for n, paths in enumerate(classes.values()) for path in paths]
    train, test = (_encoded_files(folder, part, follow_links) for part in (files + loose, []))
    return EncodedSet(str(folder), tuple(classes), train, test, tuple(notes))


def find_unlabeled_splits(folder: Path, held_out: str, *, follow_links: bool = False) -> EncodedSet:
    """Find images that lie in ``train/`` without class folders, and those in a folder beside it.

    Args:
        folder: with ``train/``.
        held_out: name of the folder of rows to measure on, which may be missing.
        follow_links: follow links out of ``folder``.

    Raises:
        DataError: if a folder is a link that leads out.
    """
    reader = ImageFolder(folder, follow_links=follow_links)
    try:
        found = [
            [(path, -1) for path in reader.images(folder / split)] for split in ("train", held_out)
        ]
        notes = _notes(reader, None, ("train", held_out), table_beside=False)
    except ValueError as error:
        raise DataError(str(error)) from None
    train, test = (_encoded_files(folder, part, follow_links) for part in found)
    return EncodedSet(str(folder), (), train, test, tuple(notes))


def find_table_of_labels(
    folder: Path, *, follow_links: bool = False, unlisted: bool = False
) -> EncodedSet:
    """Find the images that ``labels.csv`` names: columns ``file,label``, no label if unknown.

    A label of -1 is none either.
    It is read as `convergan.data.text_tables` reads every table.

    Args:
        folder: with the table.
        follow_links: follow links out of the folder.
        unlisted: take images that the table does not name as images without a label; else they are
            left out.

    Raises:
        DataError: if it is no such table, or names a file twice or outside of the folder.
    """
    table = open_text_table(folder / "labels.csv")
    columns = [plain_name(name).lower() for name in table.names]
    if columns.count("file") != 1 or columns.count("label") != 1:
        raise DataError(f"{table.file} must have the columns file,label; has {table.names}")
    file, label = columns.index("file"), columns.index("label")
    cells = [(row[file].strip(), row[label].strip()) for row in table.rows()]
    given = ["" if label in NO_LABEL else label for _, label in cells]
    labels, notices = one_form(given, "labels")
    notes = [*table.notices, *notices]
    if any(label in NO_LABEL for _, label in cells):
        notes.append(f"{table.file.name}: {NO_LABEL_NOTE}")
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
    if unread := [name for n, name in enumerate(table.names) if n not in (file, label)]:
        notes.append(f"columns of {table.file.name} that are not read: {some(unread)}")
    listed = {path for path, _ in files}
    if unlisted:
        files += _unlisted(folder, listed, follow_links)
    else:
        notes += _notes_of_unlisted(folder, listed, follow_links)
    train, test = (_encoded_files(folder, part, follow_links) for part in (files, []))
    return EncodedSet(str(folder), classes, train, test, tuple(notes))


def _notes_of_unlisted(folder: Path, listed: set[Path], follow_links: bool) -> list[str]:
    """Say which images a table of labels leaves out."""
    reader = ImageFolder(folder, follow_links=follow_links)
    try:
        unlisted = [path for path in reader.images(folder) if path not in listed]
    except ValueError as error:  # a table need not name what is behind that link
        return [f"images that labels.csv does not name are not counted: {error}"]
    if not unlisted:
        return []
    names = some([reader.name(path) for path in unlisted])
    return [f"{len(unlisted):,} images that labels.csv does not name are left out: {names}"]


def _unlisted(folder: Path, listed: set[Path], follow_links: bool) -> list[tuple[Path, int]]:
    """Return the images in a folder that a table does not name, without a class."""
    try:
        found = ImageFolder(folder, follow_links=follow_links).images(folder)
    except ValueError as error:
        raise DataError(str(error)) from None
    return [(path, -1) for path in found if path not in listed]


def _spelled_as_there(folder: Path, name: str) -> str:
    """Return a file's name as the disk has it: a table may spell it in Unicode's other form.

    Tables made on Windows have backslashes between folders.
    """
    if (folder / name).exists():
        return str(Path(name))
    name = str(Path(name.replace("\\", "/")))
    spelled = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]
    return next((other for other in spelled if (folder / other).exists()), name)
