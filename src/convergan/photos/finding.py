"""Which photographs there are and what is known of them: from a folder to names and labels.

* ``labeled/<class>/*`` beside ``unlabeled/*``, and perhaps ``test/<class>/*`` to measure on;
* ``train/<class>/*``, and perhaps ``test/<class>/*``;
* ``labels.csv`` with the columns ``file,label``; what it does not name has no label;
* folders of the classes beside loose files, which have no label.

Beside ``labeled/`` or ``train/``, a ``labels.csv``, which ``convergan label`` writes, has labels of
photographs to learn from; they stand before those of the folders.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..data import DataError
from ..data.encoded import EncodedFiles, EncodedSet
from ..data.folders import find_class_folders, find_folders_and_loose, find_table_of_labels
from ..data.locations import Kind, locate
from ..data.source_options import TEST_SPLITS
from ..embedding.images import Array

LABELS = "labels.csv"
CLASS_FOLDERS = (Kind.LABELED_FOLDERS, Kind.TRAIN_FOLDERS)
"""Layouts beside which a table of labels may stand."""
LAYOUTS = (
    "expected labeled/<class>/* and unlabeled/*, folders of the classes beside loose photographs, "
    "or labels.csv with the columns file,label"
)


@dataclass(frozen=True, eq=False)
class LabeledPhotos:
    """Photographs and the labels that are known.

    Attributes:
        files: n photographs.
        labels: (n,) text, empty where there is none.
    """

    files: EncodedFiles
    labels: Array

    @property
    def is_labeled(self) -> Array:
        """Whether each has a label, (n,)."""
        found: Array = self.labels != ""
        return found

    def choose(self, numbers: Array) -> "LabeledPhotos":
        """Return some of them."""
        chosen = tuple(self.files.files[n] for n in numbers)
        files = EncodedFiles(self.files.root, chosen, self.files.follow_links)
        return LabeledPhotos(files, self.labels[numbers])

    def __add__(self, others: "LabeledPhotos") -> "LabeledPhotos":
        """Return these and others of the same folder."""
        files = EncodedFiles(
            self.files.root, self.files.files + others.files.files, self.files.follow_links
        )
        return LabeledPhotos(files, np.concatenate([self.labels, others.labels]))


class PhotoSet(NamedTuple):
    """The photographs of a folder.

    Attributes:
        folder: where they are.
        train: to learn from, with and without labels.
        test: to measure on, each with a label; often none.
        notes: what was guessed or passed over.
    """

    folder: Path
    train: LabeledPhotos
    test: LabeledPhotos
    notes: tuple[str, ...]


def holds_photos(path: Path) -> bool:
    """Return whether a path is a folder of photographs, and neither a table nor its parts."""
    return path.is_dir() and locate(str(path.absolute())).kind is not Kind.PARQUET


def find_photos(folder: Path, *, follow_links: bool = False) -> PhotoSet:
    """Find the photographs of a folder and their labels; none is opened.

    Raises:
        DataError: if there is none, or labels contradict each other.
    """
    return _find(folder, follow_links, f": {LAYOUTS}")


def find_photos_to_predict(path: Path, *, follow_links: bool = False) -> LabeledPhotos:
    """Find photographs to predict: of a folder all, at any depth, or a single file.

    Labels are found where the folder has them in ``labels.csv`` or in folders of classes.

    Raises:
        DataError: if there is none.
    """
    if path.is_file():
        return LabeledPhotos(EncodedFiles(path.parent, (path,), follow_links), np.array([""]))
    if not path.is_dir():
        raise DataError(f"{path} is neither a photograph nor a folder of them")
    found = _find(path, follow_links, "")
    both = found.train + found.test
    order = sorted(range(len(both.files)), key=lambda n: both.files.files[n])
    return both.choose(np.array(order))


def _find(folder: Path, follow_links: bool, advice: str) -> PhotoSet:
    """Find photographs; ``advice`` ends the message where there are none."""
    kind = locate(str(folder.absolute())).kind
    found = _find_encoded(folder, kind, follow_links)
    if found is None:
        raise DataError(f"{folder} is no folder of photographs{advice}")
    train, test = (
        _with_labels(found, part.encoded, part.labels) for part in (found.train, found.test)
    )
    notes = found.notes
    if kind in CLASS_FOLDERS and (folder / LABELS).is_file():
        train, told = _with_table_beside(folder, train)
        notes = (*notes, told)
    if not len(train.files):
        raise DataError(f"{folder} holds no photographs{advice}")
    root = folder.resolve()
    if not follow_links and all(
        not path.resolve().is_relative_to(root) for path in train.files.files
    ):
        raise DataError(
            f"all {len(train.files):,} photographs of {folder} are links out of it, such as "
            f"{train.files.name(0)}; --follow-links reads what they name"
        )
    return PhotoSet(folder, train, test, notes)


def _find_encoded(folder: Path, kind: Kind, follow: bool) -> EncodedSet | None:
    match kind:
        case Kind.LABELED_FOLDERS:
            return find_class_folders(folder, follow_links=follow, table_beside=True)
        case Kind.TRAIN_FOLDERS:
            test = next((name for name in TEST_SPLITS if (folder / name).is_dir()), "test")
            return find_class_folders(
                folder, labeled="train", held_out=test, follow_links=follow, table_beside=True
            )
        case Kind.LABEL_TABLE:
            return find_table_of_labels(folder, follow_links=follow, unlisted=True)
        case Kind.IMAGE_FOLDER:
            return find_folders_and_loose(folder, follow_links=follow)
    return None


def _with_table_beside(folder: Path, photos: LabeledPhotos) -> tuple[LabeledPhotos, str]:
    """Take the labels of ``labels.csv``; return a note of how many differ as well.

    Raises:
        DataError: if it is no table of labels.
    """
    table = find_table_of_labels(folder)
    codes = np.asarray(table.train.labels)
    given = {name: table.classes[code] for name, code in _names(table, codes) if code >= 0}
    names = [photos.files.name(number) for number in range(len(photos.files))]
    before = photos.labels.tolist()
    labels = [given.get(name, old) for name, old in zip(names, before, strict=True)]
    taken = sum(new != old for new, old in zip(labels, before, strict=True))
    told = f"{taken:,} labels are those of {LABELS} and not of the folders"
    return LabeledPhotos(photos.files, np.array(labels)), told


def _names(found: EncodedSet, codes: Array) -> list[tuple[str, int]]:
    encoded = found.train.encoded
    return [(encoded.name(number), int(code)) for number, code in enumerate(codes)]


def _with_labels(found: EncodedSet, encoded: object, codes: object) -> LabeledPhotos:
    assert isinstance(encoded, EncodedFiles)
    names = np.array(["", *found.classes])
    return LabeledPhotos(encoded, names[np.asarray(codes) + 1])
