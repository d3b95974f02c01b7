from pathlib import Path

import numpy as np
import pytest

from convergan.data import DataError
from convergan.photos.fitting import PhotoFit
from convergan.photos.prediction import Answers, predict_photos, prediction_table
from tests.embedding.pictures import shapes


@pytest.fixture
def new(tmp_path: Path) -> Path:
    shapes(tmp_path, labeled=2, unlabeled=3, seed=1)
    (tmp_path / "unlabeled" / "broken.png").write_bytes(b"broken")
    return tmp_path


def test_each_photograph_gets_a_line(fitted: PhotoFit, new: Path) -> None:
    found = predict_photos(fitted.model, new, all_classes=True)
    table = found.table.set_index("file")
    assert len(table) == 11
    assert table.loc["labeled/dark/dark-0.png", "prediction"] == "dark"
    assert found.error is not None and found.error[:2] == (4, 0)
    broken = table.loc["unlabeled/broken.png"]
    assert broken["doubt"] == "unreadable" and broken.isna()["prediction"]
    sums = table[["probability_dark", "probability_light"]].sum(axis=1)
    assert sums.drop("unlabeled/broken.png").to_numpy() == pytest.approx(1)
    assert sum(found.counts.values()) == 10 and found.doubts["unreadable"] == 1
    assert any("1 photographs cannot be read" in notice for notice in found.notices)
    assert any("fewer than 200 unlabelled photographs" in notice for notice in found.notices)


def test_unsure_ones_are_left_empty_on_request(fitted: PhotoFit, new: Path) -> None:
    found = predict_photos(fitted.model, new, reject_below=1.0)
    assert set(found.predicted.tolist()) <= {"", "dark", "light"} and "" in found.predicted


def test_marks_of_doubt(fitted: PhotoFit) -> None:
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.01, 0.99], [0.31, 0.69]])
    answers = Answers(probabilities, np.array([0.5, 0.02, 0.001, 0.0001]))
    readable = np.array([True, True, False, True, True])
    table = prediction_table(fitted.model, list("abcde"), readable, answers)
    assert table["doubt"].tolist() == ["", "unsure", "unreadable", "unlike", "unsure unlike"]
    assert table["prediction"].fillna("").tolist() == ["dark", "light", "", "light", "light"]
    assert list(table) == ["file", "prediction", "probability", "ood_pvalue", "doubt"]


def test_labels_that_the_model_does_not_know(fitted: PhotoFit, new: Path) -> None:
    (new / "labeled" / "dark").rename(new / "labeled" / "grey")
    found = predict_photos(fitted.model, new)
    assert found.error is not None and found.error[:2] == (4, 2)
    assert any("does not know, so never predicts: grey" in notice for notice in found.notices)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_shares(fitted: PhotoFit, new: Path, share: float) -> None:
    with pytest.raises(ValueError, match="--reject-below must be from 0 to 1"):
        predict_photos(fitted.model, new, reject_below=share)


def test_photographs_that_were_learned_from_are_told(fitted: PhotoFit, folder: Path) -> None:
    notices = predict_photos(fitted.model, folder).notices
    assert any("fitted to the labels of 8 of these very photographs" in n for n in notices)


def test_nothing_that_can_be_read(fitted: PhotoFit, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"broken")
    with pytest.raises(DataError, match="none of the photographs .* broken.png .not an image"):
        predict_photos(fitted.model, tmp_path / "broken.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no photographs$"):
        predict_photos(fitted.model, tmp_path / "empty")
