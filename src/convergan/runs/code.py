"""Whether the user's code is that which a run or a sweep was begun with.

``config.json`` and ``sweep.json`` have the hashes of `convergan.core.code_hashes`, by file, as
``code``; what was allowed to go on with other code has these in ``changed_code``, the newest last.
Those of versions up to 0.13 have neither, and nothing is known of their code.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.files import read_json, write_json

Code = Mapping[str, str]
"""Hashes of code by file; empty for a recipe of this package."""
ALLOW = "--allow-changed-code"


def trained_with(description: Mapping[str, Any]) -> tuple[Code, ...]:
    """Return the code that a folder says it was trained with, the newest last; of older ones none.

    Args:
        description: what is in ``config.json`` or ``sweep.json``.
    """
    if "code" not in description:
        return ()
    return (description["code"], *description.get("changed_code", ()))


def compare_code(folder: Path, description: Mapping[str, Any], code: Code, *, allow: bool) -> str:
    """Compare the code that is there now with what a folder was trained with.

    Args:
        folder: for messages.
        description: what it says of itself.
        code: that is there now.
        allow: go on all the same.

    Returns:
        What the user should know, in a line; nothing if the code is the same.

    Raises:
        ValueError: if it differs and that is not allowed; the message names the files.
    """
    known = trained_with(description)
    if not known:
        files = ", ".join(code)
        unknown = f"{folder} was made by a version that kept no hash of code: nothing is known of "
        return f"{unknown}what {files} was then" if code else ""
    changed = _changed(known[-1], code)
    if changed and not allow:
        raise ValueError(
            f"{folder} was trained with other code: {changed} since; put it back, take another "
            f"folder, or go on all the same with {ALLOW}"
        )
    return f"the code is other than {folder} was trained with: {changed}" if changed else ""


def changed_since(description: Mapping[str, Any], code: Code) -> str:
    """Say which files have changed since a folder was trained; nothing if none or not known."""
    known = trained_with(description)
    return _changed(known[-1], code) if known else ""


def summary_of_code(description: Mapping[str, Any]) -> str:
    """Say in a sentence what a page should say of the code of a run; nothing if it is as usual.

    Args:
        description: what the run says of itself.
    """
    known = trained_with(description)
    if not known and ".py:" in description["settings"]["recipe"]:
        return "Nothing is known of its code: it was made by a version that kept no hash of it."
    if len(known) > 1:
        return f"Its code was changed while it was trained: {_changed(known[0], known[-1])}."
    return ""


def note_changed_code(file: Path, code: Code) -> None:
    """Write down in ``config.json`` or ``sweep.json`` that it goes on with other code."""
    description = read_json(file)
    if (known := trained_with(description)) and known[-1] != code:
        write_json(file, description | {"changed_code": [*known[1:], dict(code)]})


def _changed(there: Code, here: Code) -> str:
    """Say which files differ."""
    said = []
    for file in sorted(there.keys() | here.keys()):
        if there.get(file) != here.get(file):
            kind = "changed" if file in there and file in here else "is new"
            said.append(f"{file} {kind if file in here else 'is gone'}")
    return ", ".join(said)
