"""What code of the user's is: hashes of a file and of what it imports from beside it.

What is hashed is the syntax tree without docstrings, so comments, blank lines and the width of
lines do not matter, and every name and number does.
"""

import ast
import hashlib
import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, NamedTuple

from .user_code import is_own_code

PASSED_OVER = ("kind", "type_comment")
"""Fields of syntax trees that say how something is spelled."""


class _Module(NamedTuple):
    """A file of code.

    Attributes:
        file: where it is.
        package: dotted name of the package that its relative imports begin at.
    """

    file: Path
    package: str = ""


def code_hashes(file: Path) -> dict[str, str]:
    """Hash a file and, of what it imports, directly or not, all that lies in its folder or below.

    Imports are found by reading, wherever in a file they stand; none is carried out. So modules
    that are named while a program runs are not seen, and neither is what lies elsewhere.

    Args:
        file: of Python code.

    Returns:
        From paths below the folder of ``file`` to SHA-256 in hexadecimal digits.

    Raises:
        SyntaxError: if a file is no Python.

    Example:
        >>> list(code_hashes(Path(__file__).with_name("names.py")))
        ['names.py']
    """
    importlib.invalidate_caches()  # a file may be new
    folder = file.resolve().parent
    found: dict[str, str] = {}
    left = [_Module(file.resolve())]
    while left:
        module = left.pop()
        name = module.file.relative_to(folder).as_posix()
        if name in found:
            continue
        code = module.file.read_bytes()
        if module.file.suffix != ".py":
            found[name] = hashlib.sha256(code).hexdigest()
            continue
        tree = ast.parse(code, str(module.file))
        found[name] = hash_syntax(tree)
        for imported in _imports(tree, module.package):
            left += _find(imported, folder)
    return dict(sorted(found.items()))


def hash_syntax(tree: ast.AST) -> str:
    """Return the hash of a syntax tree but for its docstrings.

    Example:
        >>> one, other = ast.parse("x = 1  # one"), ast.parse("x = (1)")
        >>> hash_syntax(one) == hash_syntax(other) != hash_syntax(ast.parse("x = 2"))
        True
    """
    return hashlib.sha256(repr(_plain(tree)).encode("utf-8", "backslashreplace")).hexdigest()


def _plain(node: Any) -> Any:
    """Return a tree as lists and texts; what later versions of Python add empty is not among it."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [
        (name, _plain(_without_docstring(node, value) if name == "body" else value))
        for name, value in ast.iter_fields(node)
        if name not in PASSED_OVER and value is not None and value != []
    ]
    return [type(node).__name__, *fields]


def _without_docstring(node: ast.AST, body: Any) -> Any:
    documented = isinstance(
        node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    )
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest] if documented:
            return rest
    return body


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the dotted names that a module may import; of ``from`` those of members as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join(filter(None, [*(above if node.level else []), node.module or ""]))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _find(name: str, folder: Path) -> Iterator[_Module]:
    """Yield the modules that importing a dotted name runs, as far as they lie in a folder."""
    places = [str(folder), *sys.path]
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        dotted = ".".join(parts[:depth])
        spec: ModuleSpec | None = PathFinder.find_spec(dotted, places) if parts[0] else None
        if spec is None:
            return
        if spec.has_location and spec.origin is not None:
            if not is_own_code(Path(spec.origin), folder):
                return
            yield _Module(Path(spec.origin).resolve(), spec.parent or "")
        if spec.submodule_search_locations is None:
            return
        places = list(spec.submodule_search_locations)
