import json
import re
from pathlib import Path

import pandas as pd
import pytest

from convergan.data import DataError
from convergan.photos.assessment import PhotoAssessment, assess_photos
from convergan.photos.comparison import OURS, Comparison
from convergan.photos.fitting import PhotoFit, TrainingPhotos
from convergan.photos.model_folder import is_photo_model, read_photo_model, write_photo_model
from convergan.tabular.model_folder import require_new
from convergan.tabular.prediction import ErrorRate
from tests.photos.quick import QUICK


@pytest.fixture(scope="module")
def comparison(photos: TrainingPhotos) -> Comparison:
    """What would be found of the labelled ones if two were taken for the other class."""
    numbers = photos.train.photos.is_labeled.nonzero()[0]
    predicted = photos.train.photos.labels[numbers].copy()
    predicted[:2] = "light"
    errors = {OURS: ErrorRate(8, 2, 0.03, 0.65)}
    return Comparison(False, errors, numbers, predicted)


@pytest.fixture(scope="module")
def assessment(photos: TrainingPhotos, fitted: PhotoFit, comparison: Comparison) -> PhotoAssessment:
    return assess_photos(photos, fitted, comparison)


@pytest.fixture(scope="module")
def written(
    photos: TrainingPhotos,
    fitted: PhotoFit,
    comparison: Comparison,
    assessment: PhotoAssessment,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    place = tmp_path_factory.mktemp("written") / "model"
    bad = photos._replace(left_out=[("unlabeled/x.png", "not an image")])
    write_photo_model(place, bad, fitted, comparison, assessment, QUICK)
    return place


def test_the_folder_has_all_of_it(written: Path, photos: TrainingPhotos) -> None:
    assert sorted(file.name for file in written.iterdir()) == [
        *("left_out.csv", "model.zip", "predictions.csv", "record.json"),
        *("report.html", "to_label.csv"),
    ]
    table = pd.read_csv(written / "predictions.csv", keep_default_na=False)
    assert len(table) == 60 and (table["label"] != "").sum() == 8
    assert list(table)[:4] == ["file", "label", "prediction", "probability"]
    assert len(pd.read_csv(written / "to_label.csv")) == 52
    assert "unlabeled/x.png,not an image" in (written / "left_out.csv").read_text()
    record = json.loads((written / "record.json").read_text())
    assert record["labelled"] == {"dark": 4, "light": 4} and record["left_out"] == 1
    assert record["comparison"]["errors"][0]["wrong"] == 2


def test_the_page_leads_with_pictures(written: Path) -> None:
    page = (written / "report.html").read_text()
    heads = re.findall(r"<h2>(.*?)</h2>", page)
    assert heads[:2] == ["What it predicts", "The error, beside other methods"]
    assert heads[-1] == "How it was made"
    assert "About 25% of predictions are wrong" in page
    assert "dark, taken for light: 2" in page
    assert page.count("<figure") > 20 and 'src="http' not in page


def test_a_place_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file/model cannot be made: .*file: Not a directory"):
        require_new(tmp_path / "file" / "model")


def test_confusions_and_labels(assessment: PhotoAssessment) -> None:
    (confusion,) = assessment.confusions
    assert (confusion.given, confusion.predicted, len(confusion.numbers)) == ("dark", "light", 2)
    assert assessment.doubtful_labels == [] and assessment.duplicates == []
    assert len(set(assessment.to_label)) == 52


def test_a_model_is_read_from_its_folder_or_its_file(written: Path, tmp_path: Path) -> None:
    assert is_photo_model(written) and is_photo_model(written / "model.zip")
    for place in (written, written / "model.zip"):
        assert read_photo_model(place).classes_.tolist() == ["dark", "light"]
    with pytest.raises(DataError, match="is no model of photographs"):
        read_photo_model(tmp_path)


def test_a_folder_that_is_there(
    written: Path,
    photos: TrainingPhotos,
    fitted: PhotoFit,
    assessment: PhotoAssessment,
) -> None:
    with pytest.raises(ValueError, match="exists; a model is written to a new folder"):
        write_photo_model(written, photos, fitted, None, assessment, QUICK)
