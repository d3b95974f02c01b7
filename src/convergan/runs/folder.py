"""A folder belongs to one run or one sweep, and one process at a time writes there."""

import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.files import DamagedFileError, Fields, canonical_sha256, read_json, write_json
from ..core.locks import lock_file
from ..core.version import __version__
from ..recipes.description import SCHEMA, from_schema_1

LOCK = ".lock"
HOLDER = ".holder"
"""Beside the lock, which not every system lets others read: who holds it, or was the last to."""
RECIPE_PARTS = ("recipe", "recipes")
"""Of a description: what `from_schema_1` translates."""
_NOTHING: Mapping[str, Any] = {}
"""In the place of a setting that one of two recipes does not have."""


@contextmanager
def locked(description: Path) -> Iterator[None]:
    """Hold the folder that ``description`` stands in, or will, for as long as the block lasts.

    The lock is one of the operating system's on the file ``.lock``: it goes with the process,
    however that ends, and the file stays.

    Args:
        description: ``config.json`` of a run or ``sweep.json`` of a sweep; its folder is created.

    Raises:
        ValueError: if another process holds the folder, or something else is in it.
    """
    folder, kind = description.parent, _kind(description)
    if not description.exists() and folder.exists():
        ours = (LOCK, HOLDER)
        if any(f.name not in ours and not f.name.startswith(".tmp-") for f in folder.iterdir()):
            raise ValueError(f"{folder} is not empty and not a {kind}; choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    with lock_file(folder / LOCK) as is_ours:
        if not is_ours:
            raise ValueError(
                f"{folder} is in use by {_holder(folder)}; wait for it, or choose another --out"
            )
        holder = f"process {os.getpid()} on {platform.node()}\n"
        (folder / HOLDER).write_text(holder, encoding="utf-8")
        yield


def abandon(folder: Path) -> None:
    """Empty a locked folder that was empty before: what was to be made in it could not begin."""
    for path in folder.iterdir():
        if path.name in (LOCK, HOLDER):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def is_locked(folder: Path) -> bool:
    """Whether a process holds ``folder`` at this moment."""
    if not (folder / LOCK).exists():
        return False
    with lock_file(folder / LOCK) as is_ours:
        return not is_ours


def claim_identity(description: Path, identity: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    """Make a locked folder the one of ``identity``, or see that it is.

    Args:
        description: as in `locked`.
        identity: what may not differ, with the parts ``settings`` and ``recipe``, or ``recipes``
            by name; and ``code`` where it is of the user's, which `convergan.runs.code` compares.
        more: what is written down beside it.

    Returns:
        The hash that the folder has gone by since it was made, which its checkpoints carry. What
        the data are called is no part of it: the same rows from another place are the same data.

    Raises:
        ValueError: if the folder belongs to another; the message names what differs.
    """
    sha256 = canonical_sha256(by_content(identity))
    if not description.exists():
        versions = {"convergan": __version__, **more.get("versions", {})}
        written = {**identity, **more, "schema": SCHEMA, "sha256": sha256, "versions": versions}
        write_json(description, written)
        return sha256
    found = read_description(description)
    wanted = {part: value for part, value in identity.items() if part != "code"}
    _require_same(description, found, wanted)
    return str(found.get("sha256", sha256))


def read_description(description: Path) -> Fields:
    """Return what a folder says of itself, in the terms of this version whichever made it.

    Args:
        description: ``config.json`` of a run or ``sweep.json`` of a sweep.

    Raises:
        DamagedFileError: if it says no such thing, or is of a later version than this one.
    """
    found = read_json(description)
    if not (isinstance(found, Fields) and isinstance(found.get("settings"), Fields)):
        raise DamagedFileError(f"{description} does not describe a {_kind(description)}")
    schema = found.get("schema", 1)
    if schema not in (1, SCHEMA):
        raise DamagedFileError(
            f"{description} is of convergan {made_by_version(found)} and has schema {schema!r}; "
            f"this is {__version__}, which reads up to {SCHEMA}: install the later version"
        )
    if schema == 1:
        found |= {part: from_schema_1(found[part]) for part in RECIPE_PARTS if part in found}
    return found


def by_content(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return an identity without where the data and a recipe of the user's lie.

    The data's hashes and the recipe's description say what they are.

    Example:
        >>> by_content({"settings": {"data": "a.npz", "seed": 0}, "data_sha256": "1f"})
        {'settings': {'seed': 0}, 'data_sha256': '1f'}
    """
    hashes = identity.get("data_sha256")
    if not hashes:
        return dict(identity)
    settings = {name: value for name, value in identity["settings"].items() if name != "data"}
    if ".py:" in settings.get("recipe", ""):
        settings["recipe"] = Path(settings["recipe"]).name
    of_sweep = isinstance(hashes, Mapping)  # by what the data are called
    return {
        **identity,
        "settings": settings,
        "data_sha256": sorted(hashes.values()) if of_sweep else hashes,
    }


def _require_same(description: Path, found: dict[str, Any], wanted: Mapping[str, Any]) -> None:
    there = by_content({part: found.get(part) for part in wanted})
    if canonical_sha256(there) == canonical_sha256(by_content(wanted)):
        return
    differences = [
        difference
        for part in ("settings", "recipe")
        for difference in _differences(found.get(part, {}), wanted.get(part, {}))
    ]
    there, here = found.get("recipes", {}), wanted.get("recipes", {})
    differences += [
        f"another recipe {name}"
        for name in sorted(there.keys() | here.keys())
        if there.get(name) != here.get(name)
    ]
    version = made_by_version(found)
    aged = f"it is of convergan {version}, this is {__version__}, see CHANGELOG.md; "
    raise ValueError(
        f"{description.parent} belongs to another {_kind(description)}: "
        f"{'; '.join(differences) or 'other data'}; {aged * (version != __version__)}"
        "choose another --out, or remove the folder"
    )


def made_by_version(description: Mapping[str, Any]) -> str:
    """Return the version of convergan that made a folder, given what the folder says of itself."""
    version: str = description.get("versions", {}).get("convergan", __version__)
    return version


def _differences(there: Any, here: Any, name: str = "") -> list[str]:
    """Say which settings differ, down to the arguments of functions."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        found: list[str] = []
        for key in sorted(there.keys() | here.keys()):
            inner = name if key == "arguments" else f"{name} {key}".strip()
            found += _differences(there.get(key, _NOTHING), here.get(key, _NOTHING), inner)
        return found
    if there == here:
        return []
    return [f"{name} {_shown(there)} there, {_shown(here)} here"]


def _shown(value: Any) -> str:
    return "nothing" if value is _NOTHING else repr(value)


def _kind(description: Path) -> str:
    return "run" if description.name == "config.json" else description.stem


def _holder(folder: Path) -> str:
    try:
        said = (folder / HOLDER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        said = ""
    return said or "another process"
