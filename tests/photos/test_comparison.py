from pathlib import Path

import numpy as np
import pytest

from convergan.core.progress import Progress
from convergan.photos.comparison import OURS, WITHOUT_GAME, compare
from convergan.photos.fitting import (
    PhotoFit,
    PhotoOptions,
    TrainingPhotos,
    fit_photos,
    read_training_photos,
)
from tests.embedding.pictures import picture, shapes, write
from tests.photos.quick import QUICK


@pytest.mark.slow
def test_each_labelled_photograph_is_held_out_once(
    photos: TrainingPhotos, fitted: PhotoFit
) -> None:
    steps: list[Progress] = []
    found = compare(photos, fitted, QUICK, steps.append)
    assert found is not None and not found.on_test
    labeled = np.flatnonzero(photos.train.photos.is_labeled)
    assert np.array_equal(np.sort(found.numbers), labeled)
    assert list(found.errors) == [
        OURS,
        WITHOUT_GAME,
        "logistic regression",
        "nearest labelled photograph",
    ]
    assert all(one.rows == 8 for one in found.errors.values()) and found.errors[OURS].wrong == 0
    assert np.array_equal(found.predicted, photos.train.photos.labels[found.numbers])
    assert steps[0].step == 0 and steps[-1].step == steps[-1].steps == 20


def test_test_photographs_are_what_is_measured_on(tmp_path: Path) -> None:
    shapes(tmp_path, labeled=3, unlabeled=8)
    for number in range(6):
        level = 200 if number < 4 else 20  # two of them are dark and called light
        image = picture(0).point(lambda _, level=level: level)
        write(tmp_path / "test" / "light" / f"{number}.png", image.resize((10 + number, 9)))
    photos = read_training_photos(tmp_path, PhotoOptions(extractor="pixels@8"))
    fitted = fit_photos(photos, QUICK)
    found = compare(photos, fitted, QUICK)
    assert found is not None and found.on_test
    assert found.errors[OURS].wrong == 2 and found.errors[OURS].rows == 6
    expected = fitted.model.classifier_.predict(photos.test.rows)
    assert np.array_equal(found.predicted, expected)


def test_nothing_can_be_held_out_of_one_label_a_class(tmp_path: Path) -> None:
    shapes(tmp_path, labeled=1, unlabeled=6)
    photos = read_training_photos(tmp_path, PhotoOptions(extractor="pixels@8"))
    assert compare(photos, fit_photos(photos, QUICK), QUICK) is None
