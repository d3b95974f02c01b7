"""A user's way through the commands for runs, on data small enough to train on in seconds."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from convergan.cli.main import app
from convergan.networks import Generator
from convergan.recipes import RECIPES, find_recipe
from tests.commands import convergan


def train_digits(folder: Path, *more: object) -> int:
    return convergan(
        *("train", "digits", "--steps", 60, "--labels", 20, "--out", folder, "--threads", 1), *more
    )


@pytest.mark.slow
def test_training_leaves_a_complete_run_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert train_digits(folder) == 0
    shown = capsys.readouterr().out
    for method in ("GAN", "supervised twin", "logistic regression", "label spreading", "self-tr"):
        assert method in shown
    result = json.loads((folder / "result.json").read_text())
    assert result["steps"] == 60
    assert 0 <= result["test_error"] <= 1
    assert len(result["state_sha256"]) == 64
    assert sum(map(sum, result["confusion"])) == 500
    log = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [50, 60]
    assert {"seconds", "supervised_loss", "generator_loss", "test_error"} <= set(log[-1])
    labels = (folder / "labels.csv").read_text().splitlines()
    assert labels[0] == "row,label,class,file"
    assert sorted(line.split(",")[1] for line in labels[1:]) == sorted("0123456789" * 2)
    assert (folder / "samples" / "step-000000060.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4  # losses, error, samples, confusion
    assert "http" not in page.split("<h2>Settings")[0]


@pytest.mark.slow
def test_a_finished_run_is_shown_again_without_training(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert train_digits(folder, "--no-baselines") == 0
    written = (folder / "result.json").stat().st_mtime_ns
    assert train_digits(folder, "--no-baselines") == 0
    assert (folder / "result.json").stat().st_mtime_ns == written


@pytest.mark.slow
def test_samples_are_drawn_as_picture_and_array(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert train_digits(folder, "--no-baselines") == 0
    assert convergan("sample", folder, "--count", 7, "--out", tmp_path / "a.npz") == 0
    assert convergan("sample", folder, "--count", 7, "--seed", 1, "--out", tmp_path / "b.npz") == 0
    assert convergan("sample", folder) == 0
    samples = [np.load(tmp_path / name)["samples"] for name in ("a.npz", "b.npz")]
    assert samples[0].shape == (7, 1, 8, 8)
    assert not np.array_equal(*samples)
    with Image.open(folder / "samples.png") as picture:
        assert picture.size == (10 * 25 + 1, 10 * 25 + 1)


@pytest.mark.slow
def test_a_run_whose_generator_has_changed_since_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    assert train_digits(folder, "--no-baselines", "--steps", 2) == 0
    capsys.readouterr()
    digits = find_recipe("digits")

    def other(shape: Sequence[int], chance: torch.Generator) -> Generator:
        network = digits.generator(shape, chance)
        network.register_parameter("bias", torch.nn.Parameter(torch.zeros(1)))
        return network

    monkeypatch.setattr(
        "convergan.runs.reading.find_recipe", lambda name: replace(digits, generator=other)
    )
    assert convergan("sample", folder, "--out", tmp_path / "a.npz") == 65
    told = " ".join(capsys.readouterr().err.split())
    assert "has the weights of another generator than that of digits here" in told
    assert "Traceback" not in told and not (tmp_path / "a.npz").exists()


@pytest.mark.slow
def test_training_in_bfloat16_differs_from_float32_and_ends_as_well(tmp_path: Path) -> None:
    hashes = set()
    for precision in ("float32", "bfloat16"):
        folder = tmp_path / precision
        assert train_digits(folder, "--no-baselines", "--precision", precision) == 0
        result = json.loads((folder / "result.json").read_text())
        hashes.add(result["state_sha256"])
        assert result["test_error"] < 0.5
    assert len(hashes) == 2


@pytest.mark.slow
def test_an_image_folder_with_few_labels_is_learned_from_without_choosing_a_number(
    tmp_path: Path,
) -> None:
    chance = np.random.default_rng(0)
    for place, count in (("labeled/dark", 3), ("labeled/light", 4), ("unlabeled", 120)):
        (tmp_path / "images" / place).mkdir(parents=True)
        for number in range(count):
            light = place.endswith("light") or (place == "unlabeled" and number % 2)
            pixels = chance.integers(100, 256) if light else chance.integers(0, 100)
            Image.new("L", (6, 6), int(pixels)).save(tmp_path / "images" / place / f"{number}.png")
    folder = tmp_path / "run"
    code = convergan(
        *("train", "digits", "--data", tmp_path / "images", "--steps", 20, "--out", folder)
    )
    assert code == 0
    assert len((folder / "labels.csv").read_text().splitlines()) == 1 + 7
    assert json.loads((folder / "result.json").read_text())["test_error"] is None
    predictions = (folder / "predictions.csv").read_text().splitlines()
    assert len(predictions) == 1 + 120
    assert predictions[1].split(",")[1] == "unlabeled/0.png"
    assert predictions[1].split(",")[2] in ("dark", "light")


def test_a_recipe_without_labels_ends_with_samples_and_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    assert convergan("train", "toy", "--steps", 30, "--out", folder) == 0
    assert json.loads((folder / "result.json").read_text())["test_error"] is None
    assert convergan("report", folder) == 0


def test_the_command_recipes_lists_every_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convergan.cli.console.output.width", 300)
    shown = CliRunner().invoke(app, ["recipes"])
    assert shown.exit_code == 0
    listed = re.findall(r"^│ ([\w-]+) ", shown.output, flags=re.MULTILINE)
    assert listed == sorted(RECIPES)
