"""What is missing and which extra has it."""

import tomllib
from pathlib import Path

import pytest

from convergan.core.extras import EXTRAS, what_to_install

ROOT = Path(__file__).parents[2]
OTHER_NAMES = {"sklearn": "scikit-learn", "torch_fidelity": "torch-fidelity"}
"""Modules, and the distributions that they come from where these are called otherwise."""
BROUGHT_ALONG = {"scipy": "scikit-learn"}


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_brings_what_it_is_said_to_bring(extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [line.partition(">")[0] for line in project["optional-dependencies"][extra]]
    brought = {name.partition("[")[0] for name in listed}
    for module in EXTRAS[extra]:
        assert {module, OTHER_NAMES.get(module), BROUGHT_ALONG.get(module)} & brought, module


def test_what_no_extra_has_is_nobodys() -> None:
    assert what_to_install("no_such_package") is None
    assert what_to_install(None) is None
