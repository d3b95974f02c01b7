"""What a probe finds in a run, against the run's own figures."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from convergan.core.chance import derive
from convergan.data import DataError, Dataset, Rows, load
from convergan.metrics import gaussian_clones
from convergan.recipes import find_recipe
from convergan.runs.probe import probe
from convergan.runs.report import write_report
from convergan.runs.run import run
from convergan.runs.settings import Settings

pytestmark = pytest.mark.slow
NAME = "digits-without-graph"


def train(folder: Path, dataset: Dataset, name: str = NAME) -> None:
    recipe = replace(find_recipe(name), evaluate_every=10, checkpoint_every=10)
    labels = 50 if recipe.labels else 0
    settings = Settings(recipe=name, data="digits", labels=labels, seed=0, steps=20, device="cpu")
    for _ in run(recipe, dataset, settings, folder, baselines=recipe.classifies, keep=9):
        pass


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Iterator[Path]:
    """A finished run of a few steps, its batch cut by a probe of batch sizes."""
    folder = tmp_path_factory.mktemp("probed") / "run"
    train(folder, digits)
    for progress in probe(folder, digits, batch_sizes=(200,)):
        last = progress
    assert last.step == last.steps and "train with --keep 1000" in last.notices[0]
    yield folder


def test_errors_on_the_data_are_those_of_the_run(place: Path, digits: Dataset) -> None:
    found = json.loads((place / "probe.json").read_text())
    log = [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]
    tested = {line["step"]: line["test_error"] for line in log if "test_error" in line}
    curve = {point["step"]: point["data"] for point in found["moments"]["GAN"]}
    assert curve and curve.items() <= tested.items()
    twin = json.loads((place / "twin" / "result.json").read_text())
    assert found["moments"]["supervised twin"][-1]["data"] == twin["test_error"]


def test_errors_on_clones_differ_from_those_on_data_and_are_the_same_again(
    place: Path, digits: Dataset
) -> None:
    before = json.loads((place / "probe.json").read_text())
    point = before["moments"]["GAN"][-1]
    assert len({point["data"], point["mean"], point["mean and covariance"]}) == 3
    for _ in probe(place, digits, batch_sizes=(200,)):
        pass
    assert json.loads((place / "probe.json").read_text()) == before


def test_both_methods_and_sizes_of_the_box_have_a_sharpness(place: Path) -> None:
    found = json.loads((place / "probe.json").read_text())
    for method in ("GAN", "supervised twin"):
        for rows in ("labelled rows", "test rows"):
            large, small = (
                line["sharpness"]
                for line in found["sharpness"]
                if (line["method"], line["rows"]) == (method, rows)
            )
            assert large > small > 0


def test_another_batch_size_sees_as_many_rows(place: Path) -> None:
    [other] = json.loads((place / "probe.json").read_text())["batch_sizes"]
    assert (other["batch_size"], other["steps"]) == (200, 10)
    config = json.loads((place / "probe" / "batch-200" / "config.json").read_text())
    assert config["recipe"]["batch_size"] == 200 and config["settings"]["steps"] == 10
    assert len(other["sharpness"]) == 4


def test_the_report_shows_what_was_found(place: Path) -> None:
    page = write_report(place).read_text()
    assert "Probes" in page and "errors on test rows and on their clones" in page
    assert "batch of 200, test error" in page


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"result": None}, ValueError, "is not finished"),
        ({"train": None}, DataError, "are other data now"),
        ({"test": None}, DataError, "no test rows"),
    ],
)
def test_what_cannot_be_probed_is_refused(
    tmp_path: Path, digits: Dataset, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    data = digits
    if "test" in change:
        data = replace(digits, test=Rows(digits.test.images[:0], digits.test.labels[:0]))
    train(tmp_path / "run", data)
    if "result" in change:
        (tmp_path / "run" / "result.json").unlink()
    if "train" in change:
        data = replace(digits, classes=tuple("abcdefghij"))
    with pytest.raises(error, match=message):
        list(probe(tmp_path / "run", data))


def test_a_run_without_labels_and_a_batch_of_nothing_are_refused(
    tmp_path: Path, place: Path, digits: Dataset
) -> None:
    with pytest.raises(ValueError, match="batch sizes must be at least 1, got 0"):
        list(probe(place, digits, batch_sizes=(0,)))
    ring = load("ring")
    settings = Settings(recipe="toy", data="ring", labels=0, seed=0, steps=1, device="cpu")
    for _ in run(find_recipe("toy"), ring, settings, tmp_path / "run"):
        pass
    with pytest.raises(ValueError, match="a run of toy, which classifies no rows"):
        list(probe(tmp_path / "run", ring))


def test_clones_of_the_probe_are_those_of_its_seed(digits: Dataset) -> None:
    rows, labels = digits.test.images[:].float() / 16, digits.test.labels
    one, other = (gaussian_clones(rows, labels, 1, derive(seed, "clones", 1)) for seed in (0, 1))
    assert not torch.equal(one, other)
