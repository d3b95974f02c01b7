from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from convergan.data import (
    DataError,
    Dataset,
    LabeledSubset,
    Rows,
    Streaming,
    load,
    nearest_neighbors,
)
from convergan.recipes import find_recipe
from convergan.runs.baselines import (
    BASELINES,
    LARGEST_KERNEL,
    LARGEST_SELF_TRAINING,
    run_baseline,
    spread_over_graph,
)

QUICK = [name for name in BASELINES if name != "label spreading (rbf)"]


def two_clouds(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return points around (-2, 0) and (2, 0), of classes 0 and 1 in turn."""
    labels = torch.arange(count) % 2
    chance = torch.Generator().manual_seed(seed)
    points = 0.3 * torch.randn(count, 2, generator=chance)
    points[:, 0] += 4.0 * labels - 2
    return points, labels


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_separates_two_clouds_from_two_labels_each(name: str) -> None:
    points, truth = two_clouds(60, seed=0)
    labels = torch.where(torch.arange(60) < 4, truth, -1)
    row = run_baseline(name, points, labels, Rows(*two_clouds(40, seed=1)))
    assert row.name == name and row.test_error == 0 and row.seconds >= 0
    assert "cannot" not in row.note


@pytest.mark.parametrize("name", BASELINES)
def test_the_error_is_the_fraction_of_wrong_test_rows(name: str) -> None:
    points, truth = two_clouds(60, seed=0)
    labels = torch.where(torch.arange(60) < 4, truth, -1)
    test_points, test_labels = two_clouds(40, seed=1)
    test_labels[:10] = 1 - test_labels[:10]
    assert run_baseline(name, points, labels, Rows(test_points, test_labels)).test_error == 0.25


@pytest.mark.parametrize("name", BASELINES)
def test_bytes_are_seen_as_fractions(name: str) -> None:
    points, truth = two_clouds(60, seed=0)
    pixels = ((points + 4) / 8 * 255).round().to(torch.uint8)[:, None, None, :]
    labels = torch.where(torch.arange(60) < 20, truth, -1)
    test = Rows(pixels[20:], truth[20:])
    as_floats = Rows(pixels[20:].float() / 255, truth[20:])
    seen = [
        run_baseline(name, pixels, labels, test),
        run_baseline(name, pixels.float() / 255, labels, as_floats),
    ]
    assert seen[0].test_error == seen[1].test_error is not None


def test_logistic_regression_sees_labeled_rows_only() -> None:
    points, truth = two_clouds(60, seed=0)
    truth[::3] = 1 - truth[::3]  # noise, so that the error depends on what was fitted
    test = Rows(*two_clouds(500, seed=1))
    labels = torch.where(torch.arange(60) < 20, truth, -1)
    other = points.clone()
    other[20:] = 100
    errors = {
        run_baseline("logistic regression", rows, labels, test).test_error
        for rows in (points, other)
    }
    assert len(errors) == 1


@pytest.mark.parametrize("name", ["label spreading (knn)", "label spreading (rbf)"])
def test_label_spreading_follows_the_unlabeled_rows(name: str) -> None:
    """Two bands, labelled at opposite ends: the labels alone suggest a boundary across both."""
    height = torch.linspace(-1, 1, 12)
    left, right = (torch.stack([torch.full((12,), x), height], dim=1) for x in (-0.75, 0.75))
    points = torch.cat([left, right])
    truth = (torch.arange(24) >= 12).long()
    labels = torch.full((24,), -1)
    labels[11], labels[12] = 0, 1
    test = Rows(points, truth)
    spread = run_baseline(name, points, labels, test).test_error
    alone = run_baseline("logistic regression", points, labels, test).test_error
    assert spread is not None and alone is not None and spread == 0 < 0.2 < alone


def test_a_kernel_too_large_for_memory_is_not_built_and_the_row_says_so() -> None:
    count = LARGEST_KERNEL + 1
    labels = torch.arange(count) % 2
    images = labels.float()[:, None]
    row = run_baseline("label spreading (rbf)", images, labels, Rows(images[:2], labels[:2]))
    assert row.test_error is None
    assert row.note == "cannot run: a dense kernel of 20,001 rows takes 3 GiB"


@pytest.mark.parametrize("name", QUICK)
def test_more_rows_than_fit_in_memory_are_not_taken_and_the_row_says_so(name: str) -> None:
    images = torch.zeros(1, 1).expand(3, 2**30)  # of which there is one number
    test = Rows(images[:0], torch.tensor([]))
    row = run_baseline(name, images, torch.tensor([0, 1, -1]), test)
    count, size = (2, 8) if name == "logistic regression" else (3, 12)
    assert row.note == f"cannot run: {count} rows at once take {size} GiB"


@pytest.mark.slow
def test_streamed_images_give_the_errors_of_those_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERGAN_CACHE", str(tmp_path / "cache"))
    chance = np.random.default_rng(0)
    for number in range(60):
        split, shade = ("labeled", "test")[number % 3 == 0], 70 + 60 * (number % 2)
        file = tmp_path / "images" / split / "ab"[number % 2] / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = chance.integers(shade - 70, shade + 70, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
    held = load(str(tmp_path / "images"), 4)
    streamed = load(str(tmp_path / "images"), 4, streaming=Streaming(2))
    labels = torch.where(torch.arange(40) % 5 == 0, held.train.labels, -1)
    for name in QUICK:
        one, other = (
            run_baseline(name, data.train.images, labels, data.test) for data in (held, streamed)
        )
        assert one.test_error == other.test_error is not None and one.note == other.note
    (tmp_path / "images" / "test" / "a" / "00.png").unlink()
    with pytest.raises(DataError, match="test/a/00.png cannot be read any more"):
        run_baseline("logistic regression", streamed.train.images, labels, streamed.test)


def test_self_training_takes_a_part_of_many_unlabeled_rows_and_says_so() -> None:
    points, truth = two_clouds(LARGEST_SELF_TRAINING + 1004, seed=0)
    labels = torch.where(torch.arange(len(truth)) < 4, truth, -1)
    row = run_baseline("self-training", points, labels, Rows(*two_clouds(40, seed=1)))
    assert row.test_error == 0
    assert row.note == "on 10,000 of 11,000 unlabelled rows"


@pytest.mark.parametrize("name", QUICK)
def test_the_same_rows_give_the_same_error_and_the_global_generators_stay(name: str) -> None:
    points, truth = two_clouds(60, seed=0)
    truth[::5] = 1 - truth[::5]
    labels = torch.where(torch.arange(60) < 20, truth, -1)
    test = Rows(*two_clouds(100, seed=1))
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[union-attr, index, unused-ignore]
    errors = {run_baseline(name, points, labels, test).test_error for _ in range(2)}
    after = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[union-attr, index, unused-ignore]
    assert len(errors) == 1
    assert torch.equal(before[0], after[0]) and before[1] == after[1]


def test_a_graph_alone_reaches_test_rows_over_unlabelled_ones() -> None:
    """Two rings of rows, each a chain of neighbors, of which one row has a label."""
    angles = torch.arange(60) * (2 * torch.pi / 30)
    radius = torch.arange(60).div(30, rounding_mode="floor").float() * 2 + 1
    points = torch.stack([radius * angles.cos(), radius * angles.sin()], dim=1)
    truth = torch.arange(60).div(30, rounding_mode="floor")
    of_test = torch.arange(60) % 2 == 1
    train, test = (Rows(points[of], truth[of]) for of in (~of_test, of_test))
    recipe = replace(find_recipe("digits"), neighbors=partial(nearest_neighbors, count=2))
    subset = LabeledSubset(torch.tensor([0, 15]), torch.tensor([0, 1]))
    dataset = Dataset("rings", ("inner", "outer"), train, test)
    row = spread_over_graph(recipe, dataset, subset)
    assert row.test_error == 0 and "sees the test rows" in row.note
