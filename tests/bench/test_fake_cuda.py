"""Steps on fake tensors of a GPU: no devices mix, and what the CPU waits for is known.

In a process of its own, as the device that stands in for CUDA is there for all of a process.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from convergan.recipes import RECIPES, find_recipe

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
GROUPS = 4
"""Of recipes; all but the first are left to the nightly tests."""


def watched(*recipes: str, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.fake_gpu", *recipes, "--json", str(out)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


def expected_waits(name: str) -> dict[str, int]:
    """One for each update, which is refused if it is not finite."""
    recipe = find_recipe(name)
    step: Any = recipe.step
    return {"training/state.py: _refuse_non_finite": 1 + step.keywords.get("generator_steps", 1)}


@pytest.mark.parametrize(
    "group", [0, *(pytest.param(group, marks=pytest.mark.nightly) for group in range(1, GROUPS))]
)
@pytest.mark.nightly
def test_no_step_mixes_devices_or_waits_but_for_its_updates(group: int, tmp_path: Path) -> None:
    names = list(RECIPES)[group::GROUPS]
    done = watched(*names, out=tmp_path / "found.json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found == {name: {"waits": expected_waits(name), "mixed": {}} for name in names}


FAULTY = """
from dataclasses import replace

import torch

from convergan.recipes import Recipe, find_recipe

TOY = find_recipe("toy")


def rows_by_numbers_of_the_cpu(state, batch, chance):
    chosen = batch.unlabeled[torch.arange(len(batch.unlabeled))]
    return TOY.step(state, batch._replace(unlabeled=chosen), chance)


def reads(state, batch, chance):
    batch.unlabeled.sum().item()
    assert batch.unlabeled.isfinite().all() and float(batch.unlabeled[0, 0]) < 9
    return TOY.step(state, batch, chance)


def rows_of_the_cpu(state, batch, chance):
    more = batch.unlabeled + torch.zeros(2)
    return TOY.step(state, batch._replace(unlabeled=more), chance)


def as_many_rows_as_numbers_say(state, batch, chance):
    batch.unlabeled[batch.unlabeled[:, 0] > 0]


def indexing() -> Recipe:
    return replace(TOY, step=rows_by_numbers_of_the_cpu)


def reading() -> Recipe:
    return replace(TOY, step=reads)


def adding() -> Recipe:
    return replace(TOY, step=rows_of_the_cpu)


def choosing() -> Recipe:
    return replace(TOY, step=as_many_rows_as_numbers_say)
"""


@pytest.mark.nightly
def test_faults_are_seen(tmp_path: Path) -> None:
    file, out = tmp_path / "faulty.py", tmp_path / "found.json"
    file.write_text(FAULTY)
    done = watched(f"{file}:indexing", f"{file}:reading", out=out)
    assert done.returncode == 1, done.stderr
    indexing, reading = json.loads(out.read_text()).values()
    assert list(indexing["mixed"]) == ["elsewhere, aten.index.Tensor"]
    assert not reading["mixed"] and reading["waits"]["elsewhere"] == 3
    for fault, told in {"adding": "at least two devices", "choosing": "DynamicOutputShape"}.items():
        done = watched(f"{file}:{fault}", out=out)
        assert done.returncode == 1 and told in done.stderr
