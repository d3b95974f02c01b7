from dataclasses import replace

import pytest
import torch
from torch import Tensor

from convergan.data import DataError, Dataset, Rows
from convergan.metrics import classify
from convergan.metrics.train_classifier import move, train_classifier
from tests.metrics.bars import BARS, bars, trained


@pytest.mark.nightly
def test_a_classifier_learns_and_reports_its_way() -> None:
    dataset = replace(BARS, train=bars(2000, 0))
    lessons = list(train_classifier(dataset, seed=0, epochs=15))
    assert [lesson.step for lesson in lessons] == [100, 200, 300]
    assert {lesson.steps for lesson in lessons} == {300}
    *before, last = lessons
    assert all(lesson.test_accuracy is None for lesson in before)
    predicted = classify(last.network, dataset.test.images[:] / 255).argmax(dim=1)
    assert last.test_accuracy == float((predicted == dataset.test.labels).double().mean())
    assert last.test_accuracy > 0.8 and last.loss < 1


def test_one_seed_gives_the_same_bits_and_the_global_generator_has_no_say() -> None:
    before = torch.get_rng_state()
    first = trained()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)
    assert trained() == first
    torch.set_rng_state(before)
    assert trained(seed=1) != first


def test_test_rows_have_no_say_in_the_weights() -> None:
    assert trained(replace(BARS, test=bars(50, 3))) == trained()


def test_rows_without_a_label_are_left_out() -> None:
    known = bars(200, 0)
    more = torch.full((50, 1, 28, 28), 255, dtype=torch.uint8)
    mixed = Rows(
        torch.cat([more, known.images[:]]),
        torch.cat([torch.full((50,), -1), known.labels]),
    )
    assert trained(replace(BARS, train=mixed)) == trained(replace(BARS, train=known))


def test_images_move_by_whole_pixels_and_black_comes_in() -> None:
    images = torch.zeros(300, 2, 7, 5)
    images[:, :, 3, 2] = torch.tensor([1.0, 2.0])
    moved = move(images, reach=2, chance=torch.Generator().manual_seed(0))
    assert moved.shape == images.shape
    places = moved[:, 0].nonzero()
    assert len(places) == 300
    assert set(map(tuple, (places[:, 1:] - torch.tensor([3, 2])).tolist())) == {
        (down, across) for down in range(-2, 3) for across in range(-2, 3)
    }
    assert torch.equal(2 * moved[:, 0], moved[:, 1])  # channels move together
    assert torch.equal(move(images, reach=0, chance=torch.Generator()), images)
    edge = torch.zeros(300, 1, 3, 3)
    edge[:, :, 0, 0] = 1
    left = move(edge, reach=1, chance=torch.Generator().manual_seed(0)).sum(dim=(1, 2, 3))
    assert set(left.tolist()) == {0, 1}


def with_rows(images: Tensor) -> Dataset:
    return replace(BARS, train=Rows(images, torch.arange(len(images)) % 10))


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (with_rows(torch.zeros(200, 3, 28, 28).byte()), r"bars has \(3, 28, 28\) rows in 10$"),
        (with_rows(torch.zeros(200, 2)), r"bars has \(2,\) rows in 10$"),
        (replace(BARS, classes=tuple("01")), r"bars has \(1, 28, 28\) rows in 2$"),
        (replace(BARS, train=bars(99, 0)), "100 labelled rows or more, bars has 99$"),
        (replace(BARS, test=bars(0, 0)), "bars has no test rows to measure a classifier on$"),
    ],
)
def test_other_data_are_refused_in_one_line(dataset: Dataset, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        next(train_classifier(dataset, seed=0, epochs=1))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="seed must not be negative, got -1$"):
        next(train_classifier(BARS, seed=-1, epochs=1))
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0$"):
        next(train_classifier(BARS, seed=0, epochs=0))
