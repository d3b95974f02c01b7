"""A recipe that sees descriptors, from an archive of images to samples, stopped and gone on."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convergan.core.signals import Interrupted
from convergan.data import Dataset, load
from convergan.recipes import Recipe, find_recipe
from convergan.recipes.mnist import upright_gradients
from convergan.runs.reading import draw_run_samples
from convergan.runs.run import run
from convergan.runs.settings import Settings

MINE = """
from dataclasses import replace

from convergan.recipes import RECIPES


def short():
    fast = RECIPES["mnist-graph"]()
    return replace(fast, steps=6, batch_size=10, evaluate_every=3, checkpoint_every=2)
"""
SIDE, ROWS = 16, 48


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and an archive: bars that lie, and bars that stand."""
    folder = tmp_path_factory.mktemp("descriptors")
    (folder / "mine.py").write_text(MINE)
    chance = np.random.default_rng(0)
    images = np.zeros((ROWS + 12, SIDE, SIDE), dtype=np.uint8)
    labels = np.arange(len(images)) % 2
    for image, label in zip(images, labels, strict=True):
        at = chance.integers(3, SIDE - 5)
        lying = image.T if label else image
        lying[at : at + 2, 2:-2] = chance.integers(100, 256)
    np.savez(
        folder / "bars.npz",
        x_train=images[:ROWS],
        y_train=labels[:ROWS],
        x_test=images[ROWS:],
        y_test=labels[ROWS:],
    )
    return folder


def experiment(place: Path) -> tuple[Recipe, Dataset, Settings]:
    recipe = find_recipe(f"{place / 'mine.py'}:short")
    data = str(place / "bars.npz")
    settings = Settings(
        recipe=f"{place / 'mine.py'}:short",
        data=data,
        labels=4,
        seed=0,
        steps=recipe.steps,
        device="cpu",
    )
    return recipe, load(data), settings


def finish(place: Path, folder: Path, stop_after: int | None = None) -> Iterator[int]:
    for progress in run(*experiment(place), folder, baselines=False):
        if progress.step == stop_after:
            signal.raise_signal(signal.SIGTERM)
        yield progress.step


@pytest.fixture(scope="module")
def calm(place: Path) -> Path:
    """The folder of a run that nothing disturbed."""
    assert list(finish(place, place / "calm")) == [0, 1, 2, 3, 4, 5, 6]
    return place / "calm"


def test_both_players_work_on_descriptors(place: Path, calm: Path) -> None:
    config = json.loads((calm / "config.json").read_text())
    assert config["row_shape"] == [8 * 3 * 3]
    assert config["recipe"]["descriptor"].endswith(".upright_gradients")
    result = json.loads((calm / "result.json").read_text())
    assert result["steps"] == 6 and 0 <= result["test_error"] <= 1
    probabilities = np.load(calm / "test_probabilities.npy")
    assert probabilities.shape == (12, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_pictures_show_training_images(place: Path, calm: Path) -> None:
    names = sorted(file.name for file in (calm / "samples").iterdir())
    assert names == ["step-000000003.png", "step-000000006.png"]
    with Image.open(calm / "samples" / names[-1]) as file:
        picture = np.asarray(file)
    assert picture.shape == (10 * (SIDE + 1) + 1, 10 * (SIDE + 1) + 1)
    known = {image.tobytes() for image in experiment(place)[1].train.images[:].numpy()}
    starts = range(1, len(picture), SIDE + 1)
    shown = [picture[y : y + SIDE, x : x + SIDE].tobytes() for y in starts for x in starts]
    assert set(shown) <= known and len(shown) == 100


def test_pictures_are_of_the_images_nearest_to_the_samples(
    place: Path, calm: Path, tmp_path: Path
) -> None:
    drawn = draw_run_samples(calm, 100, 0, tmp_path / "samples.npz")
    samples = torch.from_numpy(np.load(drawn)["samples"])
    assert samples.shape == (100, 72)
    seen = upright_gradients(experiment(place)[1].train.images[:])
    with Image.open(calm / "samples" / "step-000000006.png") as file:
        picture = np.asarray(file)
    for number, sample in enumerate(samples):
        y, x = (1 + cell * (SIDE + 1) for cell in divmod(number, 10))
        shown = torch.from_numpy(picture[y : y + SIDE, x : x + SIDE].copy())
        distance = (upright_gradients(shown[None, None]) - sample).norm()
        nearest = (seen - sample).norm(dim=1).min()  # of several, where bars differ in light alone
        torch.testing.assert_close(distance, nearest, rtol=1e-4, atol=0)


@pytest.mark.parametrize("stop", [1, 4])
def test_a_run_stopped_and_gone_on_is_the_same_to_the_bit(
    stop: int, place: Path, calm: Path, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        list(finish(place, tmp_path, stop_after=stop))
    assert not (tmp_path / "result.json").exists()
    assert list(finish(place, tmp_path)) == list(range(stop + 1, 7))
    results = [json.loads((f / "result.json").read_text()) for f in (calm, tmp_path)]
    assert results[0]["state_sha256"] == results[1]["state_sha256"]
    for name in ("test_probabilities.npy", "labels.csv", "samples/step-000000006.png"):
        assert (calm / name).read_bytes() == (tmp_path / name).read_bytes()


def test_pictures_of_descriptors_are_refused_in_one_line(calm: Path) -> None:
    with pytest.raises(ValueError, match=r"generates descriptors.* name a \.npz file") as refused:
        draw_run_samples(calm, 4, 0, calm / "samples.png")
    assert "\n" not in str(refused.value)
    assert not (calm / "samples.png").exists()


def test_rows_that_are_no_images_are_refused_before_a_folder_is_made(
    place: Path, tmp_path: Path
) -> None:
    recipe, _, settings = experiment(place)
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(20, 5)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x_train=rows, y_train=np.arange(20) % 2)
    with pytest.raises(ValueError, match=r"rows of shape \(5,\) are no images"):
        list(run(recipe, load(str(tmp_path / "rows.npz")), settings, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_images_without_test_rows_train_and_unlabeled_ones_get_a_class(
    place: Path, tmp_path: Path
) -> None:
    recipe, dataset, settings = experiment(place)
    labels = dataset.train.labels.clone()
    labels[4:] = -1
    np.savez(tmp_path / "few.npz", x_train=dataset.train.images[:].numpy(), y_train=labels.numpy())
    few = load(str(tmp_path / "few.npz"))
    list(run(recipe, few, settings, tmp_path / "run", baselines=False))
    lines = (tmp_path / "run" / "predictions.csv").read_text().splitlines()
    assert len(lines) == 1 + ROWS - 4
