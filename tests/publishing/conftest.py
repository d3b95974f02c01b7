from collections.abc import Iterator
from pathlib import Path

import pytest

from convergan.core.environment import note_environment
from convergan.photos.assessment import assess_photos
from convergan.photos.fitting import PhotoOptions, fit_photos, read_training_photos
from convergan.photos.model_folder import write_photo_model
from convergan.tabular import (
    FitOptions,
    TableOptions,
    assess_rows,
    fit_table,
    read_training_table,
    write_model,
)
from tests.commands import convergan
from tests.embedding.pictures import shapes
from tests.publishing.stand_in import Hub, asked_by_the_library
from tests.tabular.tables import iris

QUICKEST = FitOptions(max_epochs=1, device="cpu")


def train(folder: Path, *more: object) -> None:
    command = ("train", "digits", "--labels", 20, "--steps", 2, "--no-baselines", "--threads", 1)
    assert convergan(*command, "--device", "cpu", "--out", folder, "--quiet", *more) == 0


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "digits"
    train(folder)
    return folder


@pytest.fixture(scope="session")
def run_without_game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "without"
    train(folder, "--without", "game")
    return folder


@pytest.fixture(scope="session")
def table_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of iris, one of whose columns is of words."""
    place = tmp_path_factory.mktemp("table")
    table = iris(["a", "b", "c"])
    table["bed"] = ["north", "south"] * 75
    table.to_csv(place / "iris.csv", index=False)
    rows = read_training_table(place / "iris.csv", TableOptions(target="kind"))
    fitted = fit_table(rows, QUICKEST)
    write_model(place / "model", rows, fitted, assess_rows(rows, fitted), QUICKEST)
    note_environment(place / "model", ["convergan", "fit", str(place / "iris.csv")])
    return place / "model"


@pytest.fixture(scope="session")
def photo_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("photos")
    shapes(place / "photos", labeled=3, unlabeled=4)
    photos = read_training_photos(place / "photos", PhotoOptions(extractor="pixels@8"))
    fitted = fit_photos(photos, QUICKEST)
    assessment = assess_photos(photos, fitted, None)
    write_photo_model(place / "model", photos, fitted, None, assessment, QUICKEST)
    return place / "model"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with asked_by_the_library(monkeypatch) as asked:
        yield asked
