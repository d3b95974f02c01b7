"""Functions in files of the user's: recipes and networks that the command line is given.

A file's own folder is where its imports are looked for first, as with a script of Python's. What
fails inside of such files is told by the user's own lines, see `user_traceback`.
"""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

INSTALLED = ("site-packages", "dist-packages")
"""Folders of packages that are nobody's own code."""
PACKAGE = Path(__file__).resolve().parents[1]
_folders: list[Path] = []
"""Of the files that were loaded, in which their modules lie."""
_imported: set[str] = set()
"""Names of modules that these files have brought in."""


def load_function(path: Path, function: str) -> Callable[..., Any]:
    """Run a Python file and return a function of it.

    Args:
        path: of a ``.py`` file that is there.
        function: its name.

    Raises:
        ValueError: if the file has no such function; the message names those that it has.
    """
    names = vars(_run(path))
    found: Callable[..., Any] | None = names.get(function)
    if not callable(found):
        public = [n for n, v in names.items() if callable(v) and not n.startswith("_")]
        raise ValueError(f"{path} has no function {function!r}; it has {', '.join(public)}")
    return found


class _FromSource(SourceFileLoader):
    """Takes no bytecode, which may be of an earlier edit of the same second."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile the file."""
        return self.source_to_code(self.get_data(self.path), self.path)


def _run(path: Path) -> Any:
    """Run a file as a module; those that it imports from its folder are read anew as well."""
    file = path.resolve()
    loader = _FromSource(file.stem, str(file))
    spec = importlib.util.spec_from_file_location(file.stem, file, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    if file.parent not in _folders:
        _folders.append(file.parent)
    for name in _imported:
        sys.modules.pop(name, None)
    sys.path[:] = [str(file.parent), *(place for place in sys.path if place != str(file.parent))]
    sys.modules[spec.name] = module  # dataclasses look their module up there
    importlib.invalidate_caches()
    before = set(sys.modules)
    try:
        loader.exec_module(module)
    finally:
        _imported.update(filter(_is_users_module, set(sys.modules) - before))
    return module


def _is_users_module(name: str) -> bool:
    file = getattr(sys.modules[name], "__file__", None) or ""
    return file.startswith(tuple(map(str, _folders))) and is_users(Path(file))


def is_users(file: Path) -> bool:
    """Whether a file lies beside one that was loaded, or below, and is of no installed package."""
    return any(is_own_code(file, folder) for folder in _folders)


def is_own_code(file: Path, folder: Path) -> bool:
    """Whether a file is code of whoever owns a folder, resolved: below it, and not installed."""
    place = file.resolve()
    return (
        place.is_relative_to(folder)
        and not place.is_relative_to(PACKAGE)
        and not any(part in INSTALLED for part in place.relative_to(folder).parts)
    )


def user_traceback(error: BaseException) -> str:
    """Return what Python says of an error, of the user's own lines alone.

    Of an error that was explained by another, the first cause that went through such a line counts.

    Returns:
        Lines with an end of line before each; nothing if no line of the user's is involved.
    """
    for cause in reversed(list(_chain(error))):
        frames = [frame for frame in traceback.extract_tb(cause.__traceback__) if _is_shown(frame)]
        written = isinstance(cause, SyntaxError) and is_users(Path(cause.filename or ""))
        if frames or written:
            lines = ["In your code (most recent call last):\n", *traceback.format_list(frames)]
            return "\n" + "".join([*lines, *traceback.format_exception_only(cause)]).rstrip()
    return ""


def raised_by_user(error: BaseException) -> bool:
    """Whether an error is of the user's code: raised there, or in a package that it called.

    What this package raises, called by the user's code or not, is its own.
    """
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_shown(frame):
            return True
        if Path(frame.filename).is_relative_to(PACKAGE):
            return False
    return False


def _is_shown(frame: traceback.FrameSummary) -> bool:
    return not frame.filename.startswith("<") and is_users(Path(frame.filename))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, the first cause last."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def why_not_callable(function: Callable[..., Any], arguments: tuple[object, ...]) -> str:
    """Say why a function cannot be called with so many arguments; nothing if it can, or may.

    Example:
        >>> why_not_callable(len, ("rows", "chance"))
        'too many positional arguments'
        >>> why_not_callable(print, ("rows", "chance"))
        ''
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions that are not written in Python have none
        return ""
    try:
        signature.bind(*arguments)
    except TypeError as error:
        return str(error)
    return ""
