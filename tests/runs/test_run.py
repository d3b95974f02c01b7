"""Runs of earlier versions: what is finished is read, what is not goes on with a word about it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.small import small
from convergan.core.version import __version__
from convergan.data import load
from convergan.recipes import find_recipe
from convergan.runs.reading import draw_run_rows
from convergan.runs.run import run
from convergan.runs.settings import Settings
from convergan.training import checkpoint

DIGITS = Settings(recipe="digits", data="digits", labels=50, seed=0, steps=3, device="cpu")


def as_of(version: str, folder: Path) -> None:
    """Let a run say that another version began it."""
    config = json.loads((folder / "config.json").read_text())
    config["versions"]["convergan"] = version
    (folder / "config.json").write_text(json.dumps(config))


def notices(folder: Path) -> list[str]:
    """What a run has to say from here to its end."""
    going = run(find_recipe("digits"), load("digits"), DIGITS, folder, baselines=False)
    return [notice for progress in going for notice in progress.notices]


def test_a_run_of_another_version_goes_on_with_a_notice(tmp_path: Path) -> None:
    started = run(find_recipe("digits"), load("digits"), DIGITS, tmp_path, baselines=False)
    next(started)
    started.close()  # type: ignore[attr-defined]
    assert notices(shutil.copytree(tmp_path, tmp_path.with_name("same"))) == []
    as_of("0.8.0", tmp_path)
    [line] = notices(tmp_path)
    assert f"begun by convergan 0.8.0 and goes on with {__version__}; CHANGELOG.md" in line
    assert notices(tmp_path) == []  # it is finished


RECIPE = """
from convergan.recipes import find_recipe
from bench.small import small

def imagenet():
    return small(find_recipe("imagenet"))[0]
"""


@pytest.mark.nightly
def test_an_imagenet_run_of_before_the_bias_makes_the_images_that_it_made(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(RECIPE)
    recipe, dataset = small(find_recipe("imagenet"))
    settings = Settings(
        recipe=f"{tmp_path}/mine.py:imagenet",
        data="noise",
        labels=len(dataset.train.labels),
        seed=0,
        steps=1,
        device="cpu",
    )
    folder = tmp_path / "run"
    list(run(recipe, dataset, settings, folder, baselines=False))
    config = json.loads((folder / "config.json").read_text())
    found, _ = checkpoint.read_latest(folder / "checkpoints", config_sha256=config["sha256"])
    assert found is not None
    bias = "generator.network.network.dense.bias"

    def rows_of(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        shutil.rmtree(folder / "checkpoints")
        checkpoint.save(
            folder / "checkpoints", tensors, step=1, config_sha256=config["sha256"], extra={}
        )
        return draw_run_rows(folder, 2, draw=0)

    assert found.tensors[bias].any()
    without = {name: tensor for name, tensor in found.tensors.items() if name != bias}
    zero = found.tensors | {bias: torch.zeros_like(found.tensors[bias])}
    assert torch.equal(rows_of(without), rows_of(zero))
    assert not torch.equal(rows_of(found.tensors), rows_of(zero))


def test_a_run_that_could_not_begin_leaves_its_folder_to_the_right_command(tmp_path: Path) -> None:
    wrong = "digits[discriminator_optimizer.lr=-1]"
    chosen = replace(DIGITS, recipe=wrong)
    with pytest.raises(ValueError, match="discriminator: Invalid learning rate: -1"):
        list(run(find_recipe(wrong), load("digits"), chosen, tmp_path, baselines=False))
    assert not (tmp_path / "config.json").exists()
    assert notices(tmp_path) == []


def test_a_run_killed_while_it_claimed_its_folder_can_be_started_again(tmp_path: Path) -> None:
    (tmp_path / ".tmp-config.json-00ff").touch()
    chosen = Settings(recipe="digits", data="digits", labels=50, seed=0, steps=2, device="cpu")
    started = run(find_recipe("digits"), load("digits"), chosen, tmp_path, baselines=False)
    next(started)
    started.close()  # type: ignore[attr-defined]
    assert (tmp_path / "config.json").exists()
