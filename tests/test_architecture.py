"""The import rule, and lightness of imports."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "convergan"

# Each package imports only what stands before it, see docs/design.md.
ORDER = (
    "core",
    "collective",
    "layers",
    "objectives",
    "data",
    "metrics",
    "embedding",
    "networks",
    "training",
    "recipes",
    "runs",
    "estimator",
    "sweeps",
    "scoring",
    "tabular",
    "photos",
    "web",
    "labeling",
    "turing",
    "publishing",
    "cli",
)
TOP = ("__init__", "__main__")
"""What stands beside the packages and is imported by none of them."""
UNTESTED = {
    "core/progress.py": "fields and their defaults",
    "turing/errors.py": "an exception; who raises it is tested for its text",
}
"""Modules without a test module of their own, and why: there is nothing in them to be wrong."""


def place_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_places(file: Path) -> set[str]:
    """The top-level places of the package that a file imports, relative imports resolved."""
    package = ["convergan", *file.relative_to(PACKAGE).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        modules: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            parts = [*base, *(node.module or "").split(".")]
            names = [] if node.module else [alias.name for alias in node.names]
            modules = [".".join(filter(None, parts))] if node.module else []
            modules += [".".join([*base, name]) for name in names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        found |= {m.split(".")[1] for m in modules if m.startswith("convergan.")}
    return found - {place_of(file)}


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: f.stem)
def test_a_package_imports_only_packages_before_it(file: Path) -> None:
    place = place_of(file)
    allowed = ORDER if place in TOP else ORDER[: ORDER.index(place)]
    forbidden = imported_places(file) - set(allowed)
    assert not forbidden, f"{file.name} may not import {forbidden}"


def test_the_order_names_every_package_once() -> None:
    there = {place_of(file) for file in PACKAGE.rglob("*.py")} - set(TOP)
    assert sorted(ORDER) == sorted(there)


def modules_imported(file: Path) -> set[str]:
    """The modules that a file imports, by absolute names; names imported from them as well."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and not node.level:
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_no_test_module_imports_another() -> None:
    for file in sorted((ROOT / "tests").rglob("*.py")):
        modules = {m for m in modules_imported(file) if m.startswith("tests.")}
        tests = {m for m in modules if re.search(r"\.(conftest|test_\w+)(\.|$)", m)}
        assert not tests, (
            f"{file.relative_to(ROOT)} imports {tests}; move helpers to a plain module"
        )


def test_every_module_has_its_tests_at_the_same_place() -> None:
    modules = {file.relative_to(PACKAGE) for file in PACKAGE.rglob("*.py")}
    lacking = {
        module.as_posix()
        for module in modules
        if module.stem not in TOP
        and not module.is_relative_to("turing/migrations")  # tests/turing/study/test_migrations.py
        and not (ROOT / "tests" / module.with_name(f"test_{module.name}")).is_file()
    }
    assert lacking == UNTESTED.keys()


@pytest.mark.parametrize("folder", ["src", "bench", "faults", "examples"])
def test_nothing_outside_the_tests_imports_them(folder: str) -> None:
    for file in sorted((ROOT / folder).rglob("*.py")):
        assert not {m for m in modules_imported(file) if m.split(".")[0] == "tests"}, file


def modules_loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_techniques_load_torch_and_nothing_heavier() -> None:
    loaded = modules_loaded_by("import convergan; convergan.layers; convergan.training")
    assert "torch" in loaded
    assert not loaded & {"sklearn", "matplotlib", "datasets", "fastapi", "pandas", "typer", "rich"}


def test_help_does_not_load_torch() -> None:
    code = (
        "from convergan.cli import main; sys.argv[1:] = ['--help']\n"
        "try: main.main()\nexcept SystemExit: pass"
    )
    heavy = {"torch", "fastapi", "sqlalchemy", "uvicorn", "pydantic", "jinja2", "matplotlib"}
    assert not modules_loaded_by(code) & heavy


def test_no_pickle_and_no_evaluation_of_text_in_the_source() -> None:
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & {"pickle", "dill", "cloudpickle", "marshal"}, file
            if isinstance(node, ast.ImportFrom) and node.module == "joblib":  # not load, not dump
                names = {alias.name for alias in node.names}
                assert names <= {"Parallel", "delayed", "parallel_config"}, file
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("joblib") for alias in node.names), file
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec"), file
                if called == "torch.load":  # tensors alone
                    assert "weights_only=True" in map(ast.unparse, node.keywords), file
