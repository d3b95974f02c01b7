"""The examples for other frameworks' loops, at a few steps."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param(
            "lightning_gan",
            r"{}top-k: \d of 8 modes, \d+% of samples near one; global step 24",
            marks=pytest.mark.nightly,
        ),
        ("accelerate_gan", r"{}pairing: \d of 8 modes, \d+% of samples near one"),
    ],
)
def test_an_example_runs_with_and_without_the_technique(
    name: str, shown: str, tmp_path: Path
) -> None:
    package = name.removesuffix("_gan")
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package}")
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), "--steps", "12"],
        cwd=tmp_path,
        env=os.environ | {"HF_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    expected = [shown.format(word.ljust(8)) for word in ("without", "with")]
    assert [bool(re.fullmatch(*pair)) for pair in zip(expected, lines, strict=True)] == [True, True]
