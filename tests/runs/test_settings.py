"""What a run may be asked for, and which of its rows keep their labels."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from convergan.data import DataError, Dataset, Rows
from convergan.recipes import find_recipe
from convergan.runs.settings import Settings, choose_labels, default_labels

RECIPE = replace(find_recipe("digits"), labels=6, batch_size=8)


def settings(**changes: Any) -> Settings:
    chosen: dict[str, Any] = {"recipe": "mine", "data": "rows", "labels": 6, "seed": 0}
    chosen |= {"steps": 1, "device": "cpu"}
    return Settings(**(chosen | changes))


def dataset(labels: list[int]) -> Dataset:
    numbers = torch.tensor(labels)
    train = Rows(torch.zeros(len(labels), 1, 2, 2, dtype=torch.uint8), numbers)
    return Dataset("rows", ("a", "b"), train, Rows(train.images[:0], numbers[:0]))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("steps", 0, "steps must be at least 1, got 0"),
        ("seed", -1, "seed must not be negative, got -1"),
        ("precision", "float16", "precision must be float32 or bfloat16, got 'float16'"),
        ("device", "auto", "device must be auto, cpu or cuda, got 'auto'"),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        settings(**{name: value})


def test_the_smallest_values_are_taken() -> None:
    chosen = settings(steps=1, seed=0, precision="bfloat16")
    assert (chosen.steps, chosen.seed, chosen.precision) == (1, 0, "bfloat16")


@pytest.mark.parametrize(
    ("labels", "count"),
    [
        ([0, 1] * 10, 6),
        ([0, 1] * 2, 4),  # fewer than the recipe takes
        ([0, 1] * 3, 6),
        ([0, 1] * 4 + [-1] * 9, 8),  # most rows have none, so that these were chosen
        ([0, 1] * 4 + [-1] * 8, 6),
    ],
)
def test_the_default_is_that_of_the_recipe_or_every_label(labels: list[int], count: int) -> None:
    assert default_labels(RECIPE, dataset(labels)) == count


def test_a_recipe_without_labels_takes_none_by_default() -> None:
    assert default_labels(replace(RECIPE, labels=0), dataset([0, 1, -1, -1, -1])) == 0


@pytest.mark.parametrize(
    ("needs", "asked", "reason"),
    [
        (6, 0, "recipe mine needs labels, got --labels 0"),
        (0, 6, "recipe mine uses no labels, got --labels 6"),
    ],
)
def test_labels_for_a_recipe_without_them_are_refused_and_the_other_way_round(
    needs: int, asked: int, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        choose_labels(replace(RECIPE, labels=needs), dataset([0, 1] * 10), settings(labels=asked))


def test_fewer_rows_than_a_step_takes_are_refused() -> None:
    with pytest.raises(ValueError, match="recipe mine takes 8 rows a step, the data have 7"):
        choose_labels(RECIPE, dataset([0, 1, 0, 1, 0, 1, 0]), settings())


def test_as_many_labels_are_drawn_as_asked_for_the_same_number_of_each_class() -> None:
    rows = dataset([0, 1, -1] * 5)
    subset = choose_labels(RECIPE, rows, settings(labels=6))
    assert subset.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(set(subset.rows.tolist())) == 6
    assert torch.equal(rows.train.labels[subset.rows], subset.labels)


def test_every_label_is_taken_where_as_many_are_asked_for_though_classes_differ() -> None:
    subset = choose_labels(RECIPE, dataset([1, -1, 0, 1, -1, 1, 1, -1, 1]), settings(labels=6))
    assert subset.rows.tolist() == [0, 2, 3, 5, 6, 8]
    assert subset.labels.tolist() == [1, 0, 1, 1, 1, 1]


def test_without_labels_no_row_keeps_one() -> None:
    subset = choose_labels(replace(RECIPE, labels=0), dataset([0, 1] * 4), settings(labels=0))
    assert len(subset.rows) == 0 and len(subset.labels) == 0


def test_a_recipe_that_needs_labels_says_how_images_get_them() -> None:
    unlabeled = replace(dataset([-1] * 9), classes=())
    chosen = settings(labels=default_labels(RECIPE, unlabeled))
    with pytest.raises(
        DataError,
        match="^recipe mine needs labels, and none of 9 training rows of rows has one: images are "
        "labelled by a folder for each class .* or by labels.csv",
    ):
        choose_labels(RECIPE, unlabeled, chosen)
    without = replace(RECIPE, labels=0)
    assert not len(choose_labels(without, unlabeled, settings(labels=0)).rows)
