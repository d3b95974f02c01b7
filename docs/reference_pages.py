"""Pages of the API reference, one a package, from the names that its ``__init__`` exports."""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

PACKAGES = (
    "layers",
    "objectives",
    "networks",
    "training",
    "recipes",
    "data",
    "metrics",
    "embedding",
    "estimator",
    "photos",
    "tabular",
    "collective",
)
"""Packages whose exported names are for users, in the order of the reference."""

BY_MODULE = {
    "runs": ("run", "folder", "settings", "reading"),
    "sweeps": ("sweep", "label_table", "study_table", "studies", "paper_tables"),
    "scoring": ("score", "sources", "values", "files"),
    "publishing": ("bundle", "manifest", "card", "hub"),
    "core": ("chance", "devices", "progress", "user_code"),
}
"""Packages that export nothing: those of their modules that a program may want."""


class Public(NamedTuple):
    """A name of a module, where it is documented, and what it is."""

    module: str
    name: str
    value: object

    @property
    def kind(self) -> str:
        """The directive of autodoc that documents it."""
        if inspect.isclass(self.value):
            return "exception" if issubclass(self.value, BaseException) else "class"
        return "function" if inspect.isroutine(self.value) else "data"


def exported(package: str) -> list[Public]:
    """Return what a package exports, of what it defines itself, in the order of ``__init__``.

    Args:
        package: a name such as ``"layers"``.

    Returns:
        Functions, classes and exceptions. Names of the same thing as an earlier one, which serve
        recipes of old files, are left out.
    """
    module = importlib.import_module(f"convergan.{package}")
    return list(_own(module, f"convergan.{package}"))


def _own(module: ModuleType, home: str) -> Iterator[Public]:
    seen: set[int] = set()
    for name, value in vars(module).items():
        origin = getattr(value, "__module__", None) or ""
        documented = inspect.isclass(value) or inspect.isroutine(value)
        ours = origin == home or origin.startswith(f"{home}.")
        if name[0] != "_" and documented and ours and id(value) not in seen:
            seen.add(id(value))
            yield Public(module.__name__, name, value)


def escaped(line: str) -> str:
    """Return a line in which the star of a shape such as (N, *shape) begins no emphasis."""
    pieces = line.split("``")
    pieces[::2] = [re.sub(r"(?<=[ (])\*(?=\w)", r"\\*", piece) for piece in pieces[::2]]
    return "``".join(pieces)


def first_line(value: object) -> str:
    """Return the summary of a docstring, without its full stop."""
    text = inspect.getdoc(value) or ""
    return escaped(" ".join(text.partition("\n\n")[0].split()).rstrip("."))


def _heading(text: str, mark: str) -> list[str]:
    return [text, mark * len(text), ""]


def _directive(public: Public) -> list[str]:
    options = {"class": ["   :members:"], "exception": []}.get(public.kind, [])
    return [f".. auto{public.kind}:: {public.module}::{public.name}", *options, ""]


def _table(names: list[Public]) -> list[str]:
    lines = [".. list-table::", "   :widths: auto", "   :class: names", ""]
    for public in names:
        lines.append(f"   * - :py:obj:`~{public.module}.{public.name}`")
        lines.append(f"     - {first_line(public.value)}")
    return [*lines, ""]


def package_page(package: str) -> str:
    """Return the page of a package that exports names: a table of them, then each."""
    module = importlib.import_module(f"convergan.{package}")
    names = sorted(exported(package), key=lambda public: (public.kind != "function", public.name))
    lines = _heading(f"convergan.{package}", "=")
    lines += [f".. py:module:: convergan.{package}", "", inspect.getdoc(module) or "", ""]
    lines += _table(names)
    for title, is_function in (("Functions", True), ("Classes", False)):
        chosen = [public for public in names if (public.kind == "function") == is_function]
        if chosen:
            lines += _heading(title, "-")
            for public in chosen:
                lines += _directive(public)
    return "\n".join(lines) + "\n"


def modules_page(package: str, modules: tuple[str, ...]) -> str:
    """Return the page of a package that exports nothing, a section for each module."""
    top = importlib.import_module(f"convergan.{package}")
    lines = _heading(f"convergan.{package}", "=")
    lines += [f".. py:module:: convergan.{package}", "", inspect.getdoc(top) or "", ""]
    for name in modules:
        home = f"convergan.{package}.{name}"
        module = importlib.import_module(home)
        lines += _heading(home, "-")
        lines += [f".. py:module:: {home}", "", inspect.getdoc(module) or "", ""]
        for public in _own(module, home):
            lines += _directive(public)
    return "\n".join(lines) + "\n"


def index_page() -> str:
    """Return the front page of the reference: what each package is."""
    lines = _heading("API reference", "=")
    lines += [
        "Made from the docstrings when the site is built. Shapes are in parentheses, such as",
        "(N, C, H, W); a name in the text leads to its entry, and ``[source]`` to the code.",
        "",
        ".. list-table::",
        "   :widths: auto",
        "   :class: names",
        "",
    ]
    pages = [*PACKAGES, *BY_MODULE]
    for package in pages:
        module = importlib.import_module(f"convergan.{package}")
        lines += [f"   * - :doc:`convergan.{package} <{package}>`", f"     - {first_line(module)}"]
    lines += ["", ".. toctree::", "   :hidden:", ""]
    lines += [f"   {package}" for package in pages]
    return "\n".join(lines) + "\n"


def write(folder: Path) -> None:
    """Write all pages into a folder, and leave those alone whose text is as it was.

    Args:
        folder: made if it is missing; pages of packages that are gone are deleted.
    """
    pages = {"index": index_page()}
    pages |= {package: package_page(package) for package in PACKAGES}
    pages |= {package: modules_page(package, names) for package, names in BY_MODULE.items()}
    folder.mkdir(exist_ok=True)
    for file in folder.glob("*.rst"):
        if file.stem not in pages:
            file.unlink()
    for name, text in pages.items():
        file = folder / f"{name}.rst"
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
