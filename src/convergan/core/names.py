"""Look a name up, and say what is near it where it is unknown."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def look_up(kind: str, name: str, known: Mapping[str, T]) -> T:
    """Return what ``known`` has under ``name``.

    Args:
        kind: what the names name, for the message.
        name: wanted.
        known: what there is.

    Raises:
        ValueError: if there is none; the message names the nearest.

    Example:
        >>> look_up("table", "mnits", {"mnist": 1, "svhn": 2})
        Traceback (most recent call last):
        ValueError: no table 'mnits'; did you mean mnist?
    """
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or list(known)
    *most, last = near
    hint = f"{', '.join(most)} or {last}" if most else last
    raise ValueError(f"no {kind} {name!r}; did you mean {hint}?")
