from pathlib import Path

import pytest

from convergan.photos.fitting import (
    PhotoFit,
    PhotoOptions,
    TrainingPhotos,
    fit_photos,
    read_training_photos,
)
from tests.embedding.pictures import shapes
from tests.photos.quick import QUICK


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark and light pictures, four of each labelled."""
    place = tmp_path_factory.mktemp("photos")
    shapes(place, labeled=4, unlabeled=26)
    return place


@pytest.fixture(scope="session")
def photos(folder: Path) -> TrainingPhotos:
    return read_training_photos(folder, PhotoOptions(extractor="pixels@8"))


@pytest.fixture(scope="session")
def fitted(photos: TrainingPhotos) -> PhotoFit:
    return fit_photos(photos, QUICK)
