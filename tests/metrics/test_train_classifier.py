import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from convergan.cli import main as cli
from convergan.data import DataError, Dataset, Rows
from convergan.metrics import classify, read_classifier
from convergan.metrics.classifier import classifier_weights
from convergan.metrics.train_classifier import move, train_classifier


def bars(count: int, seed: int) -> Rows:
    """Ten classes: a bright pair of rows whose height is the class, under noise."""
    chance = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 10
    images = torch.randint(100, (count, 1, 28, 28), generator=chance).to(torch.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[0, 2 * label + 4 : 2 * label + 6] = 255
    return Rows(images, labels)


BARS = Dataset("bars", tuple("0123456789"), bars(400, 0), bars(100, 1))


def trained(dataset: Dataset = BARS, *, seed: int = 0, epochs: int = 1) -> bytes:
    *_, last = train_classifier(dataset, seed=seed, epochs=epochs)
    return classifier_weights(last.network)


@pytest.mark.slow
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


def convergan(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["convergan", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_the_command_writes_weights_and_shows_their_accuracy_and_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(
        tmp_path / "bars.npz",
        x_train=BARS.train.images[:].numpy(),
        y_train=BARS.train.labels.numpy(),
        x_test=BARS.test.images[:].numpy(),
        y_test=BARS.test.labels.numpy(),
    )
    out = tmp_path / "new" / "bars.safetensors"
    ask = ("classifier", tmp_path / "bars.npz", "--out", out, "--epochs", 2, "--threads", 1)
    assert convergan(*ask, monkeypatch=monkeypatch) == 0
    shown = capsys.readouterr().out.splitlines()
    assert out.read_bytes() == trained(epochs=2)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    network = read_classifier(out, sha256=digest)
    predicted = classify(network, BARS.test.images[:] / 255).argmax(dim=1)
    accuracy = float((predicted == BARS.test.labels).double().mean())
    assert shown == [f"test accuracy: {accuracy:.2%}", f"sha256: {digest}", f"weights: {out}"]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("digits", "--out", "a.safetensors"), 65, "digits has (1, 8, 8) rows in 10"),
        (("digits", "--out", "a.pt"), 2, "weights are written as .safetensors, got --out a.pt"),
        (("digits", "--out", "a.safetensors", "--epochs", "0"), 2, "epochs must be at least 1"),
        (("digits", "--out", "a.safetensors", "--seed", "-1"), 2, "seed must not be negative"),
    ],
)
def test_the_command_refuses_in_one_line_and_writes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    got = convergan("classifier", *arguments, "--threads", 1, monkeypatch=monkeypatch)
    stderr = capsys.readouterr().err
    assert got == code and reason in stderr and stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
