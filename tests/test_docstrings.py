"""Every function and class that a package exports says what each of its parameters is."""

import ast
import importlib
import inspect
import re
import sys
import textwrap
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from reference_pages import BY_MODULE, PACKAGES, Public, exported, write

EXCEPTIONS: dict[str, str] = {}
"""Exported names that need not document their parameters, and why."""

SECTION = r"^(?:Args|Attributes):\n((?:[ \t]+.*\n|[ \t]*\n)+)"
REFERENCE = r"\bArguments[^.`]*\bas (?:for|of|in) `([\w.]+)`"
OMITTED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def described(docstring: str) -> set[str]:
    """The names that the sections Args and Attributes of a docstring describe."""
    text = inspect.cleandoc(docstring) + "\n"
    found: set[str] = set()
    for section in re.findall(SECTION, text, re.MULTILINE):
        for names in re.findall(r"^    ([\w, ]+?)(?: \([^)]*\))?: *\S", section, re.MULTILINE):
            found.update(name.strip() for name in names.split(","))
    return found


def described_in_place(kind: type) -> set[str]:
    """The fields of a class that a string below them describes."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id
        for field, text in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


def parameters(value: object) -> set[str]:
    """The names of what a function or class is called with."""
    if inspect.isclass(value) and issubclass(value, BaseException):
        return set()
    assert callable(value)
    return {
        name for name, one in inspect.signature(value).parameters.items() if one.kind not in OMITTED
    }


def undocumented(public: Public) -> set[str]:
    """The parameters of an exported name that neither it nor what it refers to describes."""
    missing = parameters(public.value) - described(public.value.__doc__ or "")
    if inspect.isclass(public.value) and missing:
        for kind in public.value.__mro__:
            if kind.__module__.startswith("convergan."):
                missing -= described_in_place(kind) | described(kind.__doc__ or "")
    reference = re.search(REFERENCE, " ".join((public.value.__doc__ or "").split()))
    if reference and missing:
        other = {found.name: found for found in exported(public.module.split(".")[1])}
        name = reference[1].rpartition(".")[2]
        assert name in other, f"{public.name} refers to {name}, which is not exported beside it"
        missing -= parameters(other[name].value) - undocumented(other[name])
    return missing


@cache
def public_names() -> dict[str, Public]:
    return {f"{package}.{found.name}": found for package in PACKAGES for found in exported(package)}


def test_packages_have_pages_or_are_applications() -> None:
    package = Path(importlib.import_module("convergan").__file__ or "").parent
    folders = {file.parent.name for file in package.glob("*/__init__.py")}
    applications = {"cli", "labeling", "turing", "web"}
    assert folders == {*PACKAGES, *BY_MODULE} | applications
    assert len(public_names()) > 200


@pytest.mark.parametrize("package", PACKAGES)
def test_every_parameter_of_an_exported_name_is_documented(package: str) -> None:
    missing = {
        name: sorted(undocumented(found))
        for name, found in public_names().items()
        if name.startswith(f"{package}.") and name not in EXCEPTIONS and undocumented(found)
    }
    assert not missing


def test_exceptions_are_needed() -> None:
    assert all(undocumented(public_names()[name]) for name in EXCEPTIONS)


def test_a_parameter_without_a_description_is_found() -> None:
    def documented(first: int, second: int) -> None:
        """Do something.

        Args:
            first: is described,
                on two lines: like this.
        """

    public = Public("convergan.layers", "documented", documented)
    assert undocumented(public) == {"second"}
    documented.__doc__ = "Arguments and errors as for `dropout`."
    assert undocumented(public) == {"first", "second"}


def test_pages_name_every_export_and_are_written_once(tmp_path: Path) -> None:
    write(tmp_path)
    pages = {file.stem: file for file in tmp_path.glob("*.rst")}
    assert set(pages) == {"index", *PACKAGES, *BY_MODULE}
    for name, found in public_names().items():
        directive = f".. auto{found.kind}:: {found.module}::{found.name}\n"
        assert directive in pages[name.partition(".")[0]].read_text()
    times = {file: file.stat().st_mtime_ns for file in pages.values()}
    (tmp_path / "gone.rst").write_text("")
    write(tmp_path)
    assert times == {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.rst")}
