"""Neighbors searched once for all runs on the same rows: minutes the first time, then a second.

They depend on neither labels nor seed. They are kept in the folder ``$CONVERGAN_CACHE``, or
``~/.cache/convergan``, under a hash of the rows, the search and the version; the folder may be
removed at any time.
"""

import contextlib
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from ..core.cache import cache_folder, in_turn
from ..core.files import replace_file
from ..core.version import __version__
from ..data import Neighbors
from ..recipes import describe

REVISION = 2
"""Of the searches, raised where one gives other bits: what was found before is not taken."""


def find_neighbors(search: Callable[[Tensor], Neighbors], rows: Tensor) -> Neighbors:
    """Return ``search(rows)``, from the cache if it is there, and into it if it can be written.

    Args:
        search: a named function or partial functions of one, that the cache can tell from others.
        rows: (N, *row shape).

    Raises:
        ValueError: if ``search`` has no name.
    """
    file = cache_folder() / f"neighbors-{_key(search, rows)}.npz"
    with in_turn(file):
        found = _read(file)
        if found is None:
            found = search(rows)
            _write(file, found)
    return found


def _read(file: Path) -> Neighbors | None:
    try:
        with np.load(file) as kept:
            return Neighbors(*(torch.from_numpy(kept[name]) for name in Neighbors._fields))
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return None  # not there, or not whole


def _write(file: Path, found: Neighbors) -> None:
    content = io.BytesIO()
    np.savez(content, **{name: tensor.numpy() for name, tensor in found._asdict().items()})
    with contextlib.suppress(OSError):  # they were found all the same
        replace_file(file, content.getvalue())


def _key(search: Callable[[Tensor], Neighbors], rows: Tensor) -> str:
    what = [describe(search), __version__, REVISION, str(rows.dtype), list(rows.shape)]
    key = hashlib.sha256(json.dumps(what, sort_keys=True).encode())
    key.update(rows.numpy().tobytes())
    return key.hexdigest()[:32]
