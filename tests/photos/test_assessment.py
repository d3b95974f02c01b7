from pathlib import Path

import pytest

from convergan.photos.assessment import assess_photos
from convergan.photos.fitting import PhotoOptions, fit_photos, read_training_photos
from tests.embedding.pictures import shapes
from tests.photos.quick import QUICK


@pytest.mark.slow
def test_a_wrong_label_is_found(tmp_path: Path) -> None:
    shapes(tmp_path, labeled=10, unlabeled=20)
    wrong = tmp_path / "labeled" / "light" / "dark-3.png"
    (tmp_path / "labeled" / "dark" / "dark-3.png").rename(wrong)
    photos = read_training_photos(tmp_path, PhotoOptions(extractor="pixels@8"))
    fitted = fit_photos(photos, QUICK)
    found = assess_photos(photos, fitted, None).doubtful_labels
    (label,) = found
    assert photos.train.photos.files.name(label.number) == "labeled/light/dark-3.png"
    assert (label.given, label.predicted) == ("light", "dark") and label.probability < 0.1
