"""What is measured of a network pair, and what predictions are written."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from convergan.core.chance import derive
from convergan.data import Dataset, Rows, to_unit_range
from convergan.recipes import Recipe, find_recipe
from convergan.runs import evaluator
from convergan.runs.evaluator import Evaluator
from convergan.runs.job import Job
from convergan.training import State
from tests.runs.trainers import job, toy_job

LABELS = torch.tensor([0, 1] * 6)


def dataset(*, unknown: int = 0, tested: int = 5, names: tuple[str, ...] = ()) -> Dataset:
    """Images of noise; so many of the last training rows have no label."""
    chance = derive(0, "images")
    images = torch.randint(0, 256, (12 + tested, 1, 8, 8), generator=chance, dtype=torch.uint8)
    labels = LABELS.clone()
    labels[12 - unknown :] = -1
    test = Rows(images[12:], LABELS[:tested])
    return Dataset("noise", ("even", "odd"), Rows(images[:12], labels, names), test)


def digits_job(folder: Path, data: Dataset, **changes: Any) -> Job:
    recipe = replace(find_recipe("digits"), batch_size=4, discriminator_start=None)
    return job(replace(recipe, generator_start=None, **changes), folder, data)


def probabilities(state: State, images: Tensor) -> Tensor:
    """Of the classes, by the averaged weights."""
    player = state.discriminator
    network = player.network.eval()
    logits = torch.func.functional_call(
        network, player.averaged_parameters(), (to_unit_range(images),)
    ).logits
    return torch.softmax(logits, dim=1).detach()


def with_another_average(state: State) -> State:
    """Let the average differ from the weights."""
    assert state.discriminator.average is not None
    for number, value in enumerate(state.discriminator.average.values.values()):
        value.add_(0.1 * torch.randn(value.shape, generator=derive(number, "average")))
    return state


# --- real rows -----------------------------------------------------------------------------------


def mean_and_count(samples: Tensor, data: Dataset) -> dict[str, float]:
    assert samples.dtype == torch.float32
    return {"count": float(len(samples)), "mean": samples.mean().item()}


@pytest.mark.parametrize(
    ("count", "split", "rows"), [(4, "test", 4), (5, "test", 5), (6, "train", 6), (99, "train", 12)]
)
def test_real_rows_are_those_of_the_test_split_if_it_has_enough(
    tmp_path: Path, count: int, split: str, rows: int
) -> None:
    data = dataset()
    chosen = digits_job(tmp_path, data, judge=mean_and_count, judged_samples=count)
    images = {"test": data.test, "train": data.train}[split].images[:count]
    mean = images.float().mean().item() / 255
    expected = {"count": float(rows), "mean": pytest.approx(mean, rel=1e-5)}
    assert Evaluator(chosen).judge_real_rows() == expected


def test_without_a_judge_real_rows_have_no_figures(tmp_path: Path) -> None:
    assert Evaluator(digits_job(tmp_path, dataset(), judge=None)).judge_real_rows() == {}


# --- predictions ---------------------------------------------------------------------------------


def test_predictions_are_those_of_the_averaged_weights(tmp_path: Path) -> None:
    data = dataset()
    chosen = digits_job(tmp_path, data)
    state = with_another_average(chosen.start())
    expected = probabilities(state, data.test.images[:])
    last = state.discriminator.network(to_unit_range(data.test.images[:])).logits.softmax(dim=1)
    assert not torch.allclose(expected, last, atol=1e-3)

    found = Evaluator(chosen).predict(state)
    written = np.load(tmp_path / "test_probabilities.npy", allow_pickle=False)
    assert written.dtype == np.float32
    np.testing.assert_allclose(written, expected.numpy(), atol=1e-6)
    classes = expected.argmax(dim=1)
    assert found["test_error"] == pytest.approx((classes != data.test.labels).float().mean().item())
    pairs = list(zip(data.test.labels.tolist(), classes.tolist(), strict=True))
    assert found["confusion"] == [[pairs.count((t, p)) for p in (0, 1)] for t in (0, 1)]
    assert [file.name for file in tmp_path.iterdir()] == ["test_probabilities.npy"]


@pytest.mark.parametrize("names", [(), tuple(f"{n},x.png" for n in range(12))])
def test_every_row_without_a_label_gets_a_class_and_its_probability(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    data = dataset(unknown=3, tested=0, names=names)
    chosen = digits_job(tmp_path, data)
    state = chosen.start()
    assert Evaluator(chosen).predict(state) == {}
    assert not (tmp_path / "test_probabilities.npy").exists()
    with (tmp_path / "predictions.csv").open(newline="") as file:
        head, *lines = csv.reader(file)
    assert head == ["row", "file", "class", "probability"]
    assert [(line[0], line[1]) for line in lines] == [
        (str(row), names[row] if names else "") for row in (9, 10, 11)
    ]
    for line, p in zip(lines, probabilities(state, data.train.images[9:]), strict=True):
        assert line[2] == ("even", "odd")[int(p.argmax())]
        assert float(line[3]) == pytest.approx(p.max().item(), abs=2e-6)


def test_what_is_no_classifier_predicts_nothing(tmp_path: Path) -> None:
    chosen = digits_job(tmp_path, dataset(unknown=3), test_batch=0)
    assert Evaluator(chosen).predict(chosen.start()) == {}
    assert not list(tmp_path.iterdir())


# --- in mid run ----------------------------------------------------------------------------------


def test_both_weights_are_tested_and_samples_judged_and_drawn(tmp_path: Path) -> None:
    data = dataset()
    chosen = digits_job(tmp_path, data, judge=mean_and_count, judged_samples=7)
    (tmp_path / "samples").mkdir()
    state = with_another_average(chosen.start())
    state.step = 12
    figures, notices = Evaluator(chosen).measure(state)
    labels, images = data.test.labels, to_unit_range(data.test.images[:])
    averaged = probabilities(state, data.test.images[:]).argmax(dim=1)
    last = state.discriminator.network(images).logits.argmax(dim=1)
    assert figures.keys() == {"count", "mean", "test_error", "test_error_last"}
    assert figures["count"] == 7 and 0 < figures["mean"] < 1
    assert figures["test_error"] == pytest.approx((averaged != labels).float().mean().item())
    assert figures["test_error_last"] == pytest.approx((last != labels).float().mean().item())
    assert notices == ()
    [picture] = (tmp_path / "samples").iterdir()
    assert picture.name == "step-000000012.png" and picture.read_bytes().startswith(b"\x89PNG")


def test_measuring_changes_nothing_and_finds_the_same_again(tmp_path: Path) -> None:
    chosen = digits_job(tmp_path, dataset(), judge=mean_and_count, judged_samples=7)
    (tmp_path / "samples").mkdir()
    state = chosen.start()
    before = state.sha256()
    first, second = (Evaluator(chosen).measure(state) for _ in range(2))
    assert first == second and state.sha256() == before


def test_a_picture_that_the_disk_refuses_is_a_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evaluator, "replace_file", refuse)
    chosen = toy_job(tmp_path)
    figures, [notice] = Evaluator(chosen).measure(chosen.start())
    assert figures == {}
    assert "step-000000000.png could not be written: " in notice and "No space left" in notice


def first_three(rows: Tensor) -> Tensor:
    return to_unit_range(rows).flatten(1)[:, :3]


def test_samples_of_descriptors_are_shown_as_the_nearest_training_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Tensor] = []

    def remember(samples: Tensor) -> bytes:
        shown.append(samples)
        return b""

    monkeypatch.setattr(evaluator, "sample_picture", remember)
    recipe: Recipe = replace(find_recipe("toy"), judge=None, descriptor=first_three, batch_size=8)
    data = dataset()
    chosen = job(recipe, tmp_path, data)
    (tmp_path / "samples").mkdir()
    Evaluator(chosen).measure(chosen.start())
    [pictures] = shown
    images = to_unit_range(data.train.images[:])
    assert pictures.shape == (evaluator.SAMPLES, 1, 8, 8)
    assert all(bool((images == picture).flatten(1).all(dim=1).any()) for picture in pictures)
