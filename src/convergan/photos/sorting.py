"""Photographs into folders of their predicted classes, as links or copies; none is moved."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

REST = "_unsorted"
"""The folder of photographs without a prediction."""
NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
"""Signs that a folder's name cannot have on some system."""


def sort_into(
    folder: Path, files: Sequence[Path], names: Sequence[str], classes: Sequence[str], *, copy: bool
) -> Counter[str]:
    """Put each photograph into the folder of its class.

    Args:
        folder: new, or empty.
        files: n photographs.
        names: what they are called below their own folder.
        classes: of each, empty where there is none.
        copy: copy files; False to link them (hard links, which take no space and stay when the
            other name goes), and to copy where a link cannot be made.

    Returns:
        How many files were linked and copied, under ``linked`` and ``copied``.

    Raises:
        ValueError: if the folder is there and not empty.
    """
    require_empty(folder)
    places = folder_names(sorted(set(classes)))
    done: Counter[str] = Counter()
    taken: set[Path] = set()
    for file, name, label in zip(files, names, classes, strict=True):
        target = folder / places[label] / Path(name).name
        if target in taken:  # as photographs of several folders are called alike
            target = target.with_name(NOT_IN_NAMES.sub("_", name))
        number = 2
        while target in taken:
            target = target.with_name(f"{Path(name).stem}-{number}{Path(name).suffix}")
            number += 1
        taken.add(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        done[_put(file.resolve(), target, copy)] += 1
    return done


def require_empty(folder: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        ValueError: if it does, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"--sort-into {folder} is not empty; choose a new folder")


def folder_names(classes: Sequence[str]) -> dict[str, str]:
    """Return a folder's name for each class, all different, also where capitals do not count.

    Example:
        >>> folder_names(["", "cat", "Cat", "a/b"])
        {'': '_unsorted', 'cat': 'cat', 'Cat': 'Cat-2', 'a/b': 'a_b'}
    """
    found: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for label in classes:
        name = NOT_IN_NAMES.sub("_", label).strip().strip(".") or REST
        taken[name.casefold()] += 1
        again = taken[name.casefold()]
        found[label] = f"{name}-{again}" if again > 1 else name
    return found


def _put(file: Path, target: Path, copy: bool) -> str:
    if not copy:
        try:
            os.link(file, target)
            return "linked"
        except OSError:  # another disk, or one without links
            pass
    shutil.copy2(file, target)
    return "copied"
