"""Functions in files of the user's: recipes and networks that the command line is given."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def load_function(path: Path, function: str) -> Callable[..., Any]:
    """Run a Python file and return a function of it.

    Args:
        path: of a ``.py`` file that is there.
        function: its name.

    Raises:
        ValueError: if the file has no such function; the message names those that it has.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    found: Callable[..., Any] | None = vars(module).get(function)
    if not callable(found):
        public = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise ValueError(f"{path} has no function {function!r}; it has {', '.join(public)}")
    return found
